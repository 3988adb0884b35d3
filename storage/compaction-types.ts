/**
 * What a compaction is told and what it answers: plain values, because they travel between threads.
 */

import type { AbortedTransactionEntry } from './transaction-index.ts';

/** A closed segment to read. */
export interface SourceSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
}

/** What the log knows of a producer's last records. */
export interface LastProducerRecord {
  /** The last offset of its last data, or -1 when its last word was a marker. */
  readonly lastDataOffset: number;
  readonly producerEpoch: number;
}

/** What one of the cleaner's threads may take of the machine. */
export interface CleanerShare {
  /** Bound of the memory for keys. */
  readonly dedupeBufferBytes: number;
  /** How full that memory may become, as a fraction. */
  readonly maxLoad: number;
  /** Read at once, and written at once; a larger batch is larger. */
  readonly ioBufferBytes: number;
  /** Bound of what all threads together read and write per second. */
  readonly ioMaxBytesPerSecond: number;
  /** What they have used of it. */
  readonly throttleAccount: SharedArrayBuffer;
}

/** One log to compact. Offsets from `firstDirtyOffset` on were not compacted before. */
export interface CompactionJob {
  /** The log's own directory. */
  readonly directory: string;
  /** Every segment below `firstUncleanableOffset`, oldest first. */
  readonly segments: readonly SourceSegment[];
  readonly firstDirtyOffset: number;
  /** In the segment that holds `firstDirtyOffset`: where its batch begins. */
  readonly firstDirtyPosition: number;
  /** Exclusive; where a segment begins. */
  readonly firstUncleanableOffset: number;
  readonly aborted: readonly AbortedTransactionEntry[];
  readonly lastRecords: ReadonlyMap<number, LastProducerRecord>;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly maxMessageBytes: number;
  readonly indexIntervalBytes: number;
  readonly segmentIndexBytes: number;
  readonly share: CleanerShare;
}

/** How far the keys of the log fitted into memory. */
export interface MapSummary {
  /** Exclusive: what lies below is clean once the groups are swapped in. */
  readonly endOffset: number;
  readonly keys: number;
  readonly slots: number;
  readonly bytesRead: number;
}

/** Counted over all groups of a compaction. */
export interface CompactionStatistics {
  bytesRead: number;
  bytesWritten: number;
  recordsRead: number;
  recordsWritten: number;
  /** Records that no compaction can keep. */
  recordsWithoutKey: number;
  /** Batches that grew above max.message.bytes. */
  oversizedBatches: number;
}

export const noStatistics = (): CompactionStatistics => ({
  bytesRead: 0,
  bytesWritten: 0,
  recordsRead: 0,
  recordsWritten: 0,
  recordsWithoutKey: 0,
  oversizedBatches: 0,
});

/** Does the reading and writing of one compaction at a time, in this thread or another. */
export interface CompactionEngine {
  /** Reads the dirty part. @throws {CorruptSegmentError} @throws {DiskError} @throws {CompactionAborted} */
  begin(job: CompactionJob): Promise<MapSummary>;
  /**
   * Writes and syncs one segment, named `.cleaned`, from neighbours of the job's; groups come in order. The statistics are
   * those since `begin`. @throws as `begin`
   */
  cleanGroup(group: readonly SourceSegment[]): Promise<CompactionStatistics>;
  /** Ends what is under way, which then fails, and lets go of everything. */
  close(): Promise<void>;
}

/** The log holds bytes that are not what was appended: it is left as it is, for a reader to be told. */
export class CorruptSegmentError extends Error {
  override readonly name = 'CorruptSegmentError';
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super(`${problem} at offset ${offset}`);
    this.offset = offset;
  }
}

/** The compaction was ended from outside; nothing is wrong with the log. */
export class CompactionAborted extends Error {
  override readonly name = 'CompactionAborted';
}
