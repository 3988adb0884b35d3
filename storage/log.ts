/**
 * One partition's log: what was appended, in order, in Kafka's files.
 *
 * Always true:
 * - `logStartOffset` ≤ `highWatermark` ≤ `logEndOffset`, and `syncedEndOffset` ≤ `flushedEndOffset` ≤ `logEndOffset`.
 * - An append assigns offsets and moves `logEndOffset` at once and synchronously. Its bytes are in the file below
 *   `flushedEndOffset`, and on the disk below `syncedEndOffset`.
 * - A write that fails throws a `DiskError`, or rejects with one where a slow disk had it written on the thread pool,
 *   after the log was put back to its last flushed end: offsets, indexes, leader epochs and producer state. The caller
 *   then acknowledges nothing at or above the `logEndOffset` it finds.
 * - `read` gives whole batches, in memory of their own, that are in the file and lie below what the caller may see.
 *
 * Agrees with Kafka's UnifiedLog. The files are the business of local-log.ts, looking things up of log-read.ts.
 */

import { assert } from '../protocol/assert.ts';
import { baseOffset, partitionLeaderEpoch, sizeInBytes } from '../protocol/batch.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { isRefused, scanReplicated, validateAppend } from './append.ts';
import { appendedResult, refusedResult } from './append-result.ts';
import type { Disk, DiskError } from './disk.ts';
import { parentOf } from './disk.ts';
import { writePartitionMetadata } from './layout.ts';
import type { EpochEndOffset, EpochEntry } from './leader-epochs.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { LocalLog } from './local-log.ts';
import type { LogConfig } from './log-config.ts';
import type { LogRead, ReadOptions } from './log-read.ts';
import { collectAborted, findMaxTimestamp, findTimestamp, readSegments, refusedRead } from './log-read.ts';
import type { AppendOptions, AppendResult, LogEnvironment, LogIdentity, LogLeftBy } from './log-types.ts';
import type { Producers } from './producers.ts';
import type { RecoveryReport } from './recovery.ts';
import { planLog, rebuildProducers, recoverLog } from './recovery.ts';
import type { LogFacts } from './retention.ts';
import { breachedByLogStart, breachedBySize, breachedByTime } from './retention.ts';
import type { Segment } from './segment.ts';
import type { TimestampAndOffset } from './segment-types.ts';
import { syncFile } from './small-file.ts';
import { StallGuards } from './stall-guard.ts';
import type { AbortedTransaction } from './transaction-index.ts';
import type { WarmUpPlace } from './warm-up.ts';
import { warmUpBytes, warmUpTimes } from './warm-up.ts';

/** The part of a judged append that the log stores. */
interface Judged {
  readonly records: Buffer;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly logAppendTimeMs: number;
  readonly recordCount: number;
}

export class Log {
  readonly topic: string;
  readonly partition: number;
  /** What opening the log found. */
  readonly recovery: RecoveryReport;
  readonly #disk: Disk;
  readonly #epochs: LeaderEpochs;
  readonly #producers: Producers;
  readonly #local: LocalLog;
  readonly #name: string;
  readonly #beforeTruncation: (log: Log, offset: number) => void;
  readonly #beforeRoll: (log: Log, offset: number) => void;
  #topicId: string;
  /** Epochs before the first staged append that changed them. */
  #markedEpochs: readonly EpochEntry[] | null = null;
  /** Wall clock at the last append. */
  #appendedMs: number;
  #logStartOffset: number;
  #highWatermark: number;

