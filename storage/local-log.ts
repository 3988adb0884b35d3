/**
 * The files of one log: segments, staged bytes, and how far they have come towards the disk.
 *
 * Always true:
 * - `syncedEndOffset` ≤ `flushedEndOffset` ≤ `logEndOffset`. Bytes below the second are in the file (any reader of it
 *   sees them), below the first on the disk (a power cut leaves them).
 * - A write that fails throws a `DiskError`, or rejects with it where it went through the thread pool (write-queue.ts),
 *   after the files and offsets were put back to `flushedEndOffset`, and the owner was told by `onUndo` or `onCut`.
 * - After a failed fsync, or a failed write that is not for want of space or descriptors, the log is offline for good.
 * - Segments are removed from the end backwards when the end is cut, and from the front onwards when the start moves,
 *   so that a power cut in between leaves no gap.
 *
 * Agrees with Kafka's LocalLog. What the bytes mean (offsets, epochs, producers) is the business of log.ts.
 */

import { lastOffset, maxTimestamp, sizeInBytes } from '../protocol/batch.ts';
import type { Disk } from './disk.ts';
import { DiskError, isPassing } from './disk.ts';
import { GroupSync } from './group-sync.ts';
import { CLEANED_SUFFIX, SWAP_SUFFIX } from './layout.ts';
import type { LogConfig } from './log-config.ts';
import { LogHome } from './log-home.ts';
import { Segment } from './segment.ts';
import { renameSegmentFiles } from './segment-files.ts';
import type { SegmentMark } from './segment-types.ts';
import { emptyMark } from './segment-types.ts';
import type { Segments } from './segments.ts';
import type { StagingPool } from './staging.ts';
import { MAX_STAGED_BYTES, STAGING_CHUNK_BYTES } from './staging.ts';
import type { StallGuard } from './stall-guard.ts';
import { WriteQueue } from './write-queue.ts';

export interface LocalLogParts {
  readonly disk: Disk;
  readonly directory: string;
  readonly config: LogConfig;
  readonly stagingPool: StagingPool;
  readonly guard: StallGuard;
  readonly random: () => number;
  readonly segments: Segments;
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  /** Segments whose indexes are not synced. */
  readonly rebuilt: readonly Segment[];
  readonly isDirectoryUnsynced: boolean;
  /** False for a new log, whose active segment is planned. */
  readonly hasFiles: boolean;
  /** Called when staged bytes were given up: everything at and above `logEndOffset` has not happened. */
  readonly onUndo: () => void;
  /** The same where nothing tells what it was before: the owner cuts the log at `logEndOffset`. @throws {DiskError} */
  readonly onCut: () => void;
  readonly onOffline: (cause: DiskError) => void;
  /** The recovery point has passed a segment. */
  readonly onFinished: () => void;
}

export class LocalLog {
  readonly segments: Segments;
  config: LogConfig;
  readonly #disk: Disk;
  readonly #random: () => number;
  readonly #writes: WriteQueue;
  readonly #groupSync: GroupSync;
  readonly #onUndo: () => void;
  readonly #onCut: () => void;
  readonly #onOffline: (cause: DiskError) => void;
  readonly #onFinished: () => void;
  readonly #mark: SegmentMark = emptyMark();
  /** The mark lies below `flushedEndOffset`, or in a segment that was closed since. */
  #isMarkStale = false;
  /** Segments that no longer grow but whose indexes are not synced: the recovery point may not pass them. */
  readonly #unfinished = new Set<Segment>();
  /** Why a segment is still among them. */
  #hindrance: DiskError | null = null;
  readonly #home: LogHome;
  #logEndOffset: number;
  #flushedEndOffset: number;
  #syncedEndOffset: number;
  #offlineCause: DiskError | null = null;
  #isClosed = false;
  #hasFiles: boolean;
  /** Segments that were cut since their last sync: a power cut could bring their old end back. */
  readonly #cut = new Set<Segment>();
  /** Its file is longer than what was written, by zeros. */
  #preallocated: Segment | null = null;
  /** Counts truncations, so that a sync that overlapped one is not believed. */
  #truncations = 0;
  #finishing: Promise<void> = Promise.resolve();
  /** Renamed files that wait to be removed. */
  #doomed: { readonly paths: readonly string[]; readonly atMs: number }[] = [];

