/**
 * The internal topics are compacted topics: after their logs were compacted, and the broker was killed and started again,
 * coordinators must know what they knew, and readers of a compacted topic must see its transactions whole.
 */

import kafkajs from 'kafkajs';
import { afterAll, describe, expect, test } from 'vitest';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const { Kafka, logLevel } = kafkajs;

const TABLE = 'table';
const GROUPS = ['first', 'second', 'third'];

const overrides = {
  'log.cleaner.backoff.ms': '100',
  'log.cleaner.min.cleanable.ratio': '0.01',
  'log.cleaner.delete.retention.ms': '100',
  'log.segment.bytes': '4000',
  'offsets.topic.segment.bytes': '2000',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.segment.bytes': '2000',
  'transaction.state.log.num.partitions': '1',
  'group.initial.rebalance.delay.ms': '0',
};

const clientOf = (broker: BrokerProcess) =>
  new Kafka({ clientId: 'checker', brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });

type Client = ReturnType<typeof clientOf>;

const producerOf = (kafka: Client) =>
  kafka.producer({
    transactionalId: 'mover',
    maxInFlightRequests: 1,
    idempotent: true,
    allowAutoTopicCreation: false,
  });

async function createTable(kafka: Client): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
  await admin.createTopics({ topics: [{ topic: TABLE, numPartitions: 1, configEntries }] });
  await admin.disconnect();
}

/** Offsets by group, after many rounds of commits by consumers that are in no group. */
async function commitOften(broker: BrokerProcess): Promise<Map<string, string>> {
  const client = await WireClient.connect(broker.port);
  const committed = new Map<string, string>();
  for (let round = 0; round < 60; round++) {
    for (const groupId of GROUPS) {
      const committedOffset = BigInt(round * 10 + groupId.length);
      const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: '' }];
      const request = { groupId, memberId: '', topics: [{ name: TABLE, partitions }] };
      const answer = await client.send(OffsetCommit, 7, request);
      expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(0);
      committed.set(groupId, String(committedOffset));
    }
  }
  client.close();
  return committed;
}

async function offsetsOf(kafka: Client): Promise<Map<string, string>> {
  const admin = kafka.admin();
  await admin.connect();
  const offsets = new Map<string, string>();
  for (const groupId of GROUPS) {
    const [topic] = await admin.fetchOffsets({ groupId, topics: [TABLE] });
    offsets.set(groupId, topic?.partitions[0]?.offset ?? '');
  }
  await admin.disconnect();
  return offsets;
}

/** Every third transaction is aborted. What is committed, by key. */
async function transact(kafka: Client, rounds: number, from: number): Promise<Map<string, string>> {
  const producer = producerOf(kafka);
  await producer.connect();
  const committed = new Map<string, string>();
  for (let round = from; round < from + rounds; round++) {
    const messages = [
      { key: `k${round % 7}`, value: `${round}`.padEnd(100, '.') },
      { key: 'all', value: `${round}` },
    ];
    const transaction = await producer.transaction();
    await transaction.send({ topic: TABLE, messages });
    if (round % 3 === 0) await transaction.abort();
    else {
      await transaction.commit();
      for (const { key, value } of messages) committed.set(key, value);
    }
  }
  await producer.disconnect();
  return committed;
}

/** The table as a new consumer builds it from the committed records. */
async function readTable(kafka: Client, wanted: Map<string, string>): Promise<Map<string, string>> {
  const table = new Map<string, string>();
  const consumer = kafka.consumer({ groupId: `reader-${Math.random()}`, readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topic: TABLE, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      table.set(message.key?.toString() ?? '', message.value?.toString() ?? '');
    },
  });
  const isRead = () => [...wanted].every(([key, value]) => table.get(key) === value);
  await until(isRead, 20_000).catch(() => {});
  await consumer.disconnect();
  return table;
}

const isCompacted = (broker: BrokerProcess, topic: string): boolean =>
  broker
    .output()
    .split('\n')
    .some((line) => line.includes('log compacted') && line.includes(topic));

describe('the coordinators after a compaction of their logs', () => {
  const dir = temporaryDirectory('compaction');
  let broker: BrokerProcess | undefined;

  afterAll(async () => {
    await broker?.kill();
    broker?.clean();
  });

  test('know every committed offset and every transactional id', async () => {
    broker = await startBroker({ dir, overrides });
    const kafka = clientOf(broker);
    await createTable(kafka);
    const offsets = await commitOften(broker);
    const table = await transact(kafka, 60, 0);
    const running = broker;
    for (const topic of ['__consumer_offsets', '__transaction_state', `"${TABLE}"`]) {
      await until(() => isCompacted(running, topic));
    }
    expect(await readTable(kafka, table)).toEqual(table);
    await broker.kill();
    broker = await startBroker({ dir, overrides });
    const again = clientOf(broker);
    expect(await offsetsOf(again)).toEqual(offsets);
    expect(await readTable(again, table)).toEqual(table);
    for (const [key, value] of await transact(again, 10, 60)) table.set(key, value);
    expect(await readTable(again, table)).toEqual(table);
    expect(await broker.stop()).toBe(0);
    expect(broker.output()).not.toMatch(/can not be compacted/);
  });
});