  /**
   * Opens what a log left behind; with null in its place it is new, and its directory and files are made when something
   * is first put into it. Most partitions of most brokers are never written to. @throws {DiskError}
   */
  constructor(
    identity: LogIdentity,
    config: LogConfig,
    leftBy: LogLeftBy | null,
    environment: LogEnvironment,
    nowMs: number,
  ) {
    const { disk, stagingPool, random } = environment;
    const { directory } = identity;
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.#topicId = identity.topicId;
    this.#name = `${identity.topic}-${identity.partition}`;
    this.#disk = disk;
    this.#appendedMs = nowMs;
    this.#beforeTruncation = environment.beforeTruncation;
    this.#beforeRoll = environment.beforeRoll ?? (() => {});
    this.#epochs = LeaderEpochs.load(disk, directory, leftBy?.hadCleanShutdown === true);
    this.#producers = environment.openProducers(disk, directory);
    const place = {
      ...{ disk, directory, config, nowMs },
      rollJitterMs: () => Math.floor(random() * Math.min(config.segmentJitterMs, config.segmentMs)),
    };
    const { scanAhead = null } = environment;
    const derived = { epochs: this.#epochs, producers: this.#producers, scanAhead };
    const recovered = leftBy === null ? planLog(place) : recoverLog({ ...place, ...derived, ...leftBy });
    this.recovery = recovered.report;
    this.#logStartOffset = recovered.logStartOffset;
    this.#highWatermark = clamp(leftBy?.highWatermark ?? 0, recovered.logStartOffset, recovered.logEndOffset);
    this.#producers.onHighWatermark(this.#highWatermark);
    this.#local = new LocalLog({
      ...recovered,
      disk,
      directory,
      config,
      stagingPool,
      guard: (environment.stallGuards ?? new StallGuards(() => 0)).of(parentOf(directory)),
      random,
      isDirectoryUnsynced: leftBy?.hadCleanShutdown === false,
      hasFiles: leftBy !== null,
      onUndo: () => this.#undo(),
      onCut: () => this.#cut(),
      onOffline: (cause) => environment.onFailure(this, cause),
      onFinished: () => environment.onFinished?.(),
    });
  }

  /** 22 characters; ZERO_UUID while it is not known, because `partition.metadata` was lost. */
  get topicId(): string {
    return this.#topicId;
  }

  /** Something of the log is, or may be, on the disk. */
  get hasDirectory(): boolean {
    return this.#local.hasDirectory;
  }

  /** Makes the directory and files of a new log, if they are not there yet. @throws {DiskError} */
  makeFiles(): void {
    this.#local.makeFiles(this.#topicId);
  }

  /** Gives the log the id of its topic, in its directory too. @throws {DiskError} */
  assignTopicId(topicId: string): void {
    if (this.hasDirectory) this.#local.guarded(() => writePartitionMetadata(this.#disk, this.dir, topicId));
    this.#topicId = topicId;
  }

  /** Where the log lies now; changes when it is marked for deletion. */
  get dir(): string {
    return this.#local.directory;
  }

  get config(): LogConfig {
    return this.#local.config;
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.#local.logEndOffset;
  }

  /** Everything below is in the file. */
  get flushedEndOffset(): number {
    return this.#local.flushedEndOffset;
  }

  /** Everything below survives a power cut. */
  get syncedEndOffset(): number {
    return this.#local.syncedEndOffset;
  }

  /**
   * Everything below is as safe as the configuration wants it before it is acknowledged from the page cache: the append
   * that makes `flush.messages` unsynced records, and what follows, wait for the disk.
   */
  get settledEndOffset(): number {
    return Math.min(this.flushedEndOffset, this.syncedEndOffset + this.config.flushMessages - 1);
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** The first offset that readers of committed data may not see: of the earliest open transaction, else the high watermark. */
  get lastStableOffset(): number {
    const unstable = this.#producers.firstUnstableOffset;
    if (unstable < 0) return this.#highWatermark;
    return Math.min(Math.max(unstable, this.#logStartOffset), this.#highWatermark);
  }

  /** Below it a restart after a crash need not look. */
  get recoveryPoint(): number {
    return this.#local.recoveryPoint;
  }

  get isOffline(): boolean {
    return this.#local.offlineCause !== null;
  }

  get offlineCause(): DiskError | null {
    return this.#local.offlineCause;
  }

  get sizeBytes(): number {
    return this.#local.segments.sizeBytes;
  }

  /** The files, for the cleaner. */
  get files(): LocalLog {
    return this.#local;
  }

  get firstSegmentOffset(): number {
    return this.#local.segments.first.baseOffset;
  }

  get latestEpoch(): number {
    return this.#epochs.latestEpoch;
  }

  get epochs(): readonly EpochEntry[] {
    return this.#epochs.entries;
  }

  /** The producer state, for DescribeProducers, verification and expiry. */
  get producers(): Producers {
    return this.#producers;
  }

  updateConfig(config: LogConfig): void {
    this.#local.config = config;
    for (const segment of this.#local.segments.all) segment.indexIntervalBytes = config.indexIntervalBytes;
  }

  /** Moves the high watermark, within what the log has. A leader's never goes back, a follower's may. */
  updateHighWatermark(offset: number): void {
    this.#highWatermark = clamp(offset, this.#logStartOffset, this.logEndOffset);
    this.#producers.onHighWatermark(this.#highWatermark);
  }

  // ------------------------------------------------------------------------------------------------- appending

  /**
   * Judges a set of batches, gives it offsets, and appends it. `records` may be a view that is valid during the call
   * only, and may be patched in place. Returns codes: those of `validateAppend` and of producer state,
   * KAFKA_STORAGE_ERROR.
   *
   * @throws {DiskError} when bytes that had to be written now were not: see the header.
   */
  appendAsLeader(records: Buffer, options: AppendOptions): AppendResult {
    if (!this.#local.isWritable || !this.#local.hasRoom(records.length))
      return this.#refused(ErrorCode.KAFKA_STORAGE_ERROR, null);
    const { origin, nowMs, leaderEpoch } = options;
    const judged = validateAppend(records, {
      topicPartition: this.#name,
      config: this.#local.config,
      origin,
      nextOffset: this.logEndOffset,
      leaderEpoch,
      nowMs,
      content: options.content ?? null,
    });
    if (isRefused(judged)) {
      const refused = this.#refused(judged.errorCode, judged.errorMessage);
      const logStartOffset = judged.hasLogStartOffset ? this.#logStartOffset : -1;
      return { ...refused, recordErrors: judged.recordErrors, logStartOffset };
    }
    if (judged.records.length === 0) return this.#appended(judged, -1, -1);
    const verdict = this.#producers.check(judged.records, origin, nowMs, options.verificationGuard);
    if (verdict.kind === 'refused') return this.#refused(verdict.errorCode, verdict.errorMessage);
    if (verdict.kind === 'duplicate') {
      const { batch } = verdict;
      const first = this.#appended(judged, batch.baseOffset, batch.lastOffset);
      return { ...first, logAppendTimeMs: batch.timestampMs, duplicate: true };
    }
    this.#append(judged, nowMs);
    return this.#appended(judged, judged.baseOffset, judged.lastOffset);
  }

  /**
   * Appends batches fetched from the leader as they are; a cut last one is left out. Returns codes: CORRUPT_MESSAGE,
   * OFFSET_OUT_OF_RANGE when they do not follow the log's end, KAFKA_STORAGE_ERROR.
   *
   * @throws {DiskError} as `appendAsLeader`.
   */
  appendAsFollower(records: Buffer, nowMs: number): AppendResult {
    if (!this.#local.isWritable) return this.#refused(ErrorCode.KAFKA_STORAGE_ERROR, null);
    const scan = scanReplicated(records, this.#name);
    if ('errorCode' in scan) return this.#refused(scan.errorCode, scan.reason);
    const whole = records.subarray(0, scan.validBytes);
    const judged = { ...scan, records: whole, baseOffset: scan.firstOffset, logAppendTimeMs: -1 };
    if (whole.length === 0) return this.#appended(judged, -1, -1);
    if (scan.firstOffset < this.logEndOffset) return this.#refused(ErrorCode.OFFSET_OUT_OF_RANGE, null);
    this.#producers.check(whole, 'replication', nowMs);
    this.#append(judged, nowMs);
    return this.#appended(judged, judged.baseOffset, judged.lastOffset);
  }

  #append(judged: Judged, nowMs: number): void {
    const { records } = judged;
    const local = this.#local;
    local.makeFiles(this.#topicId);
    if (local.shouldRoll(records.length, judged.lastOffset, judged.maxTimestampMs, nowMs)) {
      this.#roll(judged.baseOffset, nowMs);
    }
    this.#appendedMs = nowMs;
    if (local.isFlushed) {
      local.beginStaging();
      this.#producers.mark();
      this.#markedEpochs = null;
    }
    this.#assignEpochs(records);
    local.append(records, judged.lastOffset);
    for (const completed of this.#producers.apply()) {
      if (completed.isAborted) {
        const lastStableOffset = this.#producers.lastStableOffsetAfter(completed);
        local.segments.active.transactionIndex.append({ ...completed, lastStableOffset });
      }
      this.#producers.completed(completed);
    }
    this.#producers.setEndOffset(this.logEndOffset);
    if (local.isStagingFull) local.beginFlush();
  }

  #assignEpochs(records: Buffer): void {
    for (let at = 0; at < records.length; at += sizeInBytes(records, at)) {
      const epoch = partitionLeaderEpoch(records, at);
      if (epoch < 0 || !this.#epochs.wouldAssign(epoch, baseOffset(records, at))) continue;
      this.#markedEpochs ??= [...this.#epochs.entries];
      this.#local.guarded(() => this.#epochs.assign(epoch, baseOffset(records, at)));
    }
  }

  /**
   * Writes what is staged with one call. While the disk lets writers wait it is written on the thread pool instead, and
   * the promise tells when. @throws {DiskError} after the log was put back to `flushedEndOffset`; the promise rejects so
   */
  flushStaged(): Promise<void> | null {
    return this.#local.flushStaged();
  }

  /** Writes for the directory's disk take up so much memory that whoever appends should wait for his own. */
  get isCrowded(): boolean {
    return this.#local.isCrowded;
  }

  /** Staged appends have not happened after all. */
  #undo(): void {
    this.#highWatermark = Math.min(this.#highWatermark, this.logEndOffset);
    this.#producers.undo();
    if (this.#markedEpochs !== null) this.#epochs.restore(this.#markedEpochs);
  }

  /** As `#undo`, where some of what was appended since the mark is in the file: the rest is cut off. @throws {DiskError} */
  #cut(): void {
    const local = this.#local;
    const end = local.flushedEndOffset;
    this.#removeSnapshots(local.truncateTo(end, this.#appendedMs));
    // An epoch that begins at the end may be one without records.
    this.#epochs.restore(this.#epochs.entries.filter(({ startOffset }) => startOffset <= end));
    rebuildProducers(this.#producers, local.segments, this.#logStartOffset, end, this.#appendedMs);
    this.#producers.onHighWatermark(this.#highWatermark);
  }

  #appended(judged: Omit<Judged, 'maxTimestampMs'>, firstOffset: number, finalOffset: number): AppendResult {
    return appendedResult(judged, firstOffset, finalOffset, this.#logStartOffset);
  }

  #refused(errorCode: number, message: string | null): AppendResult {
    return refusedResult(errorCode, message, this.#logStartOffset);
  }

  /** Closes the active segment and begins the next at the log's end; nothing happens when it is empty. */
  roll(nowMs: number): void {
    this.#roll(this.logEndOffset, nowMs);
  }

  #roll(firstOffset: number, nowMs: number): void {
    this.#beforeRoll(this, Math.max(firstOffset, this.logEndOffset));
    const closed = this.#local.roll(firstOffset, nowMs);
    if (closed === null) return;
    this.#producers.setEndOffset(this.#local.segments.active.baseOffset);
    const snapshot = this.#producers.takeSnapshot(false);
    this.#local.finishLater(closed, async () => {
      // The snapshot may have gone with its segment meanwhile.
      if (snapshot !== null) await syncFile(this.#disk, snapshot);
      await this.#epochs.flush(this.logEndOffset);
    });
  }

  // ------------------------------------------------------------------------------------------------ durability

  /** Resolves when everything appended before the call would survive a power cut; calls share a fdatasync. @throws {DiskError} */
  sync(): Promise<void> {
    return this.#local.sync();
  }

  /** As `sync`, blocking. @throws {DiskError} */
  syncNow(): void {
    this.#local.syncNow();
  }

  /** Syncs everything that recovery relies on, so that the recovery point reaches the log's end. @throws {DiskError} */
  async flush(): Promise<void> {
    await this.#local.flush(() => this.#epochs.flush(this.logEndOffset));
  }

  // --------------------------------------------------------------------------------------------------- reading

  /** Batches from the one that holds `offset` on. Returns codes: OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR. */
  read(offset: number, options: ReadOptions): LogRead {
    const local = this.#local;
    if (!local.isWritable) return refusedRead(ErrorCode.KAFKA_STORAGE_ERROR, offset);
    if (offset < this.#logStartOffset || offset > local.logEndOffset) {
      return refusedRead(ErrorCode.OFFSET_OUT_OF_RANGE, offset);
    }
    const upTo = options.upTo ?? local.logEndOffset;
    if (upTo > local.flushedEndOffset) local.tryFlush();
    const { segments, flushedEndOffset, logEndOffset } = local;
    return readSegments(segments, offset, options, Math.min(upTo, flushedEndOffset), logEndOffset);
  }

  /**
   * Reads on the thread pool what `read` would read from `offset` on, where that is unlikely to be in the page cache;
   * null where it is likely. Afterwards the log may be another: the caller begins anew.
   */
  warmUp(offset: number, maxBytes: number): Promise<void> | null {
    if (!this.#local.isWritable || offset < this.#logStartOffset || offset >= this.flushedEndOffset)
      return null;
    return warmUpBytes(this.#warmUpPlace, offset, maxBytes);
  }

  /** As `warmUp`, for `offsetForTimestamp`, or with null for `offsetOfMaxTimestamp`. */
  warmUpTimes(timestampMs: number | null): Promise<void> | null {
    return this.#local.isWritable ? warmUpTimes(this.#warmUpPlace, timestampMs) : null;
  }

  get #warmUpPlace(): WarmUpPlace {
    return { disk: this.#disk, directory: this.dir, segments: this.#local.segments };
  }

  /** The aborted transactions that a reader of committed data must know to filter `read`. */
  collectAbortedTransactions(read: LogRead): AbortedTransaction[] {
    return collectAborted(this.#local.segments, read, this.logEndOffset);
  }

  /** The first record at or after the timestamp, or null. */
  offsetForTimestamp(timestampMs: number): TimestampAndOffset | null {
    this.#local.tryFlush();
    return findTimestamp(this.#local.segments, timestampMs, this.#logStartOffset);
  }

  /** The batch with the largest timestamp, by its last offset as 3.7.0 answers it (KAFKA-16310), or null. */
  offsetOfMaxTimestamp(): TimestampAndOffset | null {
    return findMaxTimestamp(this.#local.segments, this.#epochs.latestEpoch);
  }

  segmentStarts(): { baseOffset: number; sizeBytes: number; lastModifiedMs: number }[] {
    return [...this.#local.segments.all];
  }

  // --------------------------------------------------------------------------------------------- leader epochs

  /** Where the largest epoch not above `epoch` ends; {-1, -1} when nothing is known. */
  endOffsetForEpoch(epoch: number): EpochEndOffset {
    return this.#epochs.endOffsetFor(epoch, this.logEndOffset);
  }

  /** Notes the first offset of an epoch, also one without records yet. @throws {DiskError} */
  assignEpochStart(epoch: number, startOffset: number): void {
    if (!this.#local.isWritable || epoch < 0) return;
    this.#local.guarded(() => this.#epochs.assign(epoch, startOffset));
  }

  /** The epoch of the first record, or -1 when it is not known. */
  epochAtLogStart(): number {
    const earliest = this.#epochs.earliestEntry;
    return earliest !== null && earliest.startOffset <= this.#logStartOffset ? earliest.epoch : -1;
  }

  // ------------------------------------------------------------------------------------ truncation and deletion

  /**
   * Removes everything at and above `offset`, and the batch that holds it whole; false when there was nothing. The log
   * then ends at `offset` or, if that lay inside a batch, where the batch began. @throws {DiskError}
   */
  truncateTo(offset: number, nowMs: number): boolean {
    assert(offset >= 0, 'a log is not truncated to a negative offset');
    const local = this.#local;
    if (!local.isWritable) return false;
    local.settleNow();
    if (offset >= local.logEndOffset) {
      local.guarded(() => this.#epochs.truncateFromEnd(local.logEndOffset));
      return false;
    }
    if (offset < local.segments.first.baseOffset) {
      this.truncateFullyAndStartAt(offset, nowMs);
      return true;
    }
    local.guarded(() => {
      const end = local.segments.floor(offset)?.endBefore(offset) ?? offset;
      this.#beforeTruncation(this, end);
      this.#removeSnapshots(local.truncateTo(end, nowMs));
      this.#epochs.truncateFromEnd(end);
      this.#logStartOffset = Math.min(this.#logStartOffset, end);
      rebuildProducers(this.#producers, local.segments, this.#logStartOffset, end, nowMs);
    });
    this.updateHighWatermark(Math.min(this.#highWatermark, local.logEndOffset));
    return true;
  }

  /** Empties the log; the next record gets `offset`. @throws {DiskError} */
  truncateFullyAndStartAt(offset: number, nowMs: number, logStartOffset = offset): void {
    if (!this.#local.isWritable) return;
    this.makeFiles();
    this.#local.guarded(() => {
      this.#beforeTruncation(this, Math.min(offset, this.#local.segments.first.baseOffset));
      this.#removeSnapshots(this.#local.restartAt(offset, nowMs));
      this.#epochs.clear();
      this.#producers.restartAt(offset);
    });
    this.#logStartOffset = logStartOffset;
    this.updateHighWatermark(offset);
  }

  /** Hides the records below `offset` (DeleteRecords, replication, snapshots). True when it moved. @throws {DiskError} */
  maybeIncrementLogStartOffset(offset: number): boolean {
    if (offset > this.#highWatermark || offset <= this.#logStartOffset) return false;
    this.#logStartOffset = offset;
    this.#local.guarded(() => this.#epochs.truncateFromStart(offset));
    this.#producers.onLogStartOffset(offset);
    return true;
  }

  /** Removes segments by log start, size and time; how many went (UnifiedLog.deleteOldSegments). @throws {DiskError} */
  deleteOldSegments(nowMs: number): number {
    if (!this.#local.isWritable) return 0;
    this.#local.tryFlush();
    return this.#local.sparing(() => {
      let count = this.#deleteFirst(breachedByLogStart(this.#facts()), nowMs);
      count += this.#deleteFirst(breachedBySize(this.#facts(), this.config), nowMs);
      count += this.#deleteFirst(breachedByTime(this.#facts(), this.config, nowMs), nowMs);
      return count;
    });
  }

  #facts(): LogFacts {
    return {
      segments: this.#local.segments.all,
      logStartOffset: this.#logStartOffset,
      // A segment that a write is still on its way to does not go.
      highWatermark: Math.min(this.#highWatermark, this.flushedEndOffset),
      logEndOffset: this.logEndOffset,
    };
  }

  #deleteFirst(count: number, nowMs: number): number {
    if (count === 0) return 0;
    // A log always has a segment: when all may go a new one comes first.
    if (count === this.#local.segments.all.length) this.roll(nowMs);
    this.#removeSnapshots(this.#local.removeFirst(count, nowMs));
    this.maybeIncrementLogStartOffset(this.#local.segments.first.baseOffset);
    return count;
  }

  #removeSnapshots(segments: readonly Segment[]): void {
    for (const segment of segments) this.#producers.removeSnapshot(segment.baseOffset);
  }

  // ------------------------------------------------------------------------------------- upkeep and the end

  /** Removes files whose delay is over, forgets producers that expired, and lets go of what lies idle. */
  async tidy(nowMs: number): Promise<void> {
    this.#producers.expire(nowMs);
    await this.#local.tidy(nowMs);
  }

  /** Brings everything to the disk in its final form, after which a start need recover nothing. @throws {DiskError} */
  async close(): Promise<void> {
    const { isWritable } = this.#local;
    if (isWritable) await this.#local.flushStaged();
    const snapshot = isWritable ? this.#local.sparing(() => this.#producers.takeSnapshot(false)) : null;
    await this.#local.close(async () => {
      await this.#epochs.flush(this.logEndOffset);
      if (snapshot !== null) await syncFile(this.#disk, snapshot);
    });
  }

  /** Lets go of all files, writing nothing: the directory failed, or is about to be removed. */
  abandon(): void {
    this.#local.abandon();
  }

  /** The directory that holds the log failed elsewhere: from now on the log refuses everything. */
  markOffline(cause: DiskError): void {
    this.#local.markOffline(cause);
  }

  /** The log's directory got another name. */
  movedTo(directory: string): void {
    this.#local.movedTo(directory);
    this.#epochs.movedTo(directory);
    this.#producers.movedTo(directory);
  }
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
