/**
 * What goes into the transaction machine and what comes out of it.
 *
 * What is always true: a write's records are to be appended all or none, in the order in which they came out; an answer
 * is given once per command; a send of markers is reported back once, by the command `markersWritten`.
 */
import type { DescribeTransactions } from '../../protocol/messages/describe-transactions.ts';
import type { ListTransactions } from '../../protocol/messages/list-transactions.ts';
import type { ResponseInput } from '../../protocol/schema.ts';
import type { Note } from './notes.ts';
import type { TopicPartitions } from './partition-set.ts';

/** One moment on both clocks: checks and retries go by the first, records, timeouts and expiry by the second. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A request to one shard. Those that name several transactional ids are taken apart before. */
export type Command =
  | {
      readonly type: 'initProducerId';
      readonly transactionalId: string;
      readonly timeoutMs: number;
      /** What the producer says it is, null when it has just begun (KIP-360). */
      readonly expected: ProducerIdAndEpoch | null;
      /** An id for a producer that needs one; null until the answer asks for it. */
      readonly freshProducerId: number | null;
    }
  | (ProducerIdAndEpoch & {
      readonly type: 'addPartitions';
      readonly transactionalId: string;
      readonly topics: readonly TopicPartitions[];
    })
  | (ProducerIdAndEpoch & {
      readonly type: 'endTransaction';
      readonly transactionalId: string;
      readonly isCommit: boolean;
    })
  | {
      readonly type: 'markersWritten';
      readonly transactionalId: string;
      readonly sendId: number;
      readonly results: readonly MarkerResult[];
    }
  | { readonly type: 'describeTransaction'; readonly transactionalId: string }
  | {
      readonly type: 'listTransactions';
      /** Empty: all. */
      readonly producerIds: readonly number[];
      readonly states: readonly string[];
    };

export interface InitializedProducer extends ProducerIdAndEpoch {
  readonly errorCode: number;
  /** Nothing was done: the command is to be given again, with a fresh producer id. */
  readonly needsProducerId: boolean;
}

export type DescribedTransaction = ResponseInput<typeof DescribeTransactions>['transactionStates'][number];
export type ListedTransaction = ResponseInput<typeof ListTransactions>['transactionStates'][number];

/** What each type of command is answered with. */
export interface Responses {
  readonly initProducerId: InitializedProducer;
  readonly addPartitions: { readonly errorCode: number };
  readonly endTransaction: { readonly errorCode: number };
  readonly markersWritten: { readonly errorCode: number };
  readonly describeTransaction: DescribedTransaction;
  readonly listTransactions: {
    readonly errorCode: number;
    readonly transactions: readonly ListedTransaction[];
  };
}

export type Response = Responses[keyof Responses];

/** Markers that are to be written to these partitions, now. */
export interface MarkerSend extends ProducerIdAndEpoch {
  readonly sendId: number;
  readonly transactionalId: string;
  readonly isCommit: boolean;
  readonly topics: readonly TopicPartitions[];
}

/** What became of one marker. */
export interface MarkerResult {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
}

/** A record for __transaction_state; a null value is a tombstone. */
export interface CoordinatorRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/** Records to append all or none, in the order in which they came out. They are never part of a transaction themselves. */
export interface Write {
  readonly id: number;
  readonly records: readonly CoordinatorRecord[];
  readonly transaction: null;
  readonly baseSequence: number;
  /** Null: request.timeout.ms. */
  readonly timeoutMs: number | null;
}

export interface Answer {
  readonly token: number;
  readonly response: Response;
}

export interface Outcome {
  readonly writes: readonly Write[];
  readonly answers: readonly Answer[];
  readonly notes: readonly Note[];
  readonly markers: readonly MarkerSend[];
}
