/**
 * InitProducerId with a transactional id: takes over the id and fences whoever had it (KIP-98), or goes on with the
 * next epoch after an error (KIP-360). See TransactionCoordinator.handleInitProducerId.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { fence } from './end.ts';
import type { Command, ProducerIdAndEpoch } from './outcome.ts';
import { initError } from './responses.ts';
import type { Shard } from './shard.ts';
import { isEpochExhausted, NO_PRODUCER_EPOCH, Transaction } from './transaction.ts';

type InitCommand = Extract<Command, { type: 'initProducerId' }>;

const NEEDS_PRODUCER_ID = { ...initError(ErrorCode.NONE), needsProducerId: true };

export function initProducerId(shard: Shard, token: number, command: InitCommand): void {
  const { transactionalId, timeoutMs, expected, freshProducerId } = command;
  const refuse = (errorCode: number) => shard.answer('initProducerId', token, initError(errorCode));
  let transaction = shard.transactions.get(transactionalId);
  if (transaction === undefined) {
    if (!shard.transactions.hasRoomFor(transactionalId, shard.config.maxTransactionalIdBytes)) {
      refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE);
      return;
    }
    if (freshProducerId === null) {
      shard.answer('initProducerId', token, NEEDS_PRODUCER_ID);
      return;
    }
    transaction = new Transaction(transactionalId, freshProducerId, timeoutMs, shard.now.wallMs);
    shard.transactions.set(transactionalId, transaction);
  }
  if (transaction.pending !== null) refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
  else if (expected !== null && !mayContinue(transaction, expected)) refuse(ErrorCode.PRODUCER_FENCED);
  else if (transaction.isEnding) refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
  else if (transaction.status === 'Ongoing') {
    // The bumped epoch is never given to a producer: the client asks again, and gets one above it.
    fence(shard, transaction, 'a new producer has taken over', (errorCode) =>
      refuse(errorCode === ErrorCode.NONE ? ErrorCode.CONCURRENT_TRANSACTIONS : errorCode),
    );
  } else initialize(shard, token, transaction, command);
}

/** Whether a producer that names its id may go on with it, so far as the id tells. */
function mayContinue(transaction: Transaction, expected: ProducerIdAndEpoch): boolean {
  return (
    transaction.isNew ||
    expected.producerId === transaction.producerId ||
    // A retry of a call that changed the id, and whose answer the producer never got.
    (expected.producerId === transaction.lastProducerId && isEpochExhausted(expected.producerEpoch))
  );
}

function initialize(shard: Shard, token: number, transaction: Transaction, command: InitCommand): void {
  const { expected, freshProducerId, timeoutMs } = command;
  const { producerEpoch } = transaction;
  let producer: ProducerIdAndEpoch & { readonly lastProducerEpoch: number };
  if (
    isEpochExhausted(producerEpoch) &&
    (expected === null || expected.producerEpoch === transaction.producerEpoch)
  ) {
    if (freshProducerId === null) {
      shard.answer('initProducerId', token, NEEDS_PRODUCER_ID);
      return;
    }
    const lastProducerEpoch = expected === null ? NO_PRODUCER_EPOCH : producerEpoch;
    producer = { producerId: freshProducerId, producerEpoch: 0, lastProducerEpoch };
  } else {
    const next = nextEpoch(transaction, expected);
    if (next === null) {
      shard.answer('initProducerId', token, initError(ErrorCode.PRODUCER_FENCED));
      return;
    }
    producer = { producerId: transaction.producerId, ...next };
  }
  const { wallMs } = shard.now;
  const { producerId, producerEpoch: epoch } = transaction.prepareEmpty(producer, timeoutMs, wallMs);
  const { transactionalId } = transaction;
  shard.transit(transaction, {
    settle: (errorCode) => {
      if (errorCode !== ErrorCode.NONE) {
        shard.answer('initProducerId', token, initError(errorCode));
        return;
      }
      shard.note({ event: 'producer initialized', transactionalId, producerId, producerEpoch: epoch });
      shard.answer('initProducerId', token, {
        errorCode,
        producerId,
        producerEpoch: epoch,
        needsProducerId: false,
      });
    },
  });
}

/** The epoch to give out, or null when the producer is fenced. See TransactionMetadata.prepareIncrementProducerEpoch. */
function nextEpoch(
  transaction: Transaction,
  expected: ProducerIdAndEpoch | null,
): { producerEpoch: number; lastProducerEpoch: number } | null {
  const { producerEpoch, lastProducerEpoch, isNew } = transaction;
  if (expected === null) {
    return { producerEpoch: producerEpoch + 1, lastProducerEpoch: NO_PRODUCER_EPOCH };
  }
  if (isNew || expected.producerEpoch === producerEpoch) {
    return { producerEpoch: producerEpoch + 1, lastProducerEpoch: producerEpoch };
  }
  // A retry of a call that succeeded. Any other producer's call would have cleared the last epoch.
  if (expected.producerEpoch === lastProducerEpoch) return { producerEpoch, lastProducerEpoch };
  // Kafka 3.7.0 fails here with -1 when the epoch is exhausted; the producer is fenced all the same.
  return null;
}
