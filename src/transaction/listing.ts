/**
 * DescribeTransactions and ListTransactions (KIP-664). See TransactionCoordinator.handleDescribeTransactions and
 * TransactionStateManager.listTransactionStates.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { Command } from './outcome.ts';
import { describeError } from './responses.ts';
import type { Shard } from './shard.ts';

type DescribeCommand = Extract<Command, { type: 'describeTransaction' }>;
type ListCommand = Extract<Command, { type: 'listTransactions' }>;

export function describeTransaction(shard: Shard, token: number, command: DescribeCommand): void {
  const { transactionalId } = command;
  const transaction = shard.transactions.get(transactionalId);
  if (transaction === undefined) {
    const notFound = describeError(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    shard.answer('describeTransaction', token, notFound);
    return;
  }
  shard.answer('describeTransaction', token, {
    errorCode: ErrorCode.NONE,
    transactionalId,
    transactionState: transaction.status,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: transaction.startMs,
    producerId: transaction.producerId,
    producerEpoch: transaction.currentEpoch,
    topics: transaction.partitions.topics(),
  });
}

export function listTransactions(shard: Shard, token: number, command: ListCommand): void {
  const producerIds = new Set(command.producerIds);
  const states = new Set(command.states);
  const transactions = [];
  for (const { transactionalId, producerId, status } of shard.transactions.values()) {
    if (producerIds.size > 0 && !producerIds.has(producerId)) continue;
    if (states.size > 0 && !states.has(status)) continue;
    transactions.push({ transactionalId, producerId, transactionState: status });
  }
  shard.answer('listTransactions', token, { errorCode: ErrorCode.NONE, transactions });
}
