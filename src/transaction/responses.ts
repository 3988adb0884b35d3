/**
 * Refusals: for every command the response that says one error code, and what is refused whatever the state.
 */
import { unreachable } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { TransactionConfig } from './config.ts';
import type { Command, DescribedTransaction, InitializedProducer, Response } from './outcome.ts';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from './transaction.ts';

export function initError(errorCode: number): InitializedProducer {
  return {
    errorCode,
    producerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
    needsProducerId: false,
  };
}

/** The fields of a state that is not told have the defaults of their types, as in Kafka. */
export function describeError(transactionalId: string, errorCode: number): DescribedTransaction {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}

/** The response to a command that can't be taken. */
export function refuse(command: Command, errorCode: number): Response {
  switch (command.type) {
    case 'initProducerId':
      return initError(errorCode);
    case 'addPartitions':
    case 'endTransaction':
    case 'markersWritten':
      return { errorCode };
    case 'describeTransaction':
      return describeError(command.transactionalId, errorCode);
    case 'listTransactions':
      return { errorCode, transactions: [] };
    default:
      return unreachable(command);
  }
}

/** What no shard would take, owned or not: the refusal, or null. */
export function refuseInvalid(command: Command, config: TransactionConfig): Response | null {
  if (command.type === 'listTransactions') return null;
  if (command.transactionalId === '') return refuse(command, ErrorCode.INVALID_REQUEST);
  if (command.type !== 'initProducerId') return null;
  // See TransactionStateManager.validateTransactionTimeoutMs.
  const { timeoutMs } = command;
  if (timeoutMs > 0 && timeoutMs <= config.maxTimeoutMs) return null;
  return refuse(command, ErrorCode.INVALID_TRANSACTION_TIMEOUT);
}

/** What a client is told of a record that did not get into the log: see TransactionStateManager.appendTransactionToLog. */
export function appendErrorCode(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}
