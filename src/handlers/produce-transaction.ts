/**
 * The transactional side of Produce: who may write such records, and the proof that the partition is part of the
 * transaction before its first batch goes in (KIP-890 part 1). See ReplicaManager.appendRecords.
 */
import * as batch from '../../protocol/batch.ts';
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors.ts';
import type { Produce } from '../../protocol/messages/produce.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { Verdict } from '../machine/transaction-verification.ts';
import type { Partition } from '../partition/partition.ts';
import type { Services } from './services.ts';

type Request = RequestOf<typeof Produce>;

/** Proof to append with; 0 where none is needed, see producer-state.ts. */
export interface Proof {
  readonly guard: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

const NO_GUARD = 0;
const NOT_NEEDED: Proof = { guard: NO_GUARD, errorCode: ErrorCode.NONE, errorMessage: null };

export function isTransactional(records: Buffer | null): records is Buffer {
  return (
    records !== null &&
    records.length >= batch.BATCH_HEADER_SIZE &&
    batch.magic(records, 0) === 2 &&
    batch.isTransactional(records, 0)
  );
}

/**
 * Refuses the request as a whole where its transactional records have no transactional id, or more than one producer.
 * @throws {KafkaError}
 */
export function checkTransaction(services: Services, request: Request): void {
  let producerId: number | null = null;
  for (const { partitionData } of request.topicData) {
    for (const { records } of partitionData) {
      if (!isTransactional(records)) continue;
      if (request.transactionalId === null)
        throw new KafkaError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
      const other = batch.producerId(records, 0);
      if (producerId !== null && producerId !== other && services.transactions.verifier.isEnabled) {
        throw new KafkaError(
          ErrorCode.INVALID_PRODUCER_ID_MAPPING,
          'One request holds transactional records of several producers.',
        );
      }
      producerId = other;
    }
  }
}

/** What a transactional batch is appended with. A promise only where the coordinator is another broker. */
export function proofFor(
  services: Services,
  request: Request,
  partition: Partition,
  records: Buffer,
): Proof | Promise<Proof> {
  const { verifier } = services.transactions;
  if (!verifier.isEnabled || request.transactionalId === null) return NOT_NEEDED;
  const notLeader = partition.checkLeader(-1);
  if (notLeader !== ErrorCode.NONE) return { guard: NO_GUARD, errorCode: notLeader, errorMessage: null };
  const producerId = batch.producerId(records, 0);
  const producerEpoch = batch.producerEpoch(records, 0);
  const guard = partition.log.producers.startVerification(
    producerId,
    batch.baseSequence(records, 0),
    producerEpoch,
    services.clock.wallMs(),
  );
  if (guard === NO_GUARD) return NOT_NEEDED;
  const transaction = { transactionalId: request.transactionalId, producerId, producerEpoch };
  const verdict = verifier.verify(transaction, partition.topic, partition.index);
  return verdict instanceof Promise
    ? verdict.then((later) => proofOf(guard, later))
    : proofOf(guard, verdict);
}

function proofOf(guard: number, { errorCode, cause }: Verdict): Proof {
  return { guard, errorCode, errorMessage: messageOf(errorCode, cause) };
}

function messageOf(errorCode: number, cause: number): string | null {
  if (errorCode === ErrorCode.INVALID_TXN_STATE) return 'Partition was not added to the transaction';
  if (errorCode !== ErrorCode.NOT_ENOUGH_REPLICAS) return null;
  return (
    'Unable to verify the partition has been added to the transaction. ' +
    `Underlying error: ${errorName(cause)}`
  );
}