  constructor(parts: LocalLogParts) {
    this.segments = parts.segments;
    this.config = parts.config;
    this.#disk = parts.disk;
    this.#random = parts.random;
    this.#home = new LogHome(parts.disk, parts.directory, parts.hasFiles, parts.isDirectoryUnsynced);
    this.#logEndOffset = parts.logEndOffset;
    this.#flushedEndOffset = parts.logEndOffset;
    this.#syncedEndOffset = parts.recoveryPoint;
    this.#hasFiles = parts.hasFiles;
    this.#onUndo = parts.onUndo;
    this.#onCut = parts.onCut;
    this.#onOffline = parts.onOffline;
    this.#onFinished = parts.onFinished;
    this.#writes = new WriteQueue(parts.stagingPool, parts.guard, {
      onWritten: (endOffset) => this.#written(endOffset),
      onFailed: (cause) => this.#writeFailed(cause),
      onLateFailure: (cause) => {
        if (cause.kind === 'io' && this.isWritable) this.#goOffline(cause);
      },
      onCutAgain: (segment) => this.#cutAgain(segment),
    });
    this.#groupSync = new GroupSync(() => this.#runSync());
    if (parts.hasFiles && this.segments.active.sizeBytes === 0) this.#preallocate(this.segments.active);
    for (const segment of parts.rebuilt) if (segment !== this.segments.active) this.#unfinished.add(segment);
  }

  get directory(): string {
    return this.#home.path;
  }

  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  get flushedEndOffset(): number {
    return this.#flushedEndOffset;
  }

  get syncedEndOffset(): number {
    return this.#syncedEndOffset;
  }

  /** Below it a restart after a crash need not look. */
  get recoveryPoint(): number {
    let point = this.#syncedEndOffset;
    for (const segment of this.#unfinished) point = Math.min(point, segment.baseOffset);
    return point;
  }

  /** Something of the log is, or may be, on the disk. */
  get hasDirectory(): boolean {
    return this.#home.exists;
  }

  /**
   * Makes the directory and the files of a new log, before the first change of its contents. What fails for want of space
   * or descriptors may be tried again. @throws {DiskError}
   */
  makeFiles(topicId: string): void {
    if (this.#hasFiles) return;
    const { active } = this.segments;
    this.sparing(() => {
      this.#writes.guard.timed(() => {
        this.#home.make(topicId);
        active.makeFile();
        this.#preallocate(active);
      });
    });
    this.#hasFiles = true;
  }

  get offlineCause(): DiskError | null {
    return this.#offlineCause;
  }

  get isWritable(): boolean {
    return this.#offlineCause === null && !this.#isClosed;
  }

  /** Everything that was appended is in the file. */
  get isFlushed(): boolean {
    return this.#flushedEndOffset === this.#logEndOffset;
  }

  // ------------------------------------------------------------------------------------------------- appending

  /** Whether the active segment must be closed before a set of batches is appended. */
  shouldRoll(bytes: number, finalOffset: number, timestampMs: number, nowMs: number): boolean {
    return this.segments.active.shouldRoll(this.config, bytes, finalOffset, timestampMs, nowMs);
  }

  /** Notes the state that a failed write of the following appends goes back to. */
  beginStaging(): void {
    this.segments.active.mark(this.#mark);
    this.#isMarkStale = false;
  }

  /** Whether memory may hold so many bytes more, where a slow disk makes them wait. */
  hasRoom(bytes: number): boolean {
    return this.#writes.guard.hasRoom(bytes);
  }

  /** So much waits for the directory's disk that whoever appends should wait, too. */
  get isCrowded(): boolean {
    return this.#writes.guard.isCrowded;
  }

  /**
   * Appends whole batches that end at `finalOffset`: large ones are written at once, together with what is staged;
   * small ones, and all while the disk lets writers wait, are copied and wait for `flushStaged`. @throws {DiskError}
   */
  append(records: Buffer, finalOffset: number): void {
    const active = this.segments.active;
    for (let at = 0; at < records.length; at += sizeInBytes(records, at)) {
      active.add(lastOffset(records, at), maxTimestamp(records, at), sizeInBytes(records, at));
    }
    this.#logEndOffset = finalOffset + 1;
    const isOnPool = this.#writes.isOnPool;
    if (records.length >= STAGING_CHUNK_BYTES && !isOnPool) this.#write(records);
    else this.#writes.stage(records, active, this.#logEndOffset, isOnPool);
  }

  get isStagingFull(): boolean {
    return this.#writes.stagedBytes >= MAX_STAGED_BYTES;
  }

  /**
   * Writes what is staged with one call, from the event loop; or, while the disk lets writers wait, sees to its being
   * written and gives a promise of it. @throws {DiskError} after everything was put back to `flushedEndOffset`.
   */
  flushStaged(): Promise<void> | null {
    if (this.isFlushed) return null;
    if (this.#writes.isOnPool) return this.#writes.flush(this.#logEndOffset);
    if (this.#writes.stagedBytes > 0) this.#write(null);
    return null;
  }

  /** As `flushStaged`, for who does not wait. @throws {DiskError} as it does, from the event loop */
  beginFlush(): void {
    if (this.#writes.isOnPool) this.#writes.start();
    else if (this.#writes.stagedBytes > 0) this.#write(null);
  }

  /** For readers: a failure here is left to those who wait for the write, who get it at their own flush. */
  tryFlush(): void {
    if (this.#writes.stagedBytes === 0 || !this.isWritable || this.#writes.isOnPool) return;
    try {
      this.#writes.writeNow(this.segments.active, null);
    } catch (error) {
      if (error instanceof DiskError) return;
      throw error;
    }
    this.#written(this.#logEndOffset);
  }

  #write(last: Buffer | null): void {
    try {
      this.#writes.writeNow(this.segments.active, last);
    } catch (error) {
      this.#undo(asDiskError(error));
      throw error;
    }
    this.#written(this.#logEndOffset);
  }

  #written(endOffset: number): void {
    this.#flushedEndOffset = endOffset;
    if (endOffset < this.#logEndOffset) this.#isMarkStale = true;
  }

  #writeFailed(cause: DiskError): void {
    if (this.isWritable) this.#undo(cause);
  }

  #undo(cause: DiskError): void {
    this.#writes.drop(cause);
    this.#logEndOffset = this.#flushedEndOffset;
    try {
      if (this.#isMarkStale) {
        // It would have to be read to be put right, and nobody is served any more by a disk that failed.
        if (cause.kind !== 'io') this.#onCut();
      } else {
        this.segments.active.undo(this.#mark);
        this.#onUndo();
      }
    } catch (error) {
      this.#goOffline(asDiskError(error));
      return;
    }
    if (cause.kind === 'io') this.#goOffline(cause);
  }

  /** Everything appended is in the file when it returns, however long the disk takes. @throws {DiskError} */
  settleNow(): void {
    if (this.isFlushed) return;
    if (this.#writes.isOnPool) this.#writes.settleNow();
    else this.#write(null);
  }

  #cutAgain(segment: Segment): void {
    if (!this.isWritable || !this.segments.has(segment)) return;
    try {
      this.guarded(() => segment.cutToWritten());
    } catch (error) {
      // The log is offline by it.
      asDiskError(error);
      return;
    }
    this.#cut.add(segment);
    this.#truncations++;
  }

  /**
   * Closes the active segment and begins the next at `firstOffset` or the log's end; null when the active one is still
   * empty. The caller then takes its snapshots and calls `finishLater`. @throws {DiskError}
   */
  roll(firstOffset: number, nowMs: number): Segment | null {
    if (this.#writes.isOnPool) this.#writes.seal();
    else this.beginFlush();
    const old = this.segments.active;
    const newBase = Math.max(firstOffset, this.#logEndOffset);
    if (old.sizeBytes === 0 && old.baseOffset === newBase) return null;
    this.#writes.guard.timed(() => {
      // With zeros behind it recovery would take it for the end of the log: the next sync covers it, even if all is synced.
      if (this.#trim(old)) this.#cut.add(old);
      old.becomeInactive();
      this.segments.add(this.#create(newBase, nowMs));
    });
    if (!this.isFlushed) this.#isMarkStale = true;
    this.#home.changed();
    this.#unfinished.add(old);
    return old;
  }

  #create(newBase: number, nowMs: number): Segment {
    const { segmentJitterMs, segmentMs, indexIntervalBytes, segmentIndexBytes } = this.config;
    const segment = Segment.create(
      {
        disk: this.#disk,
        directory: this.directory,
        baseOffset: newBase,
        indexIntervalBytes,
        rollJitterMs: Math.floor(this.#random() * Math.min(segmentJitterMs, segmentMs)),
        createdMs: nowMs,
      },
      segmentIndexBytes,
    );
    this.#preallocate(segment);
    return segment;
  }

  /**
   * With `preallocate` the file of a new segment has its full length from the start, zeros without blocks, until the
   * segment is closed (FileRecords.openChannel and trim). A process that dies before leaves the zeros, and recovery takes
   * them for the end of the log.
   */
  #preallocate(segment: Segment): void {
    if (!this.config.preallocate) return;
    segment.file.truncate(this.config.segmentBytes);
    this.#preallocated = segment;
  }

  /** Cuts what was not used of a preallocated file, nor will be by writes on their way; whether there was any. */
  #trim(segment: Segment): boolean {
    if (this.#preallocated !== segment) return false;
    segment.file.truncate(segment.sizeBytes);
    this.#preallocated = null;
    return true;
  }

  // ------------------------------------------------------------------------------------------------ durability

  /** In the background: a closed segment reaches the disk whole, after which the recovery point may pass it. */
  finishLater(segment: Segment, alongside: () => Promise<void>): void {
    this.#finishing = this.#finishing.then(() => this.#finish(segment, alongside));
  }

  async #finish(segment: Segment, alongside: () => Promise<void>): Promise<void> {
    const endOffset = this.#writes.endOffsetFor(segment);
    try {
      if (endOffset >= 0) await this.#writes.whenWritten(endOffset);
      await this.#writes.unfenced();
    } catch (error) {
      // Whoever waits for the write itself is told; the segment may be the active one again.
      asDiskError(error);
      return;
    }
    if (!this.isWritable || !this.segments.has(segment) || !this.#unfinished.has(segment)) return;
    const truncations = this.#truncations;
    try {
      await segment.file.sync();
      await segment.syncIndexes();
      await alongside();
      await this.#disk.syncDirectory(this.directory);
      // A segment that was cut meanwhile may have grown again: it is finished another time.
      if (truncations !== this.#truncations || !this.segments.has(segment)) return;
      this.#unfinished.delete(segment);
      const next = this.segments.after(segment.baseOffset);
      const isNextToSync = this.segments.floor(this.#syncedEndOffset) === segment;
      if (next !== undefined && isNextToSync) this.#syncedEndOffset = next.baseOffset;
      this.#onFinished();
    } catch (error) {
      // It stays unfinished, and the recovery point before it; `flush` comes back to it.
      if (isPassing(error)) {
        this.#hindrance = error;
        return;
      }
      // Retention, truncation or deletion may have taken the segment meanwhile.
      if (this.segments.has(segment) && !this.#isClosed) this.#goOffline(asDiskError(error));
    }
  }

  /**
   * Resolves when everything appended before the call would survive a power cut. Calls that overlap share one
   * fdatasync. A failed one takes the log offline for good. @throws {DiskError}
   */
  async sync(): Promise<void> {
    if (this.#offlineCause !== null) throw this.#offlineCause;
    const later = this.flushStaged();
    if (later !== null) await later;
    if (this.#writes.isFenced) await this.#writes.unfenced();
    if (!this.#isSynced()) await this.#groupSync.request();
  }

  #isSynced(): boolean {
    return this.#syncedEndOffset >= this.#flushedEndOffset && !this.#home.isUnsynced;
  }

  async #runSync(): Promise<void> {
    try {
      let truncations: number;
      do {
        truncations = this.#truncations;
        const end = this.#flushedEndOffset;
        await Promise.all(this.#takeUnsynced().map((segment) => segment.file.sync()));
        await this.#home.sync();
        if (truncations === this.#truncations) this.#syncedEndOffset = Math.max(this.#syncedEndOffset, end);
      } while (truncations !== this.#truncations);
    } catch (error) {
      const failure = asDiskError(error);
      if (!this.#isClosed) this.#goOffline(failure);
      throw failure;
    }
  }

  #takeUnsynced(): Segment[] {
    const unsynced = new Set([...this.#cut, ...this.segments.from(this.#syncedEndOffset)]);
    this.#cut.clear();
    return [...unsynced];
  }

  /** As `sync`, blocking. @throws {DiskError} */
  syncNow(): void {
    if (this.#offlineCause !== null) throw this.#offlineCause;
    this.settleNow();
    if (this.#isSynced()) return;
    this.guarded(() => {
      for (const segment of this.#takeUnsynced()) segment.file.syncNow();
      this.#home.syncNow();
    });
    this.#syncedEndOffset = this.#flushedEndOffset;
  }

  /**
   * Syncs the bytes and the indexes of closed segments, so that the recovery point reaches the log's end; what
   * `alongside` does comes before it passes one of them.
   */
  async flush(alongside: () => Promise<void>): Promise<void> {
    await this.sync();
    await this.#finishing;
    for (const segment of [...this.#unfinished]) await this.#finish(segment, alongside);
    if (this.isWritable && this.#hasFiles) this.guarded(() => this.segments.active.writeIndexes());
  }

  // ------------------------------------------------------------------------------------ truncation and deletion

  /**
   * Removes everything at and above `offset`, which lies in the log where a batch begins, in the file already.
   * @throws {DiskError}
   */
  truncateTo(offset: number, nowMs: number): Segment[] {
    const removed = this.segments.removeAfter(offset);
    this.#doom([...removed].reverse(), nowMs);
    this.segments.active.truncateTo(offset, this.config.segmentIndexBytes, nowMs);
    this.#writes.wasCut(this.segments.active);
    this.#unfinished.delete(this.segments.active);
    this.#cut.add(this.segments.active);
    this.#endsAt(offset);
    return removed;
  }

  /** Removes everything; the next record gets `offset`. @throws {DiskError} */
  restartAt(offset: number, nowMs: number): Segment[] {
    this.#writes.drop(null);
    const removed = this.segments.removeAll();
    this.#doom([...removed].reverse(), nowMs);
    this.segments.add(this.#create(offset, nowMs));
    this.#endsAt(offset);
    return removed;
  }

  #endsAt(offset: number): void {
    this.#truncations++;
    this.#home.changed();
    this.#logEndOffset = offset;
    this.#flushedEndOffset = offset;
    this.#syncedEndOffset = Math.min(this.#syncedEndOffset, offset);
  }

  /** Removes the first `count` segments; at least one stays. @throws {DiskError} */
  removeFirst(count: number, nowMs: number): Segment[] {
    const removed = this.segments.removeFirst(count);
    this.#doom(removed, nowMs);
    this.#home.changed();
    return removed;
  }

  /** How often the end was cut. */
  get truncationCount(): number {
    return this.#truncations;
  }

  /**
   * Puts the synced outcome of a compaction in the place of the segments it was made from. A power cut before all of
   * its files are named `.swap` leaves the old segments; after that recovery completes the swap (LocalLog.replaceSegments).
   * @throws {DiskError}
   */
  replace(replaced: readonly Segment[], nowMs: number): void {
    const baseOffset = replaced[0]?.baseOffset ?? 0;
    const { directory } = this;
    renameSegmentFiles(this.#disk, directory, baseOffset, CLEANED_SUFFIX, SWAP_SUFFIX);
    this.#doom(replaced, nowMs);
    renameSegmentFiles(this.#disk, directory, baseOffset, SWAP_SUFFIX, '');
    this.#home.changed();
    const { indexIntervalBytes } = this.config;
    const parts = { disk: this.#disk, directory, baseOffset, indexIntervalBytes };
    const segment = Segment.load({ ...parts, rollJitterMs: 0, createdMs: nowMs });
    // Every batch in it was checked and written by this process.
    segment.trustedFrom = 0;
    this.segments.replace(replaced, segment);
  }

  /** Renames the files at once, so that no start finds them; they are removed after file.delete.delay.ms. */
  #doom(segments: readonly Segment[], nowMs: number): void {
    for (const segment of segments) {
      this.#unfinished.delete(segment);
      this.#cut.delete(segment);
      this.#doomed.push({ paths: segment.markDeleted(), atMs: nowMs + this.config.fileDeleteDelayMs });
    }
  }

  /** Removes the files whose delay is over, and lets go of files and indexes that nobody used since the last call. */
  async tidy(nowMs: number): Promise<void> {
    if (!this.isWritable) return;
    for (const segment of this.segments.all) segment.releaseIfIdle();
    // Apache Kafka's tools look for them beside a segment.
    if (this.segments.active.sizeBytes > 0) this.segments.active.makeIndexFiles();
    const due = this.#doomed.filter(({ atMs }) => atMs <= nowMs);
    this.#doomed = this.#doomed.filter(({ atMs }) => atMs > nowMs);
    for (const { paths } of due) for (const path of paths) await this.#disk.remove(path);
  }

  // ----------------------------------------------------------------------------------------- closing and failing

  /** Brings everything to the disk in its final form, `alongside` included. @throws {DiskError} */
  async close(alongside: () => Promise<void>): Promise<void> {
    if (this.isWritable && this.#hasFiles) {
      await this.flushStaged();
      this.#trim(this.segments.active);
      this.segments.active.becomeInactive();
      this.#unfinished.add(this.segments.active);
      await this.flush(alongside);
      if (this.#unfinished.size > 0 && this.#hindrance !== null) {
        this.abandon();
        throw this.#hindrance;
      }
      this.#isClosed = true;
      for (const { paths } of this.#doomed) for (const path of paths) await this.#disk.remove(path);
    }
    this.abandon();
    if (this.#offlineCause !== null) throw this.#offlineCause;
  }

  /** Lets go of all files, writing nothing: the directory failed, or is about to be removed. */
  abandon(): void {
    this.#isClosed = true;
    this.#writes.drop(this.#offlineCause);
    for (const segment of this.segments.all) segment.closeFile();
  }

  movedTo(directory: string): void {
    this.#home.movedTo(directory);
    for (const segment of this.segments.all) segment.movedTo(directory);
  }

  /** Runs a change of files whose failure leaves memory and disk in doubt: then the log is offline. */
  guarded<T>(change: () => T): T {
    try {
      return change();
    } catch (error) {
      if (error instanceof DiskError) this.#goOffline(error);
      throw error;
    }
  }

  /** As `guarded`, for what changes nothing when it fails: want of space or of descriptors passes, and so does this. */
  sparing<T>(change: () => T): T {
    try {
      return change();
    } catch (error) {
      if (error instanceof DiskError && !isPassing(error)) this.#goOffline(error);
      throw error;
    }
  }

  /** Nothing is written to this log any more: its directory failed, here or elsewhere. */
  markOffline(cause: DiskError): void {
    if (this.#offlineCause !== null) return;
    this.#offlineCause = cause;
    this.#writes.drop(cause);
  }

  #goOffline(cause: DiskError): void {
    if (this.#offlineCause !== null) return;
    this.markOffline(cause);
    this.#onOffline(cause);
  }
}

function asDiskError(error: unknown): DiskError {
  if (error instanceof DiskError) return error;
  throw error;
}
