/** What the handlers of transactions share. */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { Transactions } from '../machine/transactions.ts';
import type { Services } from './services.ts';

/** The services of a broker; one that coordinates no transactions refuses them. */
export type TransactionalServices = Services & { readonly transactions?: Transactions };

/** @throws {KafkaError} COORDINATOR_NOT_AVAILABLE */
export function transactionsOf({ transactions }: TransactionalServices): Transactions {
  if (transactions === undefined) throw new KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  return transactions;
}

/** KIP-588: clients of earlier versions know PRODUCER_FENCED by another code. */
export function fencedBefore(firstVersion: number, version: number, errorCode: number): number {
  return errorCode === ErrorCode.PRODUCER_FENCED && version < firstVersion
    ? ErrorCode.INVALID_PRODUCER_EPOCH
    : errorCode;
}
