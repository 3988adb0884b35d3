/**
 * All logs of a broker: the directories they live in, opening and closing, making and deleting, and the periodic work.
 *
 * Always true:
 * - A partition has at most one log here, in one of the `log.dirs`; directories whose disk failed are offline with
 *   all their logs until the process ends (KIP-112), and the others go on.
 * - `.kafka_cleanshutdown` exists only while no process has the directory open and everything in it was synced.
 * - A deleted log's directory is renamed at once and removed after `file.delete.delay.ms`; no start opens it again.
 * - What goes by age goes by a clock that does not jump (clock-guard.ts).
 *
 * The metadata log (`__cluster_metadata-0`) is opened by its own owner. See Kafka's LogManager.
 */

import { assert } from '../protocol/assert.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { Clock } from './clock.ts';
import { retentionHoldMs, SteadyClock } from './clock-guard.ts';
import type { Disk, PathStatus } from './disk.ts';
import { DiskError } from './disk.ts';
import { FutureLogs } from './future-logs.ts';
import type { TopicPartition } from './layout.ts';
import {
  DELETE_DIRECTORY_SUFFIX,
  directoryKind,
  joinPath,
  LOG_START_OFFSET_FILE,
  logDirectoryName,
  parseLogDirectoryName,
  RECOVERY_POINT_FILE,
  REPLICATION_OFFSET_FILE,
  readPartitionMetadata,
  renamedDirectoryName,
} from './layout.ts';
import { Log } from './log.ts';
import type { LogConfig } from './log-config.ts';
import { LogDirectory } from './log-directory.ts';
import type { LogEnvironment } from './log-types.ts';
import type { OpenProducers } from './producers.ts';
import type { ScanHelpers, UnflushedSegment } from './scan-ahead.ts';
import { ScanAhead, unflushedSegments } from './scan-ahead.ts';
import { StagingPool } from './staging.ts';
import { StallGuards } from './stall-guard.ts';

/** Opened by the Raft node, not here. */
const METADATA_TOPIC = '__cluster_metadata';

export interface LogManagerIntervals {
  /** log.retention.check.interval.ms */
  readonly retentionCheckMs: number;
  /** log.flush.offset.checkpoint.interval.ms */
  readonly recoveryPointMs: number;
  /** log.flush.start.offset.checkpoint.interval.ms */
  readonly startOffsetMs: number;
  /** replica.high.watermark.checkpoint.interval.ms */
  readonly highWatermarkMs: number;
}

export const defaultLogManagerIntervals: LogManagerIntervals = {
  retentionCheckMs: 300_000,
  recoveryPointMs: 60_000,
  startOffsetMs: 60_000,
  highWatermarkMs: 5_000,
};

export interface LogManagerOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logDirs: readonly string[];
  readonly intervals?: LogManagerIntervals;
  /** The configuration of a topic found on disk; `updateConfig` corrects it once the metadata is known. */
  readonly configOf: (topic: string) => LogConfig;
  readonly openProducers: OpenProducers;
  /** Shared with other logs that lie in the same directories. */
  readonly stallGuards?: StallGuards;
  /** Other threads that read the same disk, for recovery; without, this thread does all of it. */
  readonly scanHelpers?: ScanHelpers;
  /** No other node has replicas: what lies here was written here. */
  readonly isAlone?: boolean;
  /** A directory's disk failed: its logs are offline. */
  readonly onDirectoryFailure: (directory: string, cause: DiskError) => void;
  /** The last directory went offline: there is nothing left to serve. */
  readonly onNoDirectory?: (cause: DiskError) => void;
}

const CHECKPOINT_FILES = [RECOVERY_POINT_FILE, REPLICATION_OFFSET_FILE, LOG_START_OFFSET_FILE];

/** Kafka waits this long after its start before the first retention check (LogManager.InitialTaskDelayMs). */
const FIRST_RETENTION_CHECK_MS = 30_000;

/** Logs that are closed at the same time: enough to keep a disk busy. */
const CLOSING_AT_ONCE = 16;

