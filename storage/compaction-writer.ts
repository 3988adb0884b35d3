/**
 * The segment that a compaction makes: `.log`, `.index`, `.timeindex`, `.txnindex`, all with `.cleaned` behind their names.
 *
 * Always true: offsets ascend; a power cut before the swap leaves only files that the next start removes; after `finish`
 * everything is on the disk. Bytes are synced as they come, so that the last sync is short and no disk is flooded.
 * Batches are copied into one buffer until they are written: few that are kept of many must not hold on to the chunks
 * that they were read with.
 */

import { lastOffset, maxTimestamp } from '../protocol/batch.ts';
import { CorruptSegmentError } from './compaction-types.ts';
import type { Disk, DiskFile } from './disk.ts';
import {
  CLEANED_SUFFIX,
  joinPath,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  segmentFileName,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from './layout.ts';
import { OffsetIndex } from './offset-index.ts';
import { NO_TIMESTAMP, TimeIndex } from './time-index.ts';
import { TransactionIndex } from './transaction-index.ts';

/** A sync of somebody else's records may have to wait for one of these. */
const SYNC_BYTES = 512 * 1024;

const SUFFIXES = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX];

/** The paths a segment's files have, or may have, with a marker such as `.cleaned` behind their names. */
export const markedPaths = (directory: string, baseOffset: number, marker: string): string[] =>
  SUFFIXES.map((suffix) => joinPath(directory, segmentFileName(baseOffset, suffix + marker)));

export interface CleanedSegmentParts {
  readonly disk: Disk;
  readonly directory: string;
  readonly baseOffset: number;
  readonly indexIntervalBytes: number;
  readonly segmentIndexBytes: number;
  /** Collected before they are written. */
  readonly writeBytes: number;
}

export class CleanedSegment {
  readonly transactionIndex: TransactionIndex;
  readonly #parts: CleanedSegmentParts;
  readonly #file: DiskFile;
  readonly #offsetIndex: OffsetIndex;
  readonly #timeIndex: TimeIndex;
  readonly #buffer: Buffer;
  #pendingBytes = 0;
  #writtenBytes = 0;
  #syncedBytes = 0;
  #bytesSinceIndexEntry = 0;
  #maxTimestampMs = NO_TIMESTAMP;
  #offsetOfMaxTimestamp: number;
  #nextOffset: number;

  /** Begins with empty files; leftovers of an interrupted compaction go. */
  constructor(parts: CleanedSegmentParts) {
    const { disk, directory, baseOffset, segmentIndexBytes } = parts;
    const path = (suffix: string) =>
      joinPath(directory, segmentFileName(baseOffset, suffix + CLEANED_SUFFIX));
    removeCleaned(disk, directory, baseOffset);
    this.#parts = parts;
    this.#buffer = Buffer.allocUnsafeSlow(parts.writeBytes);
    this.#file = disk.open(path(LOG_SUFFIX), true);
    this.#offsetIndex = OffsetIndex.create(disk, path(OFFSET_INDEX_SUFFIX), baseOffset, segmentIndexBytes);
    this.#timeIndex = TimeIndex.create(disk, path(TIME_INDEX_SUFFIX), baseOffset, segmentIndexBytes);
    this.transactionIndex = new TransactionIndex(disk, path(TRANSACTION_INDEX_SUFFIX));
    this.#nextOffset = baseOffset;
    this.#offsetOfMaxTimestamp = baseOffset;
  }

  /** Takes a whole batch. @throws {CorruptSegmentError} @throws {DiskError} */
  append(batch: Buffer): void {
    const last = lastOffset(batch);
    if (last < this.#nextOffset || !this.#offsetIndex.canHold(last)) {
      throw new CorruptSegmentError('offsets do not ascend, or do not fit one segment,', last);
    }
    this.#nextOffset = last + 1;
    const timestampMs = maxTimestamp(batch);
    if (timestampMs > this.#maxTimestampMs) {
      this.#maxTimestampMs = timestampMs;
      this.#offsetOfMaxTimestamp = last;
    }
    this.#index(last);
    this.#bytesSinceIndexEntry += batch.length;
    if (this.#pendingBytes + batch.length > this.#buffer.length) this.#writePending();
    if (batch.length > this.#buffer.length) {
      this.#write(batch);
      return;
    }
    batch.copy(this.#buffer, this.#pendingBytes);
    this.#pendingBytes += batch.length;
  }

  /** As Segment.add: an entry for the first batch that begins more than an interval after the last entry. */
  #index(last: number): void {
    if (this.#bytesSinceIndexEntry <= this.#parts.indexIntervalBytes) return;
    if (this.#offsetIndex.isFull || this.#timeIndex.isFull) return;
    this.#offsetIndex.append(last, this.#writtenBytes + this.#pendingBytes);
    this.#timeIndex.maybeAppend(this.#maxTimestampMs, this.#offsetOfMaxTimestamp);
    this.#bytesSinceIndexEntry = 0;
  }

  #writePending(): void {
    const pending = this.#buffer.subarray(0, this.#pendingBytes);
    this.#pendingBytes = 0;
    if (pending.length > 0) this.#write(pending);
  }

  #write(bytes: Buffer): void {
    this.#file.write([bytes], this.#writtenBytes);
    this.#writtenBytes += bytes.length;
    if (this.#writtenBytes - this.#syncedBytes < SYNC_BYTES) return;
    this.#file.syncNow();
    this.#syncedBytes = this.#writtenBytes;
  }

  /** Brings everything to the disk in its final form; the bytes of the `.log`. @throws {DiskError} */
  finish(): number {
    this.#writePending();
    this.#file.syncNow();
    this.#file.close();
    this.#timeIndex.maybeAppend(this.#maxTimestampMs, this.#offsetOfMaxTimestamp, true);
    for (const { file } of [this.#offsetIndex, this.#timeIndex]) {
      file.trim();
      file.syncNow();
    }
    this.transactionIndex.write();
    if (this.transactionIndex.hasFile) {
      const file = this.#parts.disk.open(this.transactionIndex.path, false);
      file.syncNow();
      file.close();
    }
    return this.#writtenBytes;
  }

  /** Forgets everything. */
  abandon(): void {
    this.#file.close();
    removeCleaned(this.#parts.disk, this.#parts.directory, this.#parts.baseOffset);
  }
}

/** Removes what an interrupted compaction left of a segment. */
export function removeCleaned(disk: Disk, directory: string, baseOffset: number): void {
  for (const path of markedPaths(directory, baseOffset, CLEANED_SUFFIX)) {
    if (disk.status(path) !== null) disk.removeNow(path);
  }
}
