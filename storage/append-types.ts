// What goes into validating an append and what comes out of it; see append.ts.
//
// Always true: plain values. A plan and a refusal are told apart by their error code.

import type { CompressionType } from '../protocol/compression/types.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { ContentWalk } from './append-content.ts';
import type { LogConfig } from './log-config.ts';

/** As Produce 8+ answers it; `batchIndex` is the record's index in its batch, in spite of its name. */
export type RecordError = { readonly batchIndex: number; readonly batchIndexErrorMessage: string };

/**
 * Who appends. A client's batch is checked in full; a coordinator's is trusted in what only clients get wrong; the
 * Raft leader's keeps the offsets and the epoch it brings.
 */
export type AppendOrigin = 'client' | 'coordinator' | 'raft';

export type AppendOptions = {
  /** For messages: the partition as `topic-0`. */
  readonly topicPartition: string;
  readonly config: AppendConfig;
  readonly origin: AppendOrigin;
  /** The offset that the first record gets. */
  readonly nextOffset: number;
  readonly leaderEpoch: number;
  readonly nowMs: number;
  /** The most that a compressed batch may unfold to; beyond, MESSAGE_TOO_LARGE. */
  readonly maxUnfoldedBytes?: number;
  /** The walk over these records, where it was done ahead and is over; else it is done now. */
  readonly content?: ContentWalk | null;
};

export type AppendConfig = Pick<
  LogConfig,
  | 'cleanupPolicy'
  | 'compressionType'
  | 'maxMessageBytes'
  | 'messageTimestampAfterMaxMs'
  | 'messageTimestampBeforeMaxMs'
  | 'messageTimestampType'
  | 'segmentBytes'
>;

/** What is to be written, and what the log needs to know of it. */
export type AppendPlan = {
  readonly errorCode: typeof ErrorCode.NONE;
  /** Whole batches of magic 2, offsets set; empty when there was no whole batch to append. */
  readonly records: Buffer;
  /** -1 when there is nothing to append. */
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  /** What goes into the time index beside the max timestamp: the last offset of its batch. */
  readonly offsetOfMaxTimestamp: number;
  /** -1 for CreateTime. */
  readonly logAppendTimeMs: number;
  readonly recordCount: number;
  /** The bytes were rebuilt: another codec, or an older message format (a metric of its own). */
  readonly isConverted: boolean;
};

export type AppendRefusal = {
  readonly errorCode: number;
  /** What the client gets to read: null except with record errors, as in Kafka. */
  readonly errorMessage: string | null;
  readonly recordErrors: readonly RecordError[];
  /** For the log: why. */
  readonly reason: string;
  /** Whether the answer names the log start offset: Kafka leaves it -1 with 2, 10 and 18. */
  readonly hasLogStartOffset: boolean;
};

/** What the first pass over whole batches finds. */
export type BatchScan = {
  /** Where the last whole batch ends. */
  validBytes: number;
  batchCount: number;
  /** Every batch is of magic 2. */
  isCurrentFormat: boolean;
  /** The last codec that is not 'none', as in Kafka. */
  sourceCodec: CompressionType;
  firstOffset: number;
  lastOffset: number;
  isMonotonic: boolean;
  lastLeaderEpoch: number;
  maxTimestampMs: number;
  offsetOfMaxTimestamp: number;
  recordCount: number;
};
