/**
 * Transactional producers over the bare protocol, in the sequence of librdkafka and the Java client: per transaction
 * AddPartitionsToTxn, one Produce, EndTxn; while the one before is being completed they come again after 20 ms.
 */
import { buildBatch } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/add-partitions-to-txn.ts';
import { EndTxn } from '../../protocol/messages/end-txn.ts';
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts';
import { InitProducerId } from '../../protocol/messages/init-producer-id.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import { pause } from './window.ts';

/** What both clients wait after CONCURRENT_TRANSACTIONS. */
const RETRY_MS = 20;
const RECORD_BYTES = 100;

export interface TransactionLoad {
  readonly topic: string;
  /** Producer number i writes to partition 0 of the topic with `-i` behind this name. */
  readonly producerCount: number;
  readonly recordCount: number;
}

interface Producer {
  readonly client: WireClient;
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  sequence: number;
}

async function retried(send: () => Promise<number>): Promise<void> {
  for (;;) {
    const errorCode = await send();
    if (errorCode === ErrorCode.NONE) return;
    switch (errorCode) {
      case ErrorCode.CONCURRENT_TRANSACTIONS:
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
      // Apache Kafka makes a leader of a new partition a moment after it has answered.
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        await pause(RETRY_MS);
        break;
      default:
        throw new Error(`a transaction met error ${errorCode}`);
    }
  }
}

async function startProducer(port: number, transactionalId: string): Promise<Producer> {
  const client = await WireClient.connect(port);
  await retried(async () => {
    const found = await client.send(FindCoordinator, 3, {
      key: transactionalId,
      keyType: 1,
      coordinatorKeys: [],
    });
    return found.errorCode;
  });
  let producerId = -1;
  let producerEpoch = -1;
  await retried(async () => {
    const answer = await client.send(InitProducerId, 4, { transactionalId, transactionTimeoutMs: 60_000 });
    ({ producerId, producerEpoch } = answer);
    return answer.errorCode;
  });
  return { client, transactionalId, producerId, producerEpoch, sequence: 0 };
}

async function transact(producer: Producer, topic: string, recordCount: number): Promise<void> {
  const { client, transactionalId, producerId, producerEpoch } = producer;
  const records = buildBatch({
    records: Array.from({ length: recordCount }, () => ({ value: Buffer.alloc(RECORD_BYTES, 0x61) })),
    timestampMs: Date.now(),
    producerId,
    producerEpoch,
    baseSequence: producer.sequence,
    transactional: true,
  });
  await retried(async () => {
    const added = await client.send(AddPartitionsToTxn, 3, {
      transactions: [],
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [0] }],
    });
    return added.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode ?? -1;
  });
  await retried(async () => {
    const produced = await client.send(Produce, 9, {
      transactionalId,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    });
    return produced.responses[0]?.partitionResponses[0]?.errorCode ?? -1;
  });
  producer.sequence += recordCount;
  await retried(async () => {
    const ended = await client.send(EndTxn, 3, {
      transactionalId,
      producerId,
      producerEpoch,
      committed: true,
    });
    return ended.errorCode;
  });
}

/** Producers that transact one after the other's end, each by itself, until they are stopped. */
export class TransactionProducers {
  readonly #producers: readonly Producer[];
  readonly #load: TransactionLoad;
  #isStopped = false;
  /** Transactions that were answered so far. */
  count = 0;

  private constructor(producers: readonly Producer[], load: TransactionLoad) {
    this.#producers = producers;
    this.#load = load;
  }

  static async start(port: number, load: TransactionLoad): Promise<TransactionProducers> {
    const producers: Producer[] = [];
    for (let i = 0; i < load.producerCount; i++)
      producers.push(await startProducer(port, `${load.topic}-${i}`));
    return new TransactionProducers(producers, load);
  }

  async run(): Promise<void> {
    const { topic, recordCount } = this.#load;
    await Promise.all(
      this.#producers.map(async (producer, i) => {
        while (!this.#isStopped) {
          await transact(producer, `${topic}-${i}`, recordCount);
          this.count++;
        }
      }),
    );
  }

  stop(): void {
    this.#isStopped = true;
  }

  close(): void {
    for (const { client } of this.#producers) client.close();
  }
}
