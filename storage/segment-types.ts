/** The shapes in which a segment is made, marked and asked. */

import type { Disk } from './disk.ts';

export interface TimestampAndOffset {
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

/** What an append changes, kept so that it can be undone when the bytes do not reach the file. */
export interface SegmentMark {
  sizeBytes: number;
  offsetEntries: number;
  timeEntries: number;
  transactionEntries: number;
  maxTimestampMs: number;
  offsetOfMaxTimestamp: number;
  bytesSinceIndexEntry: number;
  firstTimestampMs: number;
}

export interface SegmentParts {
  readonly disk: Disk;
  readonly directory: string;
  readonly baseOffset: number;
  readonly indexIntervalBytes: number;
  readonly rollJitterMs: number;
  readonly createdMs: number;
}

export const emptyMark = (): SegmentMark => ({
  sizeBytes: 0,
  offsetEntries: 0,
  timeEntries: 0,
  transactionEntries: 0,
  maxTimestampMs: -1,
  offsetOfMaxTimestamp: -1,
  bytesSinceIndexEntry: 0,
  firstTimestampMs: -1,
});
