/**
 * One entry of `log.dirs`: what its checkpoints say, and writing them.
 *
 * Always true: a checkpoint on disk names only logs that live in the directory; a log that was deleted is taken out
 * before one of the same name is made again, because a stale start offset would empty the new one.
 */

import type { OffsetCheckpoint } from './checkpoint.ts';
import { setOffset } from './checkpoint.ts';
import { CheckpointFile } from './checkpoint-file.ts';
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
  readonly #recoveryPoints: CheckpointFile;
  readonly #startOffsets: CheckpointFile;
  readonly #highWatermarks: CheckpointFile;
  /** How far the cleaner came: its entries tell which logs were ever compacted. */
  readonly #cleanerOffsets: CheckpointFile;
  #isCleanerDamaged = false;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.path = path;
    const fileOf = (name: string) => new CheckpointFile(disk, joinPath(path, name));
    this.#recoveryPoints = fileOf(RECOVERY_POINT_FILE);
    this.#startOffsets = fileOf(LOG_START_OFFSET_FILE);
    this.#highWatermarks = fileOf(REPLICATION_OFFSET_FILE);
    this.#cleanerOffsets = fileOf(CLEANER_OFFSET_FILE);
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
    // A damaged checkpoint counts as empty: recovery then scans more, which is always safe.
    this.#recoveryPoints.read();
    this.#startOffsets.read();
    this.#highWatermarks.read();
    this.#isCleanerDamaged = !this.#cleanerOffsets.read();
  }

  leftBy(topic: string, partition: number): LogLeftBy {
    return {
      hadCleanShutdown: this.#hadCleanShutdown,
      recoveryPoint: this.#recoveryPoints.offset(topic, partition) ?? 0,
      logStartOffset: this.#startOffsets.offset(topic, partition) ?? 0,
      highWatermark: this.#highWatermarks.offset(topic, partition) ?? 0,
      // Without knowing, no log may be cut at a gap that a compaction has left.
      mayHaveGaps: this.#isCleanerDamaged || this.#cleanerOffsets.offset(topic, partition) !== undefined,
    };
  }

  /** Makes sure that no checkpoint on disk speaks of a log that is about to be made. @throws {DiskError} */
  forget(topic: string, partition: number): void {
    const isKnown = (file: CheckpointFile) => file.mayTell(topic, partition) !== undefined;
    if (isKnown(this.#recoveryPoints)) this.checkpointRecoveryPoints();
    if (isKnown(this.#startOffsets)) this.checkpointStartOffsets();
    if (isKnown(this.#highWatermarks)) this.checkpointHighWatermarks();
    if (isKnown(this.#cleanerOffsets))
      this.#cleanerOffsets.write(this.#offsets((log) => this.cleanerOffset(log)));
  }

  /** Makes sure that no checkpoint on disk claims more of the log than what lies below `offset`. @throws {DiskError} */
  lower(log: Log, offset: number): void {
    const { topic, partition } = log;
    const isAbove = (file: CheckpointFile) => (file.mayTell(topic, partition) ?? 0) > offset;
    this.lowerRecoveryPoint(log, offset);
    if (isAbove(this.#startOffsets)) {
      this.#startOffsets.write(
        this.#offsets((other) => (other === log ? undefined : startOffsetToKeep(other))),
      );
    }
    if (isAbove(this.#cleanerOffsets)) this.setCleanerOffset(log, offset);
  }

  /** Makes sure that the log's recovery point on disk is at most `offset`. @throws {DiskError} */
  lowerRecoveryPoint(log: Log, offset: number): void {
    if ((this.#recoveryPoints.mayTell(log.topic, log.partition) ?? 0) <= offset) return;
    this.#recoveryPoints.write(
      this.#offsets((other) => (other === log ? Math.min(log.recoveryPoint, offset) : other.recoveryPoint)),
    );
  }

  /** How far the cleaner came in the log, or undefined. */
  cleanerOffset(log: Log): number | undefined {
    return this.#cleanerOffsets.offset(log.topic, log.partition);
  }

  /** @throws {DiskError} */
  setCleanerOffset(log: Log, offset: number): void {
    this.#cleanerOffsets.write(this.#cleanerOffsetsWith(log, offset));
  }

  /** As `setCleanerOffset`, on the thread pool; not if the log is cut before its turn comes. @throws {DiskError} */
  setCleanerOffsetLater(log: Log, offset: number): Promise<void> {
    const { truncationCount } = log.files;
    return this.#cleanerOffsets.writeLater(() =>
      log.files.truncationCount === truncationCount
        ? this.#cleanerOffsetsWith(log, offset)
        : this.#offsets((other) => this.cleanerOffset(other)),
    );
  }

  #cleanerOffsetsWith(log: Log, offset: number): OffsetCheckpoint {
    return this.#offsets((other) => (other === log ? offset : this.cleanerOffset(other)));
  }

  /** @throws {DiskError} */
  checkpointRecoveryPoints(): void {
    this.#recoveryPoints.write(this.#offsets(recoveryPointOf));
  }

  /** Only starts that the first segment's name does not tell. @throws {DiskError} */
  checkpointStartOffsets(): void {
    this.#startOffsets.write(this.#offsets(startOffsetToKeep));
  }

  /** @throws {DiskError} */
  checkpointHighWatermarks(): void {
    this.#highWatermarks.write(this.#offsets(highWatermarkOf));
  }

  /** As the three above, on the thread pool, with what holds when earlier ones of the same kind are through. @throws {DiskError} */
  checkpointLater(kind: 'recoveryPoints' | 'startOffsets' | 'highWatermarks'): Promise<void> {
    switch (kind) {
      case 'recoveryPoints':
        return this.#recoveryPoints.writeLater(() => this.#offsets(recoveryPointOf));
      case 'startOffsets':
        return this.#startOffsets.writeLater(() => this.#offsets(startOffsetToKeep));
      case 'highWatermarks':
        return this.#highWatermarks.writeLater(() => this.#offsets(highWatermarkOf));
    }
  }

  /** The last thing a clean stop does, after all logs are closed. @throws {DiskError} */
  markClean(brokerEpoch: number): void {
    writeCleanShutdown(this.#disk, this.path, brokerEpoch);
  }

  #offsets(of: (log: Log) => number | undefined): OffsetCheckpoint {
    const offsets: OffsetCheckpoint = new Map();
    for (const log of this.logs) {
      // A log without files has nothing to tell, and the next start does not know it.
      if (!log.hasDirectory) continue;
      const offset = of(log);
      if (offset !== undefined) setOffset(offsets, log.topic, log.partition, offset);
    }
    return offsets;
  }
}

const recoveryPointOf = (log: Log): number => log.recoveryPoint;

const highWatermarkOf = (log: Log): number => log.highWatermark;

const startOffsetToKeep = (log: Log): number | undefined =>
  log.logStartOffset > log.firstSegmentOffset ? log.logStartOffset : undefined;
