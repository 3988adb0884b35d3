/**
 * Writing the markers that end transactions: into the partitions led here by a function call, into those of other
 * brokers by WriteTxnMarkers. See TransactionMarkerChannelManager and KafkaApis.handleWriteTxnMarkersRequest.
 *
 * What is always true:
 * - a marker is reported as written only when it is committed in its partition, and in one of __consumer_offsets only
 *   after the group coordinator has been told;
 * - one WriteTxnMarkers is under way per broker; what comes meanwhile leaves together in the next.
 */
import { ControlType, controlKey, endTxnMarkerValue } from '../../protocol/batch/control.ts';
import { buildBatch } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { WriteTxnMarkers } from '../../protocol/messages/write-txn-markers.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import type { Clock } from '../../storage/clock.ts';
import { GROUP_METADATA_TOPIC } from '../metadata/names.ts';
import type { MarkerResult } from '../transaction/outcome.ts';
import type { TopicPartitions } from '../transaction/partition-set.ts';
import type { BrokerChannel, LeaderOf, MarkerSender, TransactionMarker } from './transaction-ports.ts';

const ALL_IN_SYNC = -1;
const REQUEST_VERSION = 1;

/** What is needed of a Partition. */
export interface MarkedPartition {
  append(
    records: Buffer,
    options: { readonly origin: 'coordinator'; readonly nowMs: number },
    requiredAcks: number,
  ): { readonly errorCode: number; readonly baseOffset: number; readonly lastOffset: number };
  awaitCommitted(endOffset: number, done: (errorCode: number) => void): void;
}

export interface MarkerWriterParts {
  readonly partition: (topic: string, partition: number) => MarkedPartition | undefined;
  readonly clock: Clock;
  /** A marker is committed in a partition of __consumer_offsets: its group coordinator is to take it in. */
  readonly onOffsetsMarker: (
    partition: number,
    producerId: number,
    isCommit: boolean,
    offset: number,
  ) => void;
}

/** Writes markers into partitions that are led here. */
export class MarkerWriter {
  readonly #parts: MarkerWriterParts;

  constructor(parts: MarkerWriterParts) {
    this.#parts = parts;
  }

  /**
   * Appends the marker, now, and calls `done` once it is committed, or can't be.
   * Codes: those of an append; UNKNOWN_TOPIC_OR_PARTITION when there is no replica here; INVALID_PRODUCER_EPOCH and
   * TRANSACTION_COORDINATOR_FENCED when the partition knows of a newer producer or coordinator.
   */
  write(
    marker: TransactionMarker,
    topic: string,
    partition: number,
    done: (errorCode: number) => void,
  ): void {
    const target = this.#parts.partition(topic, partition);
    if (target === undefined) {
      done(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      return;
    }
    const nowMs = this.#parts.clock.wallMs();
    const appended = target.append(markerBatch(marker, nowMs), { origin: 'coordinator', nowMs }, ALL_IN_SYNC);
    if (appended.errorCode !== ErrorCode.NONE) {
      done(appended.errorCode);
      return;
    }
    target.awaitCommitted(appended.lastOffset + 1, (errorCode) => {
      if (errorCode === ErrorCode.NONE && topic === GROUP_METADATA_TOPIC) {
        const { producerId, isCommit } = marker;
        this.#parts.onOffsetsMarker(partition, producerId, isCommit, appended.baseOffset);
      }
      done(errorCode);
    });
  }
}

/** The control batch of a marker, as MemoryRecords.withEndTransactionMarker makes it. */
export function markerBatch(marker: TransactionMarker, timestampMs: number): Buffer {
  const { producerId, producerEpoch, coordinatorEpoch, isCommit } = marker;
  const key = controlKey(isCommit ? ControlType.COMMIT : ControlType.ABORT);
  return buildBatch({
    records: [{ key, value: endTxnMarkerValue(coordinatorEpoch) }],
    timestampMs,
    producerId,
    producerEpoch,
    transactional: true,
    control: true,
  });
}

interface QueuedMarker {
  readonly marker: TransactionMarker;
  readonly topics: readonly TopicPartitions[];
  readonly done: (results: readonly MarkerResult[]) => void;
}

export interface TransactionMarkersParts {
  readonly brokerId: number;
  readonly leaderOf: LeaderOf;
  readonly writer: MarkerWriter;
  readonly channel: BrokerChannel;
}

export class TransactionMarkers implements MarkerSender {
  readonly #parts: TransactionMarkersParts;
  readonly #queues = new Map<number, QueuedMarker[]>();
  readonly #underWay = new Set<number>();

