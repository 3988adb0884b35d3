/**
 * Asking the coordinator whether a partition is in a transaction, before the transaction's first batch goes into the
 * partition (KIP-890 part 1). See AddPartitionsToTxnManager.
 *
 * What is always true: of a coordinator in this broker the answer is there at once, so that the batch need not be
 * copied to outlive its request. Others are asked by AddPartitionsToTxn, one request per transaction and turn.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/add-partitions-to-txn.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import type { Clock } from '../../storage/clock.ts';
import { GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC } from '../metadata/names.ts';
import { PartitionSet } from '../transaction/partition-set.ts';
import type { BrokerChannel, LeaderOf, ProducerTransaction } from './transaction-ports.ts';

/** The first version that asks for many transactions, and may only ask. */
const REQUEST_VERSION = 4;
const NO_SEQUENCE = -1;
const NO_GUARD = 0;

/** What is needed of the coordinator in this broker. */
export interface LocalCoordinator {
  partitionFor(transactionalId: string): number;
  verifyPartition(transaction: ProducerTransaction, topic: string, partition: number): number;
}

/** What is needed of a partition of __consumer_offsets. */
export interface VerifiedPartition {
  readonly log: {
    readonly producers: {
      startVerification(producerId: number, sequence: number, producerEpoch: number, nowMs: number): number;
      confirmVerification(producerId: number, guard: number): void;
    };
  };
}

export interface TransactionVerifierParts {
  readonly brokerId: number;
  readonly coordinator: LocalCoordinator;
  readonly leaderOf: LeaderOf;
  readonly channel: BrokerChannel;
  readonly clock: Clock;
  /** transaction.partition.verification.enable, a dynamic config. */
  readonly isEnabled: () => boolean;
  readonly offsetsPartition: (partition: number) => VerifiedPartition | undefined;
}

interface Question {
  readonly partitions: PartitionSet;
  readonly answer: Promise<ReadonlyMap<string, number>>;
}

export class TransactionVerifier {
  readonly #parts: TransactionVerifierParts;
  /** What leaves at the end of this step, by transaction. */
  readonly #questions = new Map<string, Question>();

  constructor(parts: TransactionVerifierParts) {
    this.#parts = parts;
  }

  get isEnabled(): boolean {
    return this.#parts.isEnabled();
  }

  /**
   * Whether the partition is in the transaction: NONE; INVALID_TXN_STATE when not; NOT_ENOUGH_REPLICAS when it can't be
   * told now and the producer is to try again, as old clients understand that; else what the producer did wrong.
   */
  verify(transaction: ProducerTransaction, topic: string, partition: number): Verdict | Promise<Verdict> {
    const { brokerId, coordinator, leaderOf } = this.#parts;
    const leader = leaderOf(TRANSACTION_STATE_TOPIC, coordinator.partitionFor(transaction.transactionalId));
    if (leader === brokerId) return verdict(coordinator.verifyPartition(transaction, topic, partition));
    if (leader === null || leader < 0) return verdict(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    return this.#ask(leader, transaction, topic, partition);
  }

  /** For the offsets that a transaction commits: the partition of __consumer_offsets may be written to, or the error. */
  async verifyOffsets(partition: number, transaction: ProducerTransaction): Promise<number> {
    if (!this.#parts.isEnabled()) return ErrorCode.NONE;
    const target = this.#parts.offsetsPartition(partition);
    if (target === undefined) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const { producers } = target.log;
    const { producerId, producerEpoch } = transaction;
    const nowMs = this.#parts.clock.wallMs();
    const guard = producers.startVerification(producerId, NO_SEQUENCE, producerEpoch, nowMs);
    if (guard === NO_GUARD) return ErrorCode.NONE;
    const { errorCode } = await this.verify(transaction, GROUP_METADATA_TOPIC, partition);
    if (errorCode === ErrorCode.NONE) producers.confirmVerification(producerId, guard);
    return errorCode;
  }

  async #ask(
    leader: number,
    transaction: ProducerTransaction,
    topic: string,
    partition: number,
  ): Promise<Verdict> {
    const { transactionalId, producerId, producerEpoch } = transaction;
    const key = `${leader}/${producerId}/${producerEpoch}/${transactionalId}`;
    let question = this.#questions.get(key);
    if (question === undefined) {
      const partitions = new PartitionSet();
      const answer = Promise.resolve().then(() => {
        this.#questions.delete(key);
        return this.#request(leader, transaction, partitions);
      });
      question = { partitions, answer };
      this.#questions.set(key, question);
    }
    question.partitions.add(topic, partition);
    const codes = await question.answer;
    return verdict(codes.get(`${partition}/${topic}`) ?? ErrorCode.NETWORK_EXCEPTION);
  }

  async #request(
    leader: number,
    transaction: ProducerTransaction,
    partitions: PartitionSet,
  ): Promise<ReadonlyMap<string, number>> {
    const topics = partitions.topics();
    const all = (errorCode: number): Map<string, number> =>
      new Map(
        topics.flatMap(({ topic, partitions: indexes }) =>
          indexes.map((index): [string, number] => [`${index}/${topic}`, errorCode]),
        ),
      );
    let response: ResponseOf<typeof AddPartitionsToTxn>;
    try {
      response = await this.#parts.channel.send(leader, AddPartitionsToTxn, REQUEST_VERSION, {
        transactions: [
          {
            ...transaction,
            verifyOnly: true,
            topics: topics.map(({ topic, partitions: indexes }) => ({ name: topic, partitions: indexes })),
          },
        ],
        v3AndBelowTransactionalId: '',
        v3AndBelowProducerId: 0,
        v3AndBelowProducerEpoch: 0,
        v3AndBelowTopics: [],
      });
    } catch {
      return all(ErrorCode.NETWORK_EXCEPTION);
    }
    // A producer is not to learn what brokers may do among themselves.
    if (response.errorCode === ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
      return all(ErrorCode.INVALID_TXN_STATE);
    if (response.errorCode !== ErrorCode.NONE) return all(response.errorCode);
    const codes = new Map<string, number>();
    for (const { topicResults } of response.resultsByTransaction) {
      for (const { name, resultsByPartition } of topicResults) {
        for (const { partitionIndex, partitionErrorCode } of resultsByPartition) {
          codes.set(`${partitionIndex}/${name}`, partitionErrorCode);
        }
      }
    }
    return codes;
  }
}

/** What a producer is told. */
export interface Verdict {
  readonly errorCode: number;
  /** What the coordinator said. */
  readonly cause: number;
}

function verdict(cause: number): Verdict {
  switch (cause) {
    case ErrorCode.CONCURRENT_TRANSACTIONS:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      return { errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, cause };
    case ErrorCode.PRODUCER_FENCED:
      // What a producer expects of a partition.
      return { errorCode: ErrorCode.INVALID_PRODUCER_EPOCH, cause };
    default:
      return { errorCode: cause, cause };
  }
}
