/**
 * The parts of a log that only look: reading batches, searching by time, collecting aborted transactions.
 *
 * Always true: nothing here changes a log, and what is given out lies in memory of its own, or in what the caller lent.
 */

import { ErrorCode } from '../protocol/errors.ts';
import type { SegmentReadOptions } from './segment-read.ts';
import type { TimestampAndOffset } from './segment-types.ts';
import type { Segments } from './segments.ts';
import type { AbortedTransaction } from './transaction-index.ts';

export interface ReadOptions extends SegmentReadOptions {
  /** Exclusive: high watermark, last stable offset, or log end. Default: the log end. */
  readonly upTo?: number;
}

export interface LogRead {
  readonly errorCode: number;
  /** Whole batches, end to end; the first may begin before the offset asked for. */
  readonly records: readonly Buffer[];
  readonly bytes: number;
  /**
   * What a reader who takes cut batches would have got. Kafka's broker counts these towards fetch.min.bytes, so a
   * fetch whose limit cuts a batch is answered at once all the same.
   */
  readonly availableBytes: number;
  readonly startOffset: number;
  /** Where the records begin: base offset of the segment, and position in it. -1 without records. */
  readonly segmentBaseOffset: number;
  readonly position: number;
  /** With CORRUPT_MESSAGE: the offset of the damaged batch. */
  readonly damagedOffset: number;
}

const NO_RECORDS: readonly Buffer[] = [];

export const refusedRead = (errorCode: number, startOffset: number, damagedOffset = -1): LogRead => ({
  errorCode,
  records: NO_RECORDS,
  bytes: 0,
  availableBytes: 0,
  startOffset,
  segmentBaseOffset: -1,
  position: -1,
  damagedOffset,
});

/** Reads from the first segment that has something at or past `offset`; nothing is not an error. */
export function readSegments(
  segments: Segments,
  offset: number,
  options: ReadOptions,
  upTo: number,
  logEndOffset: number,
): LogRead {
  if (offset >= upTo) return refusedRead(ErrorCode.NONE, offset);
  for (let index = Math.max(0, segments.floorIndex(offset)); index < segments.all.length; index++) {
    const segment = segments.all[index];
    const boundOffset = segments.all[index + 1]?.baseOffset ?? logEndOffset;
    const read = segment?.read(offset, options, upTo, boundOffset) ?? null;
    if (segment === undefined || read === null) continue;
    if (read.damagedAt >= 0) return refusedRead(ErrorCode.CORRUPT_MESSAGE, offset, read.damagedAt);
    return {
      errorCode: ErrorCode.NONE,
      records: read.records.length === 0 ? NO_RECORDS : [read.records],
      bytes: read.records.length,
      availableBytes: read.availableBytes,
      startOffset: offset,
      segmentBaseOffset: segment.baseOffset,
      position: read.position,
      damagedOffset: -1,
    };
  }
  return refusedRead(ErrorCode.NONE, offset);
}

/** As LocalLog.addAbortedTransactions: the bound comes from the index, so the list may hold more than is needed. */
export function collectAborted(
  segments: Segments,
  read: LogRead,
  logEndOffset: number,
): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  if (read.position < 0) return found;
  const first = segments.floorIndex(read.segmentBaseOffset);
  const segment = segments.all[first];
  if (segment === undefined) return found;
  const indexed = segment.offsetIndex.firstOffsetAtOrAfter(read.position + read.bytes);
  const upperBound = indexed >= 0 ? indexed : (segments.all[first + 1]?.baseOffset ?? logEndOffset);
  for (const later of segments.all.slice(first)) {
    if (later.transactionIndex.collect(read.startOffset, upperBound, found)) break;
  }
  return found;
}

export function findTimestamp(
  segments: Segments,
  timestampMs: number,
  logStartOffset: number,
): TimestampAndOffset | null {
  for (const segment of segments.all) {
    if (segment.largestTimestampMs < timestampMs) continue;
    // The segment's newest record may lie below the log's start; Kafka then finds nothing, the next segment may.
    const found = segment.findByTimestamp(timestampMs, logStartOffset);
    if (found !== null) return found;
  }
  return null;
}

export function findMaxTimestamp(segments: Segments, latestEpoch: number): TimestampAndOffset | null {
  let best: TimestampAndOffset | null = null;
  for (const segment of segments.all) {
    if (segment.maxTimestampMs < 0 || (best !== null && segment.maxTimestampMs <= best.timestamp)) continue;
    best = {
      timestamp: segment.maxTimestampMs,
      offset: segment.offsetOfMaxTimestamp,
      leaderEpoch: latestEpoch,
    };
  }
  return best;
}
