/**
 * What the transaction coordinator needs of the rest of the broker, and of other brokers.
 */
import type { Api, RequestInput, ResponseOf } from '../../protocol/schema.ts';
import type { MarkerResult } from '../transaction/outcome.ts';
import type { TopicPartitions } from '../transaction/partition-set.ts';

/** A producer's transaction as its coordinator and the leaders of its partitions name it. */
export interface ProducerTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** The end of a transaction, to be written into partitions. */
export interface TransactionMarker {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Leader epoch of the coordinator's partition: a partition refuses markers of an older one. */
  readonly coordinatorEpoch: number;
  readonly isCommit: boolean;
}

export interface MarkerSender {
  /** Writes the marker into each partition. Resolves when every fate is known; never rejects. */
  send(marker: TransactionMarker, topics: readonly TopicPartitions[]): Promise<readonly MarkerResult[]>;
}

/** Requests of ours to other brokers, on the inter-broker listener. */
export interface BrokerChannel {
  /** Rejects when the broker can't be reached or does not answer. */
  send<A extends Api>(
    brokerId: number,
    api: A,
    version: number,
    request: RequestInput<A>,
  ): Promise<ResponseOf<A>>;
}

/** Who leads a partition: null when there is no such partition, -1 when it has no leader now. */
export type LeaderOf = (topic: string, partition: number) => number | null;