export class LogManager {
  readonly directories: readonly LogDirectory[];
  readonly #options: LogManagerOptions;
  readonly #intervals: LogManagerIntervals;
  readonly #environment: LogEnvironment;
  readonly #logs = new Map<string, Log>();
  readonly #due: { retention: number; recoveryPoint: number; startOffset: number; highWatermark: number };
  readonly #steadyClock: SteadyClock;
  /** Tells what is too old to keep. */
  readonly #retentionClock: SteadyClock;
  #isOpen = false;
  /** A recovery point that has passed a segment is not noted on disk yet. */
  #hasFinishedSegment = false;
  /** Copies of logs on their way to another directory. */
  readonly futures: FutureLogs;
  readonly #preferred = new Map<string, string>();
  readonly #onDirectoryFailure: ((path: string) => void)[] = [];
  /** When a tick first found a log with a flush.ms to have bytes that are not synced. */
  readonly #dirtySince = new WeakMap<Log, number>();
  /** Renamed directories that wait to be removed. */
  #doomed: { readonly path: string; readonly atMs: number }[] = [];

  private constructor(options: LogManagerOptions) {
    this.#options = options;
    this.#intervals = options.intervals ?? defaultLogManagerIntervals;
    this.directories = options.logDirs.map((path) => new LogDirectory(options.disk, path));
    this.#environment = {
      disk: options.disk,
      stagingPool: new StagingPool(),
      stallGuards: options.stallGuards ?? new StallGuards(() => options.clock.monotonicMs()),
      openProducers: options.openProducers,
      random: options.random,
      onFailure: (log, cause) => this.#onFailure(log, cause),
      beforeTruncation: (log, offset) => this.directoryOf(log)?.lower(log, offset),
      onFinished: () => {
        this.#hasFinishedSegment = true;
      },
      beforeRoll: (log, offset) => this.directoryOf(log)?.lowerRecoveryPoint(log, offset - 1),
    };
    this.futures = new FutureLogs({
      disk: options.disk,
      clock: options.clock,
      environment: this.#environment,
      uniqueId: () => this.#uniqueId(),
      doom: (path, delayMs) => this.#doomed.push({ path, atMs: options.clock.wallMs() + delayMs }),
    });
    this.#steadyClock = new SteadyClock(options.clock);
    const lastSeenWallMs = this.#lastSeenWallMs();
    this.#retentionClock = new SteadyClock(options.clock, { holdMs: retentionHoldMs, lastSeenWallMs });
    const nowMs = options.clock.monotonicMs();
    this.#due = {
      retention: nowMs + Math.min(FIRST_RETENTION_CHECK_MS, this.#intervals.retentionCheckMs),
      recoveryPoint: nowMs + this.#intervals.recoveryPointMs,
      startOffset: nowMs + this.#intervals.startOffsetMs,
      highWatermark: nowMs + this.#intervals.highWatermarkMs,
    };
  }

  /**
   * Opens every log in every directory, recovering what was not left clean. A directory that fails is offline.
   * @throws {DiskError} when none is left
   */
  static open(options: LogManagerOptions): LogManager {
    const manager = new LogManager(options);
    const unflushed: UnflushedSegment[] = [];
    manager.#atEach((directory) => {
      directory.readState();
      if (!directory.hadCleanShutdown) unflushed.push(...manager.#unflushedIn(directory));
    });
    const scanAhead = new ScanAhead(unflushed, options.scanHelpers ?? null);
    try {
      manager.#atEach((directory) => manager.#openAll(directory, { ...manager.#environment, scanAhead }));
    } finally {
      scanAhead.end();
    }
    manager.#isOpen = true;
    return manager;
  }

  /** Does this in each directory that is online; one where it fails is not. @throws {DiskError} when none is left */
  #atEach(open: (directory: LogDirectory) => void): void {
    for (const directory of this.directories) {
      if (!directory.isOnline) continue;
      try {
        open(directory);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        this.#failDirectory(directory, error);
        if (this.directories.every(({ isOnline }) => !isOnline)) throw error;
      }
    }
  }

  /** In the order in which they are going to be opened. */
  #unflushedIn(directory: LogDirectory): UnflushedSegment[] {
    const { disk } = this.#options;
    return disk.list(directory.path).flatMap(({ name, isDirectory }) => {
      const parsed = isDirectory ? logIn(name) : null;
      if (parsed === null) return [];
      const { recoveryPoint } = directory.leftBy(parsed.topic, parsed.partition);
      return unflushedSegments(disk, joinPath(directory.path, name), recoveryPoint);
    });
  }

  #openAll(directory: LogDirectory, environment: LogEnvironment): void {
    const { disk, clock, configOf } = this.#options;
    const nowMs = clock.wallMs();
    for (const { name, isDirectory } of disk.list(directory.path)) {
      if (!isDirectory) continue;
      const path = joinPath(directory.path, name);
      const kind = directoryKind(name);
      if (kind === 'delete') this.#doomed.push({ path, atMs: nowMs });
      if (kind === 'future') this.futures.found(directory, name);
      const parsed = logIn(name);
      if (parsed === null) continue;
      const { topic, partition } = parsed;
      const metadata = readPartitionMetadata(disk, path);
      const topicId = metadata.status === 'present' ? metadata.topicId : ZERO_UUID;
      const identity = { topic, partition, topicId, directory: path };
      const leftBy = { ...directory.leftBy(topic, partition), isOnlyReplica: this.#options.isAlone ?? false };
      this.#addOpened(directory, new Log(identity, configOf(topic), leftBy, environment, nowMs));
    }
  }

  /** A crash between the two renames of a move leaves two logs, of which the shorter, if any, is the one that moved. */
  #addOpened(directory: LogDirectory, log: Log): void {
    const other = this.get(log.topic, log.partition);
    if (other !== undefined && other.logEndOffset >= log.logEndOffset) {
      log.abandon();
      this.#discard(directory, log);
      return;
    }
    if (other !== undefined) this.delete(log.topic, log.partition);
    this.#add(directory, log);
  }

  #add(directory: LogDirectory, log: Log): void {
    directory.logs.add(log);
    this.#logs.set(keyOf(log.topic, log.partition), log);
  }

  /** The time by which something may go for its age; behind the wall clock for a while after that has jumped ahead. */
  get retentionWallMs(): number {
    return this.#retentionClock.wallMs();
  }

  /** When a checkpoint was last written here, or null. */
  #lastSeenWallMs(): number | null {
    const { disk, logDirs } = this.#options;
    const timesMs = logDirs.flatMap((directory) =>
      CHECKPOINT_FILES.map((name) => statusOf(disk, joinPath(directory, name))?.modifiedMs ?? 0),
    );
    const lastMs = Math.max(0, ...timesMs);
    return lastMs > 0 ? lastMs : null;
  }

  all(): IterableIterator<Log> {
    return this.#logs.values();
  }

  get(topic: string, partition: number): Log | undefined {
    return this.#logs.get(keyOf(topic, partition));
  }

  /**
   * The partition's log if it belongs to the topic of this id. A log whose `partition.metadata` was lost, or differs by
   * a single flipped bit, is taken for it and its id mended: else damage to 60 bytes would cost the whole log.
   */
  find(topic: string, partition: number, topicId: string): Log | undefined {
    const log = this.get(topic, partition);
    if (log === undefined || log.topicId === topicId) return log;
    if (log.topicId !== ZERO_UUID && !differsByOneBit(log.topicId, topicId)) return undefined;
    log.assignTopicId(topicId);
    return log;
  }

  /**
   * Makes the partition's log, in the directory with the fewest, or gives the one there is for this topic id. One of
   * another id must have been deleted before. A new log has no files until something is put into it. @throws {DiskError}
   */
  create(topic: string, partition: number, topicId: string, config: LogConfig): Log {
    const existing = this.find(topic, partition, topicId);
    if (existing !== undefined) {
      existing.updateConfig(config);
      return existing;
    }
    const directory = this.#directoryForNew(keyOf(topic, partition));
    const path = joinPath(directory.path, logDirectoryName(topic, partition));
    try {
      directory.forget(topic, partition);
      const identity = { topic, partition, topicId, directory: path };
      const log = new Log(identity, config, null, this.#environment, this.#options.clock.wallMs());
      this.#add(directory, log);
      return log;
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'io') this.#failDirectory(directory, error);
      throw error;
    }
  }

  /** Says where `create` shall put the partition's log, if that directory is online. */
  prefer(topic: string, partition: number, path: string): void {
    this.#preferred.set(keyOf(topic, partition), path);
  }

  directoryAt(path: string): LogDirectory | undefined {
    return this.directories.find((directory) => directory.path === path);
  }

  /** Calls `action` whenever a directory has gone offline with all its logs. */
  whenDirectoryFails(action: (path: string) => void): void {
    this.#onDirectoryFailure.push(action);
  }

  #directoryForNew(key: string): LogDirectory {
    const preferred = this.directoryAt(this.#preferred.get(key) ?? '');
    this.#preferred.delete(key);
    if (preferred?.isOnline === true) return preferred;
    let best: LogDirectory | null = null;
    for (const directory of this.directories) {
      if (directory.isOnline && (best === null || directory.logs.size < best.logs.size)) best = directory;
    }
    if (best === null) throw new DiskError('EIO', 'create', this.#options.logDirs.join(','));
    return best;
  }

  /** Takes the partition's log out of service and renames its directory; the files go later. */
  delete(topic: string, partition: number): void {
    const log = this.get(topic, partition);
    if (log === undefined) return;
    const directory = this.directoryOf(log);
    this.futures.drop(topic, partition);
    log.abandon();
    this.#logs.delete(keyOf(topic, partition));
    directory?.logs.delete(log);
    if (directory?.isOnline === true && log.hasDirectory) this.#discard(directory, log);
  }

  /** Renames an abandoned log's directory, to be removed later. @throws {DiskError} */
  #discard(directory: LogDirectory, log: Log): void {
    const { disk, clock } = this.#options;
    const name = renamedDirectoryName(log.topic, log.partition, this.#uniqueId(), DELETE_DIRECTORY_SUFFIX);
    const path = joinPath(directory.path, name);
    this.#guarded(directory, () => disk.rename(log.dir, path));
    log.movedTo(path);
    this.#doomed.push({ path, atMs: clock.wallMs() + log.config.fileDeleteDelayMs });
  }

  /**
   * Puts the finished copy in the place of the partition's log: synchronously, and so that a power cut at any moment
   * leaves at least one of the two whole. The copy must hold all that the log does, synced. It takes the configuration
   * over as well: the topic's may have changed since the copy was begun. @throws {DiskError}
   */
  promoteFuture(topic: string, partition: number): Log {
    const source = this.get(topic, partition);
    const future = this.futures.release(topic, partition);
    assert(source !== undefined && future !== null, 'a copy takes the place of the log that it was made of');
    const { log, directory } = future;
    const from = this.directoryOf(source);
    assert(from !== undefined && from !== directory, 'a log moves from one directory to another');
    assert(log.syncedEndOffset === source.logEndOffset, 'a copy that takes over is complete and synced');
    const path = joinPath(directory.path, logDirectoryName(topic, partition));
    this.#guarded(directory, () => {
      directory.forget(topic, partition);
      directory.logs.add(log);
      const cleanedOffset = from.cleanerOffset(source);
      // Before the name is there: it tells recovery that offsets may be missing.
      if (cleanedOffset !== undefined) directory.setCleanerOffset(log, cleanedOffset);
      this.#options.disk.rename(log.dir, path);
      log.movedTo(path);
      this.#options.disk.syncDirectoryNow(directory.path);
      directory.checkpointStartOffsets();
    });
    log.updateConfig(source.config);
    from.logs.delete(source);
    this.#logs.set(keyOf(topic, partition), log);
    source.abandon();
    if (from.isOnline && source.hasDirectory) this.#discard(from, source);
    return log;
  }

  #guarded(directory: LogDirectory, change: () => void): void {
    try {
      change();
    } catch (error) {
      if (error instanceof DiskError) this.#failDirectory(directory, error);
      throw error;
    }
  }

  /** 32 hexadecimal digits. */
  #uniqueId(): string {
    let id = '';
    while (id.length < 32) id += Math.floor(this.#options.random() * 16).toString(16);
    return id;
  }

  /** Where the log lies; undefined for copies under way. */
  directoryOf(log: Log): LogDirectory | undefined {
    return this.directories.find((directory) => directory.logs.has(log));
  }

  /** Whoever works on a log's files apart from the log met a disk that fails: its directory goes offline. */
  diskFailed(log: Log, cause: DiskError): void {
    this.#onFailure(log, cause);
  }

  #onFailure(log: Log, cause: DiskError): void {
    const directory = this.directories.find(({ logs, futures }) => logs.has(log) || futures.has(log));
    if (directory !== undefined) this.#failDirectory(directory, cause);
  }

  #failDirectory(directory: LogDirectory, cause: DiskError): void {
    if (!directory.isOnline) return;
    directory.fail(cause);
    this.#options.onDirectoryFailure(directory.path, cause);
    for (const action of this.#onDirectoryFailure) action(directory.path);
    const isLast = this.directories.every(({ isOnline }) => !isOnline);
    if (isLast && this.#isOpen) this.#options.onNoDirectory?.(cause);
  }

  /**
   * The periodic work that is due: retention, checkpoints, removal of what was deleted, letting go of idle files. Call
   * it about once a second.
   */
  async tick(): Promise<void> {
    const wallMs = this.#options.clock.wallMs();
    const monotonicMs = this.#options.clock.monotonicMs();
    const { retentionWallMs } = this;
    await this.#flushOverdue(monotonicMs);
    if (this.#isDue('highWatermark', monotonicMs, this.#intervals.highWatermarkMs)) {
      await this.#checkpointLater((directory) => directory.checkpointLater('highWatermarks'));
    }
    if (this.#isDue('startOffset', monotonicMs, this.#intervals.startOffsetMs)) {
      await this.#checkpointLater((directory) => directory.checkpointLater('startOffsets'));
    }
    const isRecoveryPointDue = this.#isDue('recoveryPoint', monotonicMs, this.#intervals.recoveryPointMs);
    if (isRecoveryPointDue || this.#hasFinishedSegment) {
      // A start scans whole segments, so that one more to leave out is worth a note; what moves within one is not.
      this.#hasFinishedSegment = false;
      await this.#checkpointLater((directory) => directory.checkpointLater('recoveryPoints'));
    }
    if (isRecoveryPointDue) {
      for (const log of [...this.#logs.values()])
        await ignoringDiskErrors(() => log.tidy(this.#steadyClock.wallMs()));
    }
    if (this.#isDue('retention', monotonicMs, this.#intervals.retentionCheckMs)) {
      for (const log of [...this.#logs.values()])
        await ignoringDiskErrors(() => this.#retain(log, retentionWallMs));
    }
    await this.#removeDoomed(wallMs);
  }

  /**
   * flush.ms: what was appended reaches the disk within that time and one tick. Kafka looks for it only every
   * log.flush.scheduler.interval.ms, which by default is never; whoever sets it for a topic means it, though.
   */
  async #flushOverdue(nowMs: number): Promise<void> {
    for (const log of this.#logs.values()) {
      if (log.config.flushMs >= Number.MAX_SAFE_INTEGER) continue;
      const isDirty = log.syncedEndOffset < log.logEndOffset;
      const sinceMs = this.#dirtySince.get(log);
      if (!isDirty) this.#dirtySince.delete(log);
      else if (sinceMs === undefined) this.#dirtySince.set(log, nowMs);
      else if (nowMs - sinceMs >= log.config.flushMs) {
        this.#dirtySince.delete(log);
        await ignoringDiskErrors(() => log.sync());
      }
    }
  }

  #isDue(
    task: 'retention' | 'recoveryPoint' | 'startOffset' | 'highWatermark',
    nowMs: number,
    everyMs: number,
  ) {
    if (nowMs < this.#due[task]) return false;
    this.#due[task] = nowMs + everyMs;
    return true;
  }

  async #retain(log: Log, nowMs: number): Promise<void> {
    const { retentionMs } = log.config;
    if (retentionMs >= 0) await log.warmUpTimes(nowMs - retentionMs);
    if (this.get(log.topic, log.partition) === log) log.deleteOldSegments(nowMs);
  }

  #checkpoint(write: (directory: LogDirectory) => void): void {
    for (const directory of this.directories) {
      if (!directory.isOnline) continue;
      try {
        write(directory);
      } catch (error) {
        this.#checkpointFailed(directory, error);
      }
    }
  }

  /** As `#checkpoint`; no directory waits for another. */
  async #checkpointLater(write: (directory: LogDirectory) => Promise<void>): Promise<void> {
    const online = this.directories.filter(({ isOnline }) => isOnline);
    await Promise.all(
      online.map((directory) =>
        write(directory).catch((error: unknown) => this.#checkpointFailed(directory, error)),
      ),
    );
  }

  /** A full disk costs a longer recovery, not the directory. */
  #checkpointFailed(directory: LogDirectory, error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    if (error.kind === 'io') this.#failDirectory(directory, error);
  }

  /**
   * Writes down where these logs begin now, so that no crash brings back what was deleted. Gives those whose directory
   * could not be written.
   */
  async keepStartOffsets(logs: ReadonlySet<Log>): Promise<Set<Log>> {
    const failed = new Set(logs);
    await this.#checkpointLater(async (directory) => {
      const kept = [...logs].filter((log) => directory.logs.has(log));
      if (kept.length === 0) return;
      await directory.checkpointLater('startOffsets');
      for (const log of kept) failed.delete(log);
    });
    return failed;
  }

  async #removeDoomed(nowMs: number): Promise<void> {
    const due = this.#doomed.filter(({ atMs }) => atMs <= nowMs);
    if (due.length === 0) return;
    this.#doomed = this.#doomed.filter(({ atMs }) => atMs > nowMs);
    for (const { path } of due) await ignoringDiskErrors(() => this.#options.disk.remove(path));
  }

  /** Closes every log and marks the directories clean. A directory where anything failed stays unmarked. */
  async close(brokerEpoch = -1): Promise<void> {
    this.futures.abandonAll();
    const waiting = [...this.#logs.values()];
    const unclean = new Set<LogDirectory | undefined>();
    const closeNext = async (): Promise<void> => {
      for (let log = waiting.pop(); log !== undefined; log = waiting.pop()) {
        const closing = log;
        try {
          await closing.close();
        } catch (error) {
          if (!(error instanceof DiskError)) throw error;
          unclean.add(this.directoryOf(closing));
          this.#onFailure(closing, error);
        }
      }
    };
    await Promise.all(Array.from({ length: CLOSING_AT_ONCE }, closeNext));
    this.#checkpoint((directory) => {
      directory.checkpointHighWatermarks();
      directory.checkpointStartOffsets();
      directory.checkpointRecoveryPoints();
      if (!unclean.has(directory)) directory.markClean(brokerEpoch);
    });
  }
}

/** The partition whose log a directory of this name is, if it is opened here. */
function logIn(name: string): TopicPartition | null {
  const parsed = directoryKind(name) === 'log' ? parseLogDirectoryName(name) : null;
  return parsed === null || parsed.topic === METADATA_TOPIC ? null : parsed;
}

/** What is on a disk that fails is not known. */
function statusOf(disk: Disk, path: string): PathStatus | null {
  try {
    return disk.status(path);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return null;
  }
}

const keyOf = (topic: string, partition: number): string => `${topic}-${partition}`;

async function ignoringDiskErrors(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Whoever met it has gone offline already where that is called for.
    if (!(error instanceof DiskError)) throw error;
  }
}

/** Whether two texts of the same length are one flipped bit apart. */
function differsByOneBit(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let bits = 0;
  for (let index = 0; index < a.length; index++) {
    for (let rest = a.charCodeAt(index) ^ b.charCodeAt(index); rest !== 0; rest &= rest - 1) bits++;
  }
  return bits === 1;
}
