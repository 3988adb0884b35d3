/**
 * One entry of `log.dirs`: what its checkpoints say, and writing them.
 *
 * Always true: a checkpoint on disk names only logs that live in the directory; a log that was deleted is taken out
 * before one of the same name is made again, because a stale start offset would empty the new one.
 */

import type { OffsetCheckpoint } from './checkpoint.ts';
import { offsetIn, readOffsetCheckpoint, setOffset, writeOffsetCheckpoint } from './checkpoint.ts';
import type { Disk, DiskError } from './disk.ts';
import {
  CLEANER_OFFSET_FILE,
  joinPath,
  LOG_START_OFFSET_FILE,
  RECOVERY_POINT_FILE,
  REPLICATION_OFFSET_FILE,
  readCleanShutdown,
  removeCleanShutdown,
  writeCleanShutdown,
} from './layout.ts';
import type { Log } from './log.ts';
import type { LogLeftBy } from './log-types.ts';

export class LogDirectory {
  readonly path: string;
  readonly logs = new Set<Log>();
  /** Copies under way to this directory: they fail with it, and that is all it does for them. */
  readonly futures = new Set<Log>();
  readonly #disk: Disk;
  #offlineCause: DiskError | null = null;
  #hadCleanShutdown = false;
  #previousBrokerEpoch = -1;
  #recoveryPoints: OffsetCheckpoint = new Map();
  #startOffsets: OffsetCheckpoint = new Map();
  #highWatermarks: OffsetCheckpoint = new Map();
  /** How far the cleaner came: its entries tell which logs were ever compacted. */
  #cleanerOffsets: OffsetCheckpoint = new Map();
  #isCleanerDamaged = false;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.path = path;
  }

  get offlineCause(): DiskError | null {
    return this.#offlineCause;
  }

  get isOnline(): boolean {
    return this.#offlineCause === null;
  }

  get hadCleanShutdown(): boolean {
    return this.#hadCleanShutdown;
  }

  /** Epoch of the broker that stopped cleanly last, or -1 (KIP-966). */
  get previousBrokerEpoch(): number {
    return this.#previousBrokerEpoch;
  }

  fail(cause: DiskError): void {
    this.#offlineCause ??= cause;
    for (const log of [...this.logs, ...this.futures]) log.markOffline(cause);
  }

  /** Reads what the last process left, and takes the clean-shutdown mark away: from now on a stop is a crash. */
  readState(): void {
    this.#disk.makeDirectory(this.path);
    const clean = readCleanShutdown(this.#disk, this.path);
    this.#hadCleanShutdown = clean !== null;
    this.#previousBrokerEpoch = clean?.brokerEpoch ?? -1;
    if (clean !== null) removeCleanShutdown(this.#disk, this.path);
    this.#recoveryPoints = this.#read(RECOVERY_POINT_FILE);
    this.#startOffsets = this.#read(LOG_START_OFFSET_FILE);
    this.#highWatermarks = this.#read(REPLICATION_OFFSET_FILE);
    this.#cleanerOffsets = this.#read(CLEANER_OFFSET_FILE);
    const cleaner = readOffsetCheckpoint(this.#disk, joinPath(this.path, CLEANER_OFFSET_FILE));
    this.#isCleanerDamaged = cleaner.status === 'damaged';
  }

  /** A damaged checkpoint counts as empty: recovery then scans more, which is always safe. */
  #read(name: string): OffsetCheckpoint {
    const read = readOffsetCheckpoint(this.#disk, joinPath(this.path, name));
    return read.status === 'present' ? read.offsets : new Map();
  }

  leftBy(topic: string, partition: number): LogLeftBy {
    return {
      hadCleanShutdown: this.#hadCleanShutdown,
      recoveryPoint: offsetIn(this.#recoveryPoints, topic, partition) ?? 0,
      logStartOffset: offsetIn(this.#startOffsets, topic, partition) ?? 0,
      highWatermark: offsetIn(this.#highWatermarks, topic, partition) ?? 0,
      // Without knowing, no log may be cut at a gap that a compaction has left.
      mayHaveGaps: this.#isCleanerDamaged || offsetIn(this.#cleanerOffsets, topic, partition) !== undefined,
    };
  }

  /** Makes sure that no checkpoint on disk speaks of a log that is about to be made. @throws {DiskError} */
  forget(topic: string, partition: number): void {
    const isKnown = (checkpoint: OffsetCheckpoint) => offsetIn(checkpoint, topic, partition) !== undefined;
    if (isKnown(this.#recoveryPoints)) this.checkpointRecoveryPoints();
    if (isKnown(this.#startOffsets)) this.checkpointStartOffsets();
    if (isKnown(this.#highWatermarks)) this.checkpointHighWatermarks();
    if (!isKnown(this.#cleanerOffsets)) return;
    const offsets = this.#offsets((log) => this.cleanerOffset(log) ?? null);
    this.#cleanerOffsets = this.#write(CLEANER_OFFSET_FILE, offsets, this.#cleanerOffsets);
  }

  /** Makes sure that no checkpoint on disk claims more of the log than what lies below `offset`. @throws {DiskError} */
  lower(log: Log, offset: number): void {
    const { topic, partition } = log;
    const isAbove = (known: OffsetCheckpoint) => (offsetIn(known, topic, partition) ?? 0) > offset;
    this.lowerRecoveryPoint(log, offset);
    if (isAbove(this.#startOffsets)) {
      const offsets = this.#offsets((other) => (other === log ? null : startOffsetToKeep(other)));
      this.#startOffsets = this.#write(LOG_START_OFFSET_FILE, offsets, this.#startOffsets);
    }
    if (isAbove(this.#cleanerOffsets)) this.setCleanerOffset(log, offset);
  }

  /** Makes sure that the log's recovery point on disk is at most `offset`. @throws {DiskError} */
  lowerRecoveryPoint(log: Log, offset: number): void {
    if ((offsetIn(this.#recoveryPoints, log.topic, log.partition) ?? 0) <= offset) return;
    const offsets = this.#offsets((other) =>
      other === log ? Math.min(log.recoveryPoint, offset) : other.recoveryPoint,
    );
    this.#recoveryPoints = this.#write(RECOVERY_POINT_FILE, offsets, this.#recoveryPoints);
  }

  /** How far the cleaner came in the log, or undefined. */
  cleanerOffset(log: Log): number | undefined {
    return offsetIn(this.#cleanerOffsets, log.topic, log.partition);
  }

  /** @throws {DiskError} */
  setCleanerOffset(log: Log, offset: number): void {
    const offsets = this.#offsets((other) => (other === log ? offset : (this.cleanerOffset(other) ?? null)));
    this.#cleanerOffsets = this.#write(CLEANER_OFFSET_FILE, offsets, this.#cleanerOffsets);
  }

  /** @throws {DiskError} */
  checkpointRecoveryPoints(): void {
    const offsets = this.#offsets((log) => log.recoveryPoint);
    this.#recoveryPoints = this.#write(RECOVERY_POINT_FILE, offsets, this.#recoveryPoints);
  }

  /** Only starts that the first segment's name does not tell. @throws {DiskError} */
  checkpointStartOffsets(): void {
    const offsets = this.#offsets(startOffsetToKeep);
    this.#startOffsets = this.#write(LOG_START_OFFSET_FILE, offsets, this.#startOffsets);
  }

  /** @throws {DiskError} */
  checkpointHighWatermarks(): void {
    const offsets = this.#offsets((log) => log.highWatermark);
    this.#highWatermarks = this.#write(REPLICATION_OFFSET_FILE, offsets, this.#highWatermarks);
  }

  /** The last thing a clean stop does, after all logs are closed. @throws {DiskError} */
  markClean(brokerEpoch: number): void {
    writeCleanShutdown(this.#disk, this.path, brokerEpoch);
  }

  #offsets(of: (log: Log) => number | null): OffsetCheckpoint {
    const offsets: OffsetCheckpoint = new Map();
    for (const log of this.logs) {
      const offset = of(log);
      if (offset !== null) setOffset(offsets, log.topic, log.partition, offset);
    }
    return offsets;
  }

  #write(name: string, offsets: OffsetCheckpoint, known: OffsetCheckpoint): OffsetCheckpoint {
    const path = joinPath(this.path, name);
    if (!isSame(offsets, known) || this.#disk.status(path) === null) {
      writeOffsetCheckpoint(this.#disk, path, offsets);
    }
    return offsets;
  }
}

const startOffsetToKeep = (log: Log): number | null =>
  log.logStartOffset > log.firstSegmentOffset ? log.logStartOffset : null;

function isSame(a: OffsetCheckpoint, b: OffsetCheckpoint): boolean {
  if (a.size !== b.size) return false;
  for (const [topic, partitions] of a) {
    const others = b.get(topic);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const [partition, offset] of partitions) if (others.get(partition) !== offset) return false;
  }
  return true;
}
