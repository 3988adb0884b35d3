/**
 * The end of a transaction, in two phases: the record Prepare* decides, a marker in each partition tells its readers,
 * and the record Complete* frees the transactional id. See TransactionCoordinator.endTransaction and
 * TransactionMarkerChannelManager.
 *
 * What is always true: once Prepare* is committed the outcome is fixed. Whoever is coordinator then writes all markers
 * before it writes Complete*; a marker that was written before is written again, harmlessly, since nothing of the
 * producer follows it before Complete*.
 */
import { ErrorCode, errorName } from '../../protocol/errors.ts';
import type { Command, MarkerResult } from './outcome.ts';
import { checkProducer, resumeParked } from './partitions.ts';
import type { Shard } from './shard.ts';
import type { Transaction } from './transaction.ts';

type EndCommand = Extract<Command, { type: 'endTransaction' }>;
type WrittenCommand = Extract<Command, { type: 'markersWritten' }>;

export function endTransaction(shard: Shard, token: number, command: EndCommand): void {
  const { transactionalId, isCommit } = command;
  const answer = (errorCode: number) => shard.answer('endTransaction', token, { errorCode });
  const transaction = shard.transactions.get(transactionalId);
  const errorCode = checkProducer(transaction, command);
  if (transaction === undefined || errorCode !== ErrorCode.NONE) answer(errorCode);
  else if (transaction.pending !== null) answer(ErrorCode.CONCURRENT_TRANSACTIONS);
  else if (transaction.status === 'Ongoing') {
    transaction.prepareEnd(isCommit, shard.now.wallMs);
    shard.transit(transaction, { settle: answer, completed: () => beginCompletion(shard, transaction) });
  } else answer(repeatedEnd(transaction, isCommit));
}

/** An end that was asked for before, or that contradicts one. */
function repeatedEnd(transaction: Transaction, isCommit: boolean): number {
  const { status } = transaction;
  if (status === (isCommit ? 'CompleteCommit' : 'CompleteAbort')) return ErrorCode.NONE;
  if (status === (isCommit ? 'PrepareCommit' : 'PrepareAbort')) return ErrorCode.CONCURRENT_TRANSACTIONS;
  return ErrorCode.INVALID_TXN_STATE;
}

/** Aborts an open transaction with a bumped epoch, so that its producer can do nothing more. */
export function fence(
  shard: Shard,
  transaction: Transaction,
  why: 'its timeout has passed' | 'a new producer has taken over',
  settle: (errorCode: number) => void,
): void {
  const { producerEpoch } = transaction.prepareFencedAbort(shard.now.wallMs);
  const { transactionalId, producerId } = transaction;
  shard.note({ event: 'transaction fenced', transactionalId, producerId, producerEpoch, why });
  shard.transit(transaction, { settle, completed: () => beginCompletion(shard, transaction) });
}

/** Aborts the transactions whose timeout has passed. See TransactionStateManager.timedOutTransactions. */
export function abortTimedOut(shard: Shard): void {
  for (const transaction of [...shard.ongoing]) {
    if (transaction.pending !== null) continue;
    if (transaction.startMs + transaction.timeoutMs >= shard.now.wallMs) continue;
    fence(shard, transaction, 'its timeout has passed', () => {});
  }
}

/** The end is decided and in the log: markers go out, and nothing else happens to the id before Complete*. */
export function beginCompletion(shard: Shard, transaction: Transaction): void {
  transaction.prepareComplete(shard.now.wallMs);
  continueCompletion(shard, transaction);
}

/** Goes on where it stopped: with the markers that are missing, or with the record after the last of them. */
export function continueCompletion(shard: Shard, transaction: Transaction): void {
  if (transaction.partitions.size > 0) {
    shard.sendMarkers(transaction);
    return;
  }
  // The decision stands whatever becomes of this record, so that it is written until it is there.
  shard.transit(transaction, {
    failed: () => shard.retryLater(transaction),
    completed: () => resumeParked(shard, transaction),
  });
}

export function markersWritten(shard: Shard, token: number, command: WrittenCommand): void {
  shard.answer('markersWritten', token, { errorCode: ErrorCode.NONE });
  const { transactionalId, sendId, results } = command;
  const transaction = shard.transactions.get(transactionalId);
  if (transaction === undefined || !shard.endSend(transaction, sendId)) return;
  let isGivenUp = false;
  for (const result of results) isGivenUp = !takeResult(shard, transaction, result) || isGivenUp;
  if (isGivenUp) return;
  const left = transaction.partitions.size;
  if (left === 0) {
    continueCompletion(shard, transaction);
    return;
  }
  const failed = results.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
  const error = failed === undefined ? 'no answer' : errorName(failed.errorCode);
  shard.note({ event: 'markers to be written again', transactionalId, partitionCount: left, error });
  shard.retryLater(transaction);
}

/** False when another coordinator has taken over, and the transaction with it. */
function takeResult(shard: Shard, transaction: Transaction, result: MarkerResult): boolean {
  const { topic, partition, errorCode } = result;
  switch (errorCode) {
    case ErrorCode.NONE:
    // Nothing of the transaction can be in such a log.
    case ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case ErrorCode.UNSUPPORTED_VERSION:
      transaction.partitions.delete(topic, partition);
      return true;
    case ErrorCode.INVALID_PRODUCER_EPOCH:
    case ErrorCode.TRANSACTION_COORDINATOR_FENCED: {
      const { transactionalId } = transaction;
      const error = errorName(errorCode);
      shard.note({ event: 'markers given up', transactionalId, topic, partition, error });
      return false;
    }
    default:
      return true;
  }
}
