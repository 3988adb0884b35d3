/** A transactional producer, and a reader of committed data, in single requests. */
import { ControlType, controlTypeOf } from '../../protocol/batch/control.ts';
import * as batches from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { AddOffsetsToTxn } from '../../protocol/messages/add-offsets-to-txn.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/add-partitions-to-txn.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { EndTxn } from '../../protocol/messages/end-txn.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts';
import { InitProducerId } from '../../protocol/messages/init-producer-id.ts';
import { ListOffsets } from '../../protocol/messages/list-offsets.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { TxnOffsetCommit } from '../../protocol/messages/txn-offset-commit.ts';
import type { RequestInput } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

export interface Producer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** When all records here were made. */
export const PRODUCED_AT_MS = Date.now();

const GROUP_KEY = 0;
const TRANSACTION_KEY = 1;
const READ_COMMITTED = 1;

export class TransactionalClient {
  readonly wire: WireClient;

  private constructor(wire: WireClient) {
    this.wire = wire;
  }

  static async connect(port: number): Promise<TransactionalClient> {
    return new TransactionalClient(await WireClient.connect(port));
  }

  close(): void {
    this.wire.close();
  }

  async createTopic(name: string, numPartitions: number): Promise<void> {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
    await this.wire.send(CreateTopics, 7, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
  }

  /** Asks until both coordinators serve. */
  async untilCoordinated(transactionalId: string, groupId: string): Promise<void> {
    for (const [keyType, key] of [
      [TRANSACTION_KEY, transactionalId],
      [GROUP_KEY, groupId],
    ] as const) {
      await until(async () => {
        const found = await this.wire.send(FindCoordinator, 4, { key: '', keyType, coordinatorKeys: [key] });
        return found.coordinators[0]?.errorCode === ErrorCode.NONE;
      });
    }
  }

  init(
    transactionalId: string | null,
    options: Partial<RequestInput<typeof InitProducerId>> = {},
    version = 4,
  ) {
    const transactionTimeoutMs = 60_000;
    return this.wire.send(InitProducerId, version, { transactionalId, transactionTimeoutMs, ...options });
  }

  /** Takes over the id, however often that has to be asked for. */
  async initialized(transactionalId: string, timeoutMs = 60_000): Promise<Producer> {
    for (;;) {
      const answer = await this.init(transactionalId, { transactionTimeoutMs: timeoutMs });
      if (answer.errorCode === ErrorCode.NONE) return { transactionalId, ...answer };
      const mayRetry =
        answer.errorCode === ErrorCode.CONCURRENT_TRANSACTIONS ||
        answer.errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ||
        answer.errorCode === ErrorCode.NOT_COORDINATOR;
      if (!mayRetry) throw new Error(`InitProducerId answered ${answer.errorCode}`);
    }
  }

  /** Codes by topic and partition, as `topic-0:0`. */
  async add(producer: Producer, topics: Readonly<Record<string, readonly number[]>>, version = 3) {
    const named = Object.entries(topics).map(([name, partitions]) => ({ name, partitions }));
    const answer = await this.wire.send(AddPartitionsToTxn, version, {
      transactions: [],
      v3AndBelowTransactionalId: producer.transactionalId,
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: named,
    });
    return codesOf(answer.resultsByTopicV3AndBelow);
  }

  /** As a broker asks: whether the partitions are in. */
  async verify(producer: Producer, topics: Readonly<Record<string, readonly number[]>>) {
    const named = Object.entries(topics).map(([name, partitions]) => ({ name, partitions }));
    const answer = await this.wire.send(AddPartitionsToTxn, 4, {
      transactions: [{ ...producer, verifyOnly: true, topics: named }],
      v3AndBelowTransactionalId: '',
      v3AndBelowProducerId: 0,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [],
    });
    return codesOf(answer.resultsByTransaction[0]?.topicResults ?? []);
  }

  async addOffsets(producer: Producer, groupId: string, version = 3): Promise<number> {
    return (await this.wire.send(AddOffsetsToTxn, version, { ...producer, groupId })).errorCode;
  }

  async commitOffset(producer: Producer, groupId: string, topic: string, offset: number, version = 3) {
    const partitions = [
      {
        partitionIndex: 0,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: '',
      },
    ];
    const topics = [{ name: topic, partitions }];
    const answer = await this.wire.send(TxnOffsetCommit, version, { ...producer, groupId, topics });
    return answer.topics[0]?.partitions[0]?.errorCode;
  }

  async end(producer: Producer, committed: boolean, version = 3): Promise<number> {
    return (await this.wire.send(EndTxn, version, { ...producer, committed })).errorCode;
  }

  async produce(
    producer: Producer,
    topic: string,
    index: number,
    value: string,
    options: { sequence?: number; transactionalId?: string | null; acks?: number } = {},
  ) {
    const { sequence = 0, transactionalId = producer.transactionalId, acks = -1 } = options;
    const records = batches.buildBatch({
      records: [{ value: Buffer.from(value) }],
      timestampMs: PRODUCED_AT_MS,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      baseSequence: sequence,
      transactional: true,
    });
    const answer = await this.wire.send(Produce, 9, {
      transactionalId,
      acks,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index, records }] }],
    });
    const partition = answer.responses[0]?.partitionResponses[0];
    return { errorCode: partition?.errorCode, message: partition?.errorMessage ?? null };
  }

  /** What a reader of committed data gets, from the start to where it has to stop. */
  async readCommitted(topic: string, partition: number) {
    const values: string[] = [];
    const abortedProducers = new Set<number>();
    for (let fetchOffset = 0; ; ) {
      const found = await this.#fetch(topic, partition, fetchOffset);
      const { highWatermark, lastStableOffset } = found;
      if (fetchOffset >= lastStableOffset) return { values, isStable: lastStableOffset === highWatermark };
      const aborted = [...(found.abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
      const chunk = found.records ?? Buffer.alloc(0);
      for (const position of batches.batchPositions(chunk)) {
        const producerId = batches.producerId(chunk, position);
        fetchOffset = batches.nextOffset(chunk, position);
        while ((aborted[0]?.firstOffset ?? Number.POSITIVE_INFINITY) < fetchOffset) {
          abortedProducers.add(aborted.shift()?.producerId ?? -1);
        }
        if (batches.isControl(chunk, position)) {
          for (const { key } of batches.iterateRecords(chunk, position)) {
            if (controlTypeOf(key) === ControlType.ABORT) abortedProducers.delete(producerId);
          }
        } else if (!abortedProducers.has(producerId)) {
          for (const { value } of batches.iterateRecords(chunk, position)) values.push(String(value));
        }
      }
    }
  }

  async #fetch(topic: string, partition: number, fetchOffset: number) {
    const partitions = [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }];
    const answer = await this.wire.send(Fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic, topicId: ZERO_UUID, partitions }],
      forgottenTopicsData: [],
    });
    const found = answer.responses[0]?.partitions[0];
    if (found?.errorCode !== ErrorCode.NONE) throw new Error(`Fetch answered ${found?.errorCode}`);
    return found;
  }

  async endOffset(topic: string, partitionIndex: number, isolationLevel: number): Promise<number> {
    const answer = await this.wire.send(ListOffsets, 7, {
      replicaId: -1,
      isolationLevel,
      topics: [{ name: topic, partitions: [{ partitionIndex, timestamp: -1 }] }],
    });
    return answer.topics[0]?.partitions[0]?.offset ?? -1;
  }

  /** The committed offset, or the error as a negative number below -1. */
  async committedOffset(groupId: string, topic: string, requireStable: boolean): Promise<number> {
    const topics = [{ name: topic, partitionIndexes: [0] }];
    const answer = await this.wire.send(OffsetFetch, 8, {
      groupId: '',
      topics: [],
      groups: [{ groupId, topics }],
      requireStable,
    });
    const partition = answer.groups[0]?.topics[0]?.partitions[0];
    if (partition === undefined) throw new Error('OffsetFetch answered without the partition');
    return partition.errorCode === ErrorCode.NONE ? Number(partition.committedOffset) : -partition.errorCode;
  }
}

function codesOf(
  topics: readonly {
    readonly name: string;
    readonly resultsByPartition: readonly {
      readonly partitionIndex: number;
      readonly partitionErrorCode: number;
    }[];
  }[],
): string[] {
  return topics
    .flatMap(({ name, resultsByPartition }) =>
      resultsByPartition.map(
        ({ partitionIndex, partitionErrorCode }) => `${name}-${partitionIndex}:${partitionErrorCode}`,
      ),
    )
    .sort();
}
