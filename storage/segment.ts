/**
 * One segment of a log: a `.log` file of record batches, end to end, and its three indexes.
 *
 * Always true:
 * - Every offset in the segment is at or above `baseOffset`, ascends, and fits 31 bits above it.
 * - `sizeBytes` counts the batches that were added, `writtenBytes` those that are in the file; the difference is
 *   what the log still holds staged. Index entries may point to staged batches; they reach their files only later.
 * - Bytes from `trustedFrom` on were checked or written by this process. What lies before it is served only after
 *   its CRC has been checked, so that a bit that flipped on disk is never passed on.
 * - An index entry is believed only if the batch it points to agrees with it; otherwise the index is rebuilt.
 *
 * Reading and appending agree with Kafka's LogSegment.
 */

import { assert } from '../protocol/assert.ts';
import { BATCH_HEADER_SIZE, baseOffset, lastOffset, maxTimestamp, sizeInBytes } from '../protocol/batch.ts';
import { BatchScanner, HEADER_CHUNK_BYTES, SPARSE_CHUNK_BYTES } from './batch-scanner.ts';
import type { Disk, DiskFile } from './disk.ts';
import { NO_FILE } from './disk.ts';
import {
  DELETED_SUFFIX,
  joinPath,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  segmentFileName,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from './layout.ts';
import type { LogConfig } from './log-config.ts';
import { maxSegmentMs } from './log-config.ts';
import { OffsetIndex } from './offset-index.ts';
import { ScanMemory } from './scan-memory.ts';
import { renameSegmentFiles } from './segment-files.ts';
import type { SegmentRead, SegmentReadOptions } from './segment-read.ts';
import {
  cutToWhole,
  damagedRead,
  firstRecordSince,
  isPlausibleHeader,
  readBytes,
  readLate,
} from './segment-read.ts';
import type { SegmentMark, SegmentParts, TimestampAndOffset } from './segment-types.ts';
import type { EndOfBatches, SearchedFile } from './sound-batch.ts';
import { endOfBatches, findSound } from './sound-batch.ts';
import { NO_TIMESTAMP, TimeIndex } from './time-index.ts';
import { TransactionIndex } from './transaction-index.ts';
import { WarmBytes } from './warm-bytes.ts';

/** A timestamp that has not been looked up yet. */
const UNKNOWN = Number.NaN;

/** For looks at headers alone, from which nothing is kept. */
const HEADERS = new ScanMemory();

export class Segment {
  readonly baseOffset: number;
  readonly rollJitterMs: number;
  readonly transactionIndex: TransactionIndex;
  trustedFrom = 0;
  indexIntervalBytes: number;
  readonly warm = new WarmBytes();
  readonly #disk: Disk;
  #directory: string;
  #file: DiskFile | null = null;
  #offsetIndex: OffsetIndex | null = null;
  #timeIndex: TimeIndex | null = null;
  #indexesChecked = false;
  #createdMs: number;
  #sizeBytes = 0;
  #writtenBytes = 0;
  #bytesSinceIndexEntry = 0;
  #maxTimestampMs = UNKNOWN;
  #offsetOfMaxTimestamp = -1;
  #firstTimestampMs = UNKNOWN;
  #isUsed = false;
  /** There is no file yet. */
  #isPlanned = false;

  private constructor(parts: SegmentParts) {
    this.#disk = parts.disk;
    this.#directory = parts.directory;
    this.baseOffset = parts.baseOffset;
    this.indexIntervalBytes = parts.indexIntervalBytes;
    this.rollJitterMs = parts.rollJitterMs;
    this.#createdMs = parts.createdMs;
    this.transactionIndex = new TransactionIndex(parts.disk, this.#path(TRANSACTION_INDEX_SUFFIX));
  }

  /** A new, empty segment; leftovers of the same name go first, as in LocalLog.roll. */
  static create(parts: SegmentParts, indexBytes: number): Segment {
    const segment = Segment.plan(parts, indexBytes);
    for (const suffix of [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX]) {
      if (parts.disk.status(segment.#path(suffix)) !== null) parts.disk.removeNow(segment.#path(suffix));
    }
    segment.makeFile();
    segment.makeIndexFiles();
    return segment;
  }

  /** A new, empty segment whose files come later; there are none of its names. */
  static plan(parts: SegmentParts, indexBytes: number): Segment {
    const segment = new Segment(parts);
    const { baseOffset, disk } = parts;
    segment.#isPlanned = true;
    segment.#offsetIndex = OffsetIndex.plan(disk, segment.#path(OFFSET_INDEX_SUFFIX), baseOffset, indexBytes);
    segment.#timeIndex = TimeIndex.plan(disk, segment.#path(TIME_INDEX_SUFFIX), baseOffset, indexBytes);
    segment.#indexesChecked = true;
    segment.transactionIndex.startEmpty();
    segment.#forgetContents();
    return segment;
  }

  /** Makes the file of a planned segment; those of its indexes come with their first entries. @throws {DiskError} */
  makeFile(): void {
    this.#file ??= this.#disk.open(this.#path(LOG_SUFFIX), true);
    this.#isPlanned = false;
  }

  /** A segment whose files exist. Its bytes are not trusted and its indexes not checked yet. */
  static load(parts: SegmentParts): Segment {
    const segment = new Segment(parts);
    segment.#sizeBytes = parts.disk.status(segment.#path(LOG_SUFFIX))?.sizeBytes ?? 0;
    segment.#writtenBytes = segment.#sizeBytes;
    segment.trustedFrom = segment.#sizeBytes;
    return segment;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The largest timestamp in the segment, or -1. */
  get maxTimestampMs(): number {
    if (Number.isNaN(this.#maxTimestampMs)) {
      const index = this.timeIndex;
      this.#maxTimestampMs = index.lastTimestamp;
      this.#offsetOfMaxTimestamp = index.lastOffset;
    }
    return this.#maxTimestampMs;
  }

  /** The last offset of the batch that brought the largest timestamp. */
  get offsetOfMaxTimestamp(): number {
    return this.maxTimestampMs === NO_TIMESTAMP ? this.baseOffset : this.#offsetOfMaxTimestamp;
  }

  /** The age that retention judges: the largest timestamp, or when the file last changed (LogSegment.largestTimestamp). */
  get largestTimestampMs(): number {
    return this.maxTimestampMs >= 0 ? this.maxTimestampMs : this.lastModifiedMs;
  }

  get lastModifiedMs(): number {
    return this.#disk.status(this.#path(LOG_SUFFIX))?.modifiedMs ?? this.#createdMs;
  }

  get file(): DiskFile {
    this.#isUsed = true;
    if (this.#isPlanned) return NO_FILE;
    this.#file ??= this.#disk.open(this.#path(LOG_SUFFIX), false);
    return this.#file;
  }

  /** Looking into the indexes costs no reading. */
  get isIndexLoaded(): boolean {
    return this.#offsetIndex?.file.isLoaded === true && this.#timeIndex?.file.isLoaded === true;
  }

  get offsetIndex(): OffsetIndex {
    this.#checkIndexes();
    assert(this.#offsetIndex !== null, 'a checked segment has an offset index');
    return this.#offsetIndex;
  }

  get timeIndex(): TimeIndex {
    this.#checkIndexes();
    assert(this.#timeIndex !== null, 'a checked segment has a time index');
    return this.#timeIndex;
  }

  /** Whether a set of batches needs a new segment before it (LogSegment.shouldRoll). */
  shouldRoll(
    config: LogConfig,
    bytes: number,
    lastOffset: number,
    timestampMs: number,
    nowMs: number,
  ): boolean {
    if (this.#sizeBytes > config.segmentBytes - bytes) return true;
    if (this.offsetIndex.isFull || this.timeIndex.isFull || !this.offsetIndex.canHold(lastOffset))
      return true;
    if (this.#sizeBytes === 0) return false;
    return this.#waitedMs(nowMs, timestampMs) > maxSegmentMs(config) - this.rollJitterMs;
  }

  /** How long the segment has been open, by its records' own time where they have one. */
  #waitedMs(nowMs: number, timestampMs: number): number {
    return this.firstTimestampMs >= 0 ? timestampMs - this.firstTimestampMs : nowMs - this.#createdMs;
  }

  /** The largest timestamp of the first batch, or -1. */
  get firstTimestampMs(): number {
    if (Number.isNaN(this.#firstTimestampMs)) this.#firstTimestampMs = this.#readFirstTimestamp();
    return this.#firstTimestampMs;
  }

  #readFirstTimestamp(): number {
    const scanner = new BatchScanner(this.file, 0, this.#writtenBytes, { chunkBytes: BATCH_HEADER_SIZE });
    return scanner.next() ? maxTimestamp(scanner.buffer, scanner.at) : NO_TIMESTAMP;
  }

  /** Counts a batch at the end and indexes it; its bytes follow by `write`. */
  add(batchLastOffset: number, timestampMs: number, bytes: number): void {
    const position = this.#sizeBytes;
    if (position === 0) this.#firstTimestampMs = timestampMs;
    if (timestampMs > this.maxTimestampMs) {
      this.#maxTimestampMs = timestampMs;
      this.#offsetOfMaxTimestamp = batchLastOffset;
    }
    if (this.#bytesSinceIndexEntry > this.indexIntervalBytes) this.#addIndexEntry(batchLastOffset, position);
    this.#bytesSinceIndexEntry += bytes;
    this.#sizeBytes = position + bytes;
  }

  #addIndexEntry(batchLastOffset: number, position: number): void {
    // A set of several batches may fill the indexes in its midst; it stays whole, only less finely indexed.
    if (this.offsetIndex.isFull || this.timeIndex.isFull) return;
    this.offsetIndex.append(batchLastOffset, position);
    this.timeIndex.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp);
    this.#bytesSinceIndexEntry = 0;
  }

  /** Puts the bytes of added batches into the file. @throws {DiskError} with part of them written. */
  write(chunks: readonly Uint8Array[], bytes: number): void {
    assert(this.#writtenBytes + bytes <= this.#sizeBytes, 'only added batches may be written');
    this.file.write(chunks, this.#writtenBytes);
    this.wrote(bytes);
  }

  /** As `write`, on the thread pool. Neither the next write nor a reader may rely on it before `wrote`. */
  writeAsync(chunks: readonly Uint8Array[]): Promise<void> {
    return this.file.writeAsync(chunks, this.#writtenBytes);
  }

  /** The bytes of `writeAsync` are in the file. */
  wrote(bytes: number): void {
    const end = this.#writtenBytes + bytes;
    assert(end <= this.#sizeBytes, 'only added batches may be written');
    this.warm.touch(this.#writtenBytes, end);
    this.#writtenBytes = end;
  }

  mark(into: SegmentMark): void {
    into.sizeBytes = this.#sizeBytes;
    into.offsetEntries = this.offsetIndex.file.entryCount;
    into.timeEntries = this.timeIndex.file.entryCount;
    into.transactionEntries = this.transactionIndex.entries.length;
    into.maxTimestampMs = this.maxTimestampMs;
    into.offsetOfMaxTimestamp = this.#offsetOfMaxTimestamp;
    into.bytesSinceIndexEntry = this.#bytesSinceIndexEntry;
    into.firstTimestampMs = this.#firstTimestampMs;
  }

  /** Forgets the batches added since `mark`, and cuts what a failed write left of them. @throws {DiskError} */
  undo(mark: SegmentMark): void {
    this.#sizeBytes = mark.sizeBytes;
    this.offsetIndex.file.truncateEntries(mark.offsetEntries);
    this.timeIndex.file.truncateEntries(mark.timeEntries);
    this.transactionIndex.truncateEntries(mark.transactionEntries);
    this.#maxTimestampMs = mark.maxTimestampMs;
    this.#offsetOfMaxTimestamp = mark.offsetOfMaxTimestamp;
    this.#bytesSinceIndexEntry = mark.bytesSinceIndexEntry;
    this.#firstTimestampMs = mark.firstTimestampMs;
    this.#writtenBytes = mark.sizeBytes;
    this.file.truncate(mark.sizeBytes);
  }

  /**
   * Whole batches from the one that holds `offset` (or the first after it), at most `maxBytes`, all below `upTo`.
   * With `minOneBatch` the first comes even if it is larger. Null when the segment has nothing at or past `offset`.
   */
  read(
    offset: number,
    options: SegmentReadOptions,
    upTo: number,
    boundOffset = Infinity,
  ): SegmentRead | null {
    const { maxBytes, minOneBatch, memory } = options;
    const { trustedFrom } = this;
    let start = this.#startFor(offset);
    const end = this.#writtenBytes;
    if (start < trustedFrom) {
      const sound = findSound(this.searched(boundOffset), start, offset);
      if (sound === 'damaged') return damagedRead(start, offset);
      start = sound ?? end;
    } else if (maxBytes >= LARGE_READ_BYTES) {
      start = this.#findFrom(start, offset);
      const batches = { file: this.file, offsetIndex: this.offsetIndex, start, end };
      const late = readLate(batches, maxBytes, upTo, boundOffset, memory);
      if (late !== null) return late;
    }
    if (end - start < BATCH_HEADER_SIZE) return null;
    // One read covers the search and, usually, the answer: the batch lies within an index interval of the entry.
    const wanted = Math.min(end - start, maxBytes + this.indexIntervalBytes + BATCH_HEADER_SIZE);
    let buffer = readBytes(this.file, start, wanted, memory);
    let at = 0;
    while (!isPlausibleHeader(buffer, at) || lastOffset(buffer, at) < offset) {
      if (buffer.length - at < BATCH_HEADER_SIZE) {
        if (end - start - at < BATCH_HEADER_SIZE) return null;
        start += at;
        at = 0;
        const more = Math.min(end - start, Math.max(maxBytes, HEADER_CHUNK_BYTES));
        buffer = readBytes(this.file, start, more, memory);
        if (buffer.length < BATCH_HEADER_SIZE) return damagedRead(start, offset);
      }
      if (!isPlausibleHeader(buffer, at)) return damagedRead(start + at, offset);
      if (lastOffset(buffer, at) < offset) at += sizeInBytes(buffer, at);
    }
    const firstBytes = sizeInBytes(buffer, at);
    const limit = Math.min(minOneBatch ? Math.max(maxBytes, firstBytes) : maxBytes, end - start - at);
    if (buffer.length - at < Math.min(firstBytes, limit)) {
      start += at;
      at = 0;
      buffer = readBytes(this.file, start, limit, memory);
    }
    return cutToWhole(buffer, at, start, limit, upTo, trustedFrom, end, boundOffset);
  }

  /** Where the batch begins that holds `offset` or follows it, or the first that is none; looks from `start` on. */
  #findFrom(start: number, offset: number): number {
    const scanner = new BatchScanner(this.file, start, this.#writtenBytes, {
      chunkBytes: SPARSE_CHUNK_BYTES,
    });
    while (scanner.next()) if (scanner.lastOffset >= offset) break;
    return scanner.position;
  }

  /** Where to begin looking for `offset`, by the index if what it points to bears it out. */
  #startFor(offset: number): number {
    const slot = this.offsetIndex.lookup(offset);
    if (slot < 0) return 0;
    const position = this.offsetIndex.positionAt(slot);
    if (position >= this.trustedFrom || this.#entryIsTrue(slot, position)) return position;
    this.rebuildIndexes();
    return this.offsetIndex.positionNear(offset);
  }

  #entryIsTrue(slot: number, position: number): boolean {
    if (position + BATCH_HEADER_SIZE > this.#writtenBytes) return false;
    const header = readBytes(this.file, position, BATCH_HEADER_SIZE);
    if (!isPlausibleHeader(header, 0)) return false;
    const entryOffset = this.offsetIndex.offsetAt(slot);
    // A follower of Apache Kafka indexes a set of batches by its last offset, so the batch may end before the entry.
    return baseOffset(header, 0) >= this.baseOffset && lastOffset(header, 0) <= entryOffset;
  }

  /** The position of the first batch that ends at or past `offset`; the size of the file when there is none. */
  positionFor(offset: number): number {
    return this.#scanTo(offset).position;
  }

  /** Where the last whole batch ends (LogSegment.readNextOffset). */
  readEnd = (): EndOfBatches => endOfBatches(this.searched(), this.#startFor(Number.MAX_SAFE_INTEGER));

  /** The segment's bytes for a search that believes none of them. */
  searched(boundOffset = Number.POSITIVE_INFINITY): SearchedFile {
    const { file, baseOffset: firstOffset, trustedFrom } = this;
    return { file, end: this.#writtenBytes, trustedFrom, firstOffset, boundOffset };
  }

  /** The first record at or after `timestampMs` whose offset is at least `fromOffset`, or null. */
  findByTimestamp(timestampMs: number, fromOffset: number): TimestampAndOffset | null {
    let slot = this.timeIndex.lookup(timestampMs);
    if (this.trustedFrom > 0 && !this.#isTimeSlotTrue(slot)) {
      this.rebuildIndexes();
      slot = this.timeIndex.lookup(timestampMs);
    }
    const indexed = slot < 0 ? this.baseOffset : this.timeIndex.offsetAt(slot);
    const start = this.#startFor(Math.max(indexed, fromOffset));
    const scanner = new BatchScanner(this.file, start, this.#writtenBytes);
    return firstRecordSince(scanner, timestampMs, fromOffset);
  }

  /** `offset`, or the start of the batch that holds it: where the segment can end without leaving an offset out. */
  endBefore(offset: number): number {
    const scanner = this.#scanTo(offset);
    const isHeld = scanner.position < this.#writtenBytes && scanner.problem === 'none';
    return isHeld ? Math.min(offset, scanner.baseOffset) : offset;
  }

  /** A scanner at the first batch that ends at or past `offset`, or at the end. */
  #scanTo(offset: number): BatchScanner {
    const scanner = new BatchScanner(this.file, this.#startFor(offset), this.#writtenBytes);
    while (scanner.next()) if (scanner.lastOffset >= offset) break;
    return scanner;
  }

  /** The entry found and the one after it: either, when false, could hide records from a search. */
  #isTimeSlotTrue(slot: number): boolean {
    if (slot >= 0 && this.#positionOfTimeEntry(slot) < 0) return false;
    return slot + 1 >= this.timeIndex.file.entryCount || this.#positionOfTimeEntry(slot + 1) >= 0;
  }

  /** Cuts off what a write that had been given up has put behind the end after all. @throws {DiskError} */
  cutToWritten(): void {
    this.file.truncate(this.#writtenBytes);
  }

  /** Cuts the batch that holds `offset` and everything after it. The segment becomes the active one. */
  truncateTo(offset: number, indexBytes: number, nowMs: number): void {
    const { position } = this.#scanTo(offset);
    this.offsetIndex.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    this.transactionIndex.truncateTo(offset);
    this.resizeIndexes(indexBytes);
    this.file.truncate(position);
    this.#sizeBytes = position;
    this.#writtenBytes = position;
    this.trustedFrom = Math.min(this.trustedFrom, position);
    this.#bytesSinceIndexEntry = 0;
    this.#rescanMaxTimestamp();
    if (position > 0) return;
    this.#createdMs = nowMs;
    this.#firstTimestampMs = NO_TIMESTAMP;
  }

  /** The indexed maximum may lie behind the true one by the batches after the last entry. */
  #rescanMaxTimestamp(): void {
    this.#maxTimestampMs = this.timeIndex.lastTimestamp;
    this.#offsetOfMaxTimestamp = this.timeIndex.lastOffset;
    const start = this.#startFor(this.timeIndex.lastOffset);
    const scanner = new BatchScanner(this.file, start, this.#writtenBytes);
    while (scanner.next()) {
      const timestampMs = maxTimestamp(scanner.buffer, scanner.at);
      if (timestampMs <= this.#maxTimestampMs) continue;
      this.#maxTimestampMs = timestampMs;
      this.#offsetOfMaxTimestamp = scanner.lastOffset;
    }
  }

  /** Makes the offset and time index anew from the batch headers; the transaction index needs producer state. */
  rebuildIndexes(): void {
    const indexBytes =
      Math.max(this.#offsetIndex?.file.maxEntries ?? 0, this.#sizeBytes / BATCH_HEADER_SIZE + 2) * 12;
    this.#newIndexes(indexBytes);
    const size = this.#writtenBytes;
    const addedBytes = this.#sizeBytes;
    this.#forgetContents();
    const scanner = new BatchScanner(this.file, 0, size);
    let floor = this.baseOffset;
    while (scanner.next()) {
      if (scanner.baseOffset >= floor && scanner.isIntact() && this.offsetIndex.canHold(scanner.lastOffset)) {
        floor = scanner.lastOffset + 1;
        this.add(scanner.lastOffset, maxTimestamp(scanner.buffer, scanner.at), scanner.sizeBytes);
      } else this.#sizeBytes += scanner.sizeBytes;
    }
    // What is staged behind them is still to come.
    this.#sizeBytes = addedBytes;
    this.timeIndex.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp, true);
    this.#trimIndexes();
  }

  /** For recovery: empty indexes and no batches; the scan adds them again, then `recovered` says how far. */
  beginRecovery(indexBytes: number): void {
    const { baseOffset } = this;
    const offsetPath = this.#path(OFFSET_INDEX_SUFFIX);
    this.#offsetIndex = OffsetIndex.anew(this.#disk, offsetPath, baseOffset, indexBytes);
    this.#timeIndex = TimeIndex.anew(this.#disk, this.#path(TIME_INDEX_SUFFIX), baseOffset, indexBytes);
    this.#indexesChecked = true;
    this.transactionIndex.reset();
    this.#forgetContents();
  }

  recovered(validBytes: number): void {
    this.#sizeBytes = validBytes;
    this.#writtenBytes = validBytes;
    this.trustedFrom = 0;
    if (this.file.sizeBytes() !== validBytes) this.file.truncate(validBytes);
    this.timeIndex.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp, true);
    this.#trimIndexes();
    // Nobody else does, and the aborted transactions of a closed segment are told nowhere else.
    this.transactionIndex.write();
  }

  #forgetContents(): void {
    this.#sizeBytes = 0;
    this.#bytesSinceIndexEntry = 0;
    this.#maxTimestampMs = NO_TIMESTAMP;
    this.#offsetOfMaxTimestamp = -1;
    this.#firstTimestampMs = NO_TIMESTAMP;
  }

  resizeIndexes(indexBytes: number): void {
    this.offsetIndex.file.resize(indexBytes);
    this.timeIndex.file.resize(indexBytes);
  }

  #trimIndexes(): void {
    this.offsetIndex.file.trim();
    this.timeIndex.file.trim();
  }

  /** The segment is no longer the active one, or its log is closed: indexes get their final form. */
  becomeInactive(): void {
    this.timeIndex.maybeAppend(this.maxTimestampMs, this.offsetOfMaxTimestamp, true);
    this.#trimIndexes();
    this.transactionIndex.write();
  }

  /** Makes the files of indexes that have had no entries. @throws {DiskError} */
  makeIndexFiles(): void {
    this.#offsetIndex?.file.makeFile();
    this.#timeIndex?.file.makeFile();
  }

  writeIndexes(): void {
    this.#offsetIndex?.file.write();
    this.#timeIndex?.file.write();
    this.transactionIndex.write();
  }

  async syncIndexes(): Promise<void> {
    await this.offsetIndex.file.sync();
    await this.timeIndex.file.sync();
    await this.transactionIndex.sync();
  }

  /** Closes the file and drops index buffers when nothing has used the segment since the last call. */
  releaseIfIdle(): void {
    this.warm.age();
    if (this.#isUsed) {
      this.#isUsed = false;
      return;
    }
    this.closeFile();
    this.#offsetIndex?.file.release();
    this.#timeIndex?.file.release();
    this.transactionIndex.release();
  }

  closeFile(): void {
    this.#file?.close();
    this.#file = null;
  }

  /** The log's directory has another name now. */
  movedTo(directory: string): void {
    this.closeFile();
    this.#directory = directory;
    this.#offsetIndex?.file.movedTo(this.#path(OFFSET_INDEX_SUFFIX));
    this.#timeIndex?.file.movedTo(this.#path(TIME_INDEX_SUFFIX));
    this.transactionIndex.movedTo(this.#path(TRANSACTION_INDEX_SUFFIX));
  }

  /** Renames the files so that no start takes them for a segment again; gives the new names. */
  markDeleted(): string[] {
    this.closeFile();
    return renameSegmentFiles(this.#disk, this.#directory, this.baseOffset, '', DELETED_SUFFIX);
  }

  #newIndexes(indexBytes: number): void {
    const { baseOffset } = this;
    const path = this.#path(OFFSET_INDEX_SUFFIX);
    this.#offsetIndex = OffsetIndex.create(this.#disk, path, baseOffset, indexBytes);
    this.#timeIndex = TimeIndex.create(this.#disk, this.#path(TIME_INDEX_SUFFIX), baseOffset, indexBytes);
    this.#indexesChecked = true;
  }

  /** Reads the index files at their first use; missing ones, and ones that can't be true, are made anew. */
  #checkIndexes(): void {
    if (this.#indexesChecked) return;
    this.#indexesChecked = true;
    this.#offsetIndex = OffsetIndex.load(this.#disk, this.#path(OFFSET_INDEX_SUFFIX), this.baseOffset);
    this.#timeIndex = TimeIndex.load(this.#disk, this.#path(TIME_INDEX_SUFFIX), this.baseOffset);
    const sound =
      this.#offsetIndex?.isWellFormed(this.#writtenBytes) === true &&
      this.#timeIndex?.isWellFormed(Number.MAX_SAFE_INTEGER) === true &&
      this.#isTimeIndexComplete();
    if (!sound) this.rebuildIndexes();
  }

  /**
   * Whether the last entry is the largest timestamp of all batches: retention and searches by time go by it. Cost: the
   * headers after the entry's batch, which is nearly the last one where timestamps ascend.
   */
  #isTimeIndexComplete(): boolean {
    const slot = this.timeIndex.file.entryCount - 1;
    const start = slot < 0 ? 0 : this.#positionOfTimeEntry(slot);
    if (start < 0) return false;
    const options = { chunkBytes: SPARSE_CHUNK_BYTES, memory: HEADERS };
    const scanner = new BatchScanner(this.file, start, this.#writtenBytes, options);
    while (scanner.next()) {
      if (maxTimestamp(scanner.buffer, scanner.at) > this.timeIndex.lastTimestamp) return false;
    }
    return true;
  }

  /** Where the batch of a time index entry begins, or -1 when no batch bears the entry out. */
  #positionOfTimeEntry(slot: number): number {
    const scanner = this.#scanTo(this.timeIndex.offsetAt(slot));
    if (scanner.position >= this.#writtenBytes || scanner.problem !== 'none') return -1;
    const isTrue =
      scanner.lastOffset === this.timeIndex.offsetAt(slot) &&
      maxTimestamp(scanner.buffer, scanner.at) === this.timeIndex.timestampAt(slot);
    return isTrue ? scanner.position : -1;
  }

  #path(suffix: string): string {
    return joinPath(this.#directory, segmentFileName(this.baseOffset, suffix));
  }
}

/** From here on a look for the first batch costs less than reading what lies before it, too. */
const LARGE_READ_BYTES = 32 * 1024;
