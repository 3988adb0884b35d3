/**
 * AddPartitionsToTxn and AddOffsetsToTxn: what becomes part of a transaction, and whether something is (KIP-890).
 * See TransactionCoordinator.handleAddPartitionsToTransaction and handleVerifyPartitionsInTransaction.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { Command, ProducerIdAndEpoch } from './outcome.ts';
import type { Shard } from './shard.ts';
import type { Transaction } from './transaction.ts';

type AddCommand = Extract<Command, { type: 'addPartitions' }>;

/** NONE when the transactional id is this producer's, else why not. */
export function checkProducer(transaction: Transaction | undefined, producer: ProducerIdAndEpoch): number {
  if (transaction === undefined || transaction.producerId !== producer.producerId) {
    return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  }
  return transaction.currentEpoch === producer.producerEpoch ? ErrorCode.NONE : ErrorCode.PRODUCER_FENCED;
}

export function addPartitions(shard: Shard, token: number, command: AddCommand): void {
  const { transactionalId, topics } = command;
  const answer = (errorCode: number) => shard.answer('addPartitions', token, { errorCode });
  const transaction = shard.transactions.get(transactionalId);
  const errorCode = checkProducer(transaction, command);
  if (transaction === undefined || errorCode !== ErrorCode.NONE) answer(errorCode);
  else if (transaction.isEnding && shard.config.completionWaitMs > 0) shard.park(transaction, token, command);
  else if (transaction.pending !== null || transaction.isEnding) answer(ErrorCode.CONCURRENT_TRANSACTIONS);
  else if (transaction.status === 'Ongoing' && transaction.partitions.contains(topics)) {
    answer(ErrorCode.NONE);
  } else {
    const partitions = transaction.partitions.copy();
    for (const { topic, partitions: added } of topics) {
      for (const partition of added) partitions.add(topic, partition);
    }
    transaction.prepareOngoing(partitions, shard.now.wallMs);
    shard.transit(transaction, { settle: answer });
  }
}

/** The transaction before is over: what waited for that goes on. */
export function resumeParked(shard: Shard, transaction: Transaction): void {
  for (const { token, command } of shard.unpark(transaction)) addPartitions(shard, token, command);
}

/** Gives back what has waited too long, with the code that Kafka gives at once. */
export function refuseOverdue(shard: Shard): void {
  for (;;) {
    const parked = shard.takeOverdue();
    if (parked === null) return;
    shard.answer('addPartitions', parked.token, { errorCode: ErrorCode.CONCURRENT_TRANSACTIONS });
  }
}

/**
 * Whether the partition is in the producer's open transaction: NONE, INVALID_TXN_STATE, or why that can't be told.
 *
 * A pending transition does not matter: partitions are in from when their record is committed until their marker is
 * written, and the append to the log has the last word.
 */
export function verifyPartition(
  transactions: ReadonlyMap<string, Transaction>,
  transactionalId: string,
  producer: ProducerIdAndEpoch,
  topic: string,
  partition: number,
): number {
  if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
  const transaction = transactions.get(transactionalId);
  const errorCode = checkProducer(transaction, producer);
  if (transaction === undefined || errorCode !== ErrorCode.NONE) return errorCode;
  if (transaction.isEnding) return ErrorCode.CONCURRENT_TRANSACTIONS;
  return transaction.partitions.has(topic, partition) ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE;
}
