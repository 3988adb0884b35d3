/**
 * Reading one partition for a Fetch request: leadership and epoch checks, divergence (KIP-595 style truncation
 * detection), isolation, and the bytes. See ReplicaManager.readFromLog and Partition.fetchRecords.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { DiskError } from '../../storage/disk.ts';
import type { LogRead } from '../../storage/log-read.ts';
import type { ReadMemory } from '../../storage/read-buffers.ts';
import type { AbortedTransaction } from '../../storage/transaction-index.ts';
import type { FetchPartition } from './fetch-sessions.ts';
import type { Partition } from './partition.ts';

export interface FetchParams {
  /** -1 (and every other negative) for consumers. */
  readonly replicaId: number;
  readonly isReadCommitted: boolean;
  /** Fetch 0-2: a batch that does not fit is not sent at all. */
  readonly isHardLimit: boolean;
}

export interface FetchResult {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Null unless the reader asked for committed records only. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  readonly divergingEpoch: { epoch: number; endOffset: number } | null;
  /** Whole batches, in order; the first may begin before the fetch offset. */
  readonly records: readonly Buffer[];
  readonly recordsBytes: number;
  /** What counts towards fetch.min.bytes: also the part of a batch that did not fit. */
  readonly availableBytes: number;
}

const failed = (errorCode: number): FetchResult => ({
  errorCode,
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  abortedTransactions: null,
  divergingEpoch: null,
  records: [],
  recordsBytes: 0,
  availableBytes: 0,
});

/**
 * Reads at most `maxBytes` from `request.fetchOffset` on; with `minOneBatch` the first batch comes whole even
 * above that. The records lie in `memory`.
 *
 * Returns codes: NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, OFFSET_OUT_OF_RANGE,
 * KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE.
 */
export function fetchPartition(
  partition: Partition,
  request: FetchPartition,
  params: FetchParams,
  maxBytes: number,
  minOneBatch: boolean,
  memory: ReadMemory,
): FetchResult {
  const refusal = partition.checkLeader(request.currentLeaderEpoch);
  if (refusal !== ErrorCode.NONE) return failed(refusal);
  const isFollower = params.replicaId >= 0;
  // A replica that the leader does not know of yet must wait for newer metadata on one of the two sides.
  if (isFollower && !partition.state.replicas.includes(params.replicaId)) {
    return failed(ErrorCode.UNKNOWN_LEADER_EPOCH);
  }
  const { log } = partition;
  // Sampled before the read, so that a follower never counts as caught up with what it was not yet sent.
  const { highWatermark, lastStableOffset, logStartOffset, logEndOffset } = log;
  const offsets = { highWatermark, lastStableOffset, logStartOffset };

  if (request.lastFetchedEpoch >= 0) {
    const found = log.endOffsetForEpoch(request.lastFetchedEpoch);
    // Observed on 3.7.0: an epoch above all known ones is out of range, not a diverging epoch.
    if (found.epoch < 0 || found.endOffset < 0) return failed(ErrorCode.OFFSET_OUT_OF_RANGE);
    if (request.fetchOffset < logStartOffset) return failed(ErrorCode.OFFSET_OUT_OF_RANGE);
    if (found.epoch < request.lastFetchedEpoch || found.endOffset < request.fetchOffset) {
      const divergingEpoch = { epoch: found.epoch, endOffset: found.endOffset };
      return { ...failed(ErrorCode.NONE), ...offsets, divergingEpoch };
    }
  }
  if (request.fetchOffset < logStartOffset || request.fetchOffset > logEndOffset) {
    return failed(ErrorCode.OFFSET_OUT_OF_RANGE);
  }
  if (isFollower) partition.followerFetched(params.replicaId, request.fetchOffset);

  const upTo = isFollower ? logEndOffset : params.isReadCommitted ? lastStableOffset : highWatermark;
  // Observed on 3.7.0: a limit below zero is a failure of the read, where there is something to read.
  if (maxBytes < 0 && request.fetchOffset < upTo) return failed(ErrorCode.UNKNOWN_SERVER_ERROR);
  let read: LogRead;
  try {
    read = log.read(request.fetchOffset, { maxBytes, minOneBatch, upTo, memory });
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return failed(ErrorCode.KAFKA_STORAGE_ERROR);
  }
  if (read.errorCode !== ErrorCode.NONE) return failed(read.errorCode);
  return {
    errorCode: ErrorCode.NONE,
    ...offsets,
    abortedTransactions: params.isReadCommitted ? log.collectAbortedTransactions(read) : null,
    divergingEpoch: null,
    records: read.records,
    recordsBytes: read.bytes,
    availableBytes: read.availableBytes,
  };
}