  constructor(parts: TransactionMarkersParts) {
    this.#parts = parts;
  }

  async send(
    marker: TransactionMarker,
    topics: readonly TopicPartitions[],
  ): Promise<readonly MarkerResult[]> {
    const { brokerId, leaderOf } = this.#parts;
    const results: Promise<readonly MarkerResult[]>[] = [];
    const remote = new Map<number, Map<string, number[]>>();
    for (const { topic, partitions } of topics) {
      for (const partition of partitions) {
        const leader = leaderOf(topic, partition);
        if (leader === brokerId) results.push(this.#writeHere(marker, topic, partition));
        else if (leader === null) {
          // Deleted, and the transaction's records with it: nobody is left who would wait for the marker.
          results.push(Promise.resolve([{ topic, partition, errorCode: ErrorCode.NONE }]));
        } else if (leader < 0) {
          const errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER;
          results.push(Promise.resolve([{ topic, partition, errorCode }]));
        } else addTo(remote, leader, topic, partition);
      }
    }
    for (const [leader, byTopic] of remote) {
      const theirs = [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
      results.push(new Promise((done) => this.#enqueue(leader, { marker, topics: theirs, done })));
    }
    return (await Promise.all(results)).flat();
  }

  #writeHere(marker: TransactionMarker, topic: string, partition: number): Promise<readonly MarkerResult[]> {
    return new Promise((resolve) => {
      this.#parts.writer.write(marker, topic, partition, (errorCode) =>
        resolve([{ topic, partition, errorCode }]),
      );
    });
  }

  #enqueue(leader: number, queued: QueuedMarker): void {
    const queue = this.#queues.get(leader) ?? [];
    queue.push(queued);
    this.#queues.set(leader, queue);
    if (!this.#underWay.has(leader)) void this.#drain(leader);
  }

  async #drain(leader: number): Promise<void> {
    this.#underWay.add(leader);
    // What else this turn brings for the broker goes along.
    await Promise.resolve();
    for (;;) {
      const queue = this.#queues.get(leader);
      this.#queues.delete(leader);
      if (queue === undefined) break;
      const response = await this.#request(leader, queue);
      for (const { marker, topics, done } of queue) done(resultsOf(response, marker, topics));
    }
    this.#underWay.delete(leader);
  }

  /** Null when there was no answer. */
  async #request(
    leader: number,
    queue: readonly QueuedMarker[],
  ): Promise<ResponseOf<typeof WriteTxnMarkers> | null> {
    const markers = queue.map(({ marker, topics }) => ({
      producerId: marker.producerId,
      producerEpoch: marker.producerEpoch,
      transactionResult: marker.isCommit,
      coordinatorEpoch: marker.coordinatorEpoch,
      topics: topics.map(({ topic, partitions }) => ({ name: topic, partitionIndexes: partitions })),
    }));
    try {
      return await this.#parts.channel.send(leader, WriteTxnMarkers, REQUEST_VERSION, { markers });
    } catch {
      // Whatever went wrong on the way, the markers are to be sent again.
      return null;
    }
  }
}

function addTo(
  remote: Map<number, Map<string, number[]>>,
  leader: number,
  topic: string,
  partition: number,
): void {
  const byTopic = remote.get(leader) ?? new Map<string, number[]>();
  const partitions = byTopic.get(topic) ?? [];
  partitions.push(partition);
  byTopic.set(topic, partitions);
  remote.set(leader, byTopic);
}

/** What the answer says of each partition; what it does not name is to be tried again. */
function resultsOf(
  response: ResponseOf<typeof WriteTxnMarkers> | null,
  marker: TransactionMarker,
  topics: readonly TopicPartitions[],
): readonly MarkerResult[] {
  const answered = response?.markers.filter(({ producerId }) => producerId === marker.producerId) ?? [];
  const codes = new Map<string, number>();
  for (const { topics: named } of answered) {
    for (const { name, partitions } of named) {
      for (const { partitionIndex, errorCode } of partitions)
        codes.set(`${partitionIndex}/${name}`, errorCode);
    }
  }
  const otherwise = response === null ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.REQUEST_TIMED_OUT;
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({
      topic,
      partition,
      errorCode: codes.get(`${partition}/${topic}`) ?? otherwise,
    })),
  );
}
