/**
 * From bytes read out of a segment to the batches a reader may have.
 *
 * Always true: what is given are whole batches below the reader's bound; batches that this process neither wrote nor
 * checked before have been checked against their CRC. Only those need not be looked at that this process wrote.
 */

import {
  BATCH_HEADER_SIZE,
  baseOffset,
  isCrcValid,
  iterateRecords,
  lastOffset,
  MAGIC_V2,
  magic,
  maxTimestamp,
  partitionLeaderEpoch,
  sizeInBytes,
} from '../protocol/batch.ts';
import type { BatchScanner } from './batch-scanner.ts';
import type { DiskFile } from './disk.ts';
import type { OffsetIndex } from './offset-index.ts';
import type { ReadMemory } from './read-buffers.ts';
import type { TimestampAndOffset } from './segment-types.ts';

export interface SegmentReadOptions {
  readonly maxBytes: number;
  /** The first batch comes whole even above `maxBytes` (KIP-74). */
  readonly minOneBatch: boolean;
  /** Where the records' memory comes from; by default each read has memory of its own. */
  readonly memory?: ReadMemory;
}

export interface SegmentRead {
  /** Whole batches in one piece of memory; the first holds the offset asked for, or follows it. */
  readonly records: Buffer;
  readonly position: number;
  /** The bytes that a reader who takes cut batches would have got, up to its limit. */
  readonly availableBytes: number;
  /** The offset of the first batch if its bytes are not what was written, else -1. */
  readonly damagedAt: number;
}

/** Below which memory comes from Node's shared pool. */
const SMALL_READ_BYTES = 2048;

/** Up to `bytes` of the file from `position` on, fewer at its end; in memory of their own unless `memory` has some. */
export function readBytes(file: DiskFile, position: number, bytes: number, memory?: ReadMemory): Buffer {
  const fresh = bytes < SMALL_READ_BYTES ? Buffer.allocUnsafe : Buffer.allocUnsafeSlow;
  const buffer = memory?.take(bytes) ?? fresh(bytes);
  const count = file.read(buffer, position);
  return count === bytes ? buffer : buffer.subarray(0, count);
}

/** Whether a batch can begin with these bytes, as far as its header tells. */
export const isPlausibleHeader = (buffer: Buffer, at: number): boolean =>
  buffer.length - at >= BATCH_HEADER_SIZE &&
  magic(buffer, at) === MAGIC_V2 &&
  sizeInBytes(buffer, at) >= BATCH_HEADER_SIZE &&
  baseOffset(buffer, at) >= 0 &&
  lastOffset(buffer, at) >= baseOffset(buffer, at);

export const damagedRead = (position: number, offset: number): SegmentRead => ({
  records: Buffer.alloc(0),
  position,
  availableBytes: 0,
  damagedAt: offset,
});

/**
 * Keeps of `buffer[at..at + limit)`, which lies at `start` in the file, what is whole, below `upTo`, and intact. Bytes
 * from `trustedFrom` on need no check; of those before, the first batch must have been found sound. The file's last
 * batch ends below `boundOffset`.
 */
export function cutToWhole(
  buffer: Buffer,
  at: number,
  start: number,
  limit: number,
  upTo: number,
  trustedFrom: number,
  fileEnd: number,
  boundOffset = Infinity,
): SegmentRead {
  const end = Math.min(buffer.length, at + limit);
  let to = at;
  let availableEnd = end;
  let floor = 0;
  while (end - to >= BATCH_HEADER_SIZE) {
    const isPlausible = isPlausibleHeader(buffer, to);
    const size = sizeInBytes(buffer, to);
    if (start + to < trustedFrom) {
      const isCut = isPlausible && to + size > end && start + to + size <= fileEnd;
      if (isCut) break;
      const next = start + to + size < fileEnd ? to + size : -1;
      if (!isPlausible || baseOffset(buffer, to) < floor || !isCrcValid(buffer, to)) {
        // Damage stops a reader only where it comes first; before it, everything is as it was written.
        if (to === at) return damagedRead(start + at, Math.max(0, baseOffset(buffer, at)));
        availableEnd = to;
        break;
      }
      // Its offsets are its own only if those of the next batch, or segment, are above; the first was looked at before.
      const hasNext = next >= 0 && buffer.length - next >= BATCH_HEADER_SIZE;
      const isLast = next < 0;
      const nextOffset = hasNext ? baseOffset(buffer, next) : isLast ? boundOffset : -1;
      if (to > at && nextOffset <= lastOffset(buffer, to)) {
        availableEnd = to;
        break;
      }
    } else if (!isPlausible) {
      if (to === at) return damagedRead(start + at, Math.max(0, baseOffset(buffer, at)));
      availableEnd = to;
      break;
    }
    if (lastOffset(buffer, to) >= upTo) {
      availableEnd = to;
      break;
    }
    if (to + size > end) break;
    floor = lastOffset(buffer, to) + 1;
    to += size;
  }
  return {
    records: buffer.subarray(at, to),
    position: start + at,
    availableBytes: availableEnd - at,
    damagedAt: -1,
  };
}

/** Batches of a segment's file that need no check, from where one begins at `start` to `end`. */
export interface TrustedBatches {
  readonly file: DiskFile;
  readonly offsetIndex: OffsetIndex;
  readonly start: number;
  readonly end: number;
}

/**
 * A read that is left to who sends it: the offset index tells where whole batches end, at most an index interval
 * before the limit. Null when it can't tell, when `memory` takes no such read, or when not all bytes up to the limit
 * lie below `upTo`. `boundOffset` is above every offset in the file.
 */
export function readLate(
  { file, offsetIndex, start, end }: TrustedBatches,
  maxBytes: number,
  upTo: number,
  boundOffset: number,
  memory: ReadMemory | undefined,
): SegmentRead | null {
  if (memory?.takeLate === undefined) return null;
  const limit = Math.min(maxBytes, end - start);
  const slot = offsetIndex.slotAtOrAfter(start + limit);
  const hasSlot = slot < offsetIndex.file.entryCount;
  // All that lies before an entry's batch lies below its offset.
  const isBelow = upTo >= boundOffset || (hasSlot && offsetIndex.offsetAt(slot) <= upTo);
  if (!isBelow) return null;
  const isWhole = start + limit === end || (hasSlot && offsetIndex.positionAt(slot) === start + limit);
  const wholeEnd = isWhole ? start + limit : slot > 0 ? offsetIndex.positionAt(slot - 1) : start;
  if (wholeEnd <= start) return null;
  const records = memory.takeLate(file, start, wholeEnd - start);
  return records === null ? null : { records, position: start, availableBytes: limit, damagedAt: -1 };
}

/** The first record at or after `timestampMs` whose offset is at least `fromOffset`, or null. */
export function firstRecordSince(
  scanner: BatchScanner,
  timestampMs: number,
  fromOffset: number,
): TimestampAndOffset | null {
  while (scanner.next()) {
    if (maxTimestamp(scanner.buffer, scanner.at) < timestampMs || scanner.lastOffset < fromOffset) continue;
    if (!scanner.loadWhole()) return null;
    const leaderEpoch = partitionLeaderEpoch(scanner.buffer, scanner.at);
    for (const record of iterateRecords(scanner.buffer, scanner.at)) {
      if (record.timestampMs < timestampMs || record.offset < fromOffset) continue;
      return { timestamp: record.timestampMs, offset: record.offset, leaderEpoch };
    }
  }
  return null;
}
