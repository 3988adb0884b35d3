/** The application that a Node team would write with kafkajs 2.2.4, unchanged, on Sordini and on Apache Kafka 3.7.0. */
import { rmSync } from 'node:fs';
import type { Admin, Consumer, EachMessagePayload, Kafka as KafkaClient } from 'kafkajs';
import kafkajs from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import type { Served } from './sides.ts';
import { sides } from './sides.ts';

const { CompressionTypes, Kafka, logLevel } = kafkajs;

interface Received {
  readonly consumer: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Apache Kafka starts twice. */
const START_TIMEOUT_MS = 120_000;

describe.each(sides('a kafkajs application'))('a kafkajs application on $name', ({ serve, expectSoon }) => {
  const dir = temporaryDirectory('kafkajs');
  let broker: Served;
  let kafka: KafkaClient;
  let admin: Admin;
  const consumers: Consumer[] = [];

  const connect = async (): Promise<void> => {
    kafka = new Kafka({
      clientId: 'app',
      brokers: [broker.bootstrap],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 8 },
    });
    admin = kafka.admin();
    await admin.connect();
  };

  beforeAll(async () => {
    broker = await serve(dir);
    await connect();
  }, START_TIMEOUT_MS);

  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.disconnect()));
  });

  afterAll(async () => {
    await admin?.disconnect();
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  });

  const create = (topic: string, numPartitions = 1): Promise<boolean> =>
    admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions }] });

  /** Starts a member of a group that notes everything it is given. */
  const consume = async (
    name: string,
    groupId: string,
    topic: string,
    into: Received[],
  ): Promise<Consumer> => {
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: 10_000,
      heartbeatInterval: 300,
      // Leaving waits for the fetch under way.
      maxWaitTimeInMs: 100,
    });
    consumers.push(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }: EachMessagePayload) => {
        const headers = Object.entries(message.headers ?? {}).map(([key, value]) => [key, String(value)]);
        into.push({
          consumer: name,
          partition,
          offset: Number(message.offset),
          key: message.key?.toString() ?? null,
          value: message.value?.toString() ?? null,
          headers: Object.fromEntries(headers) as Record<string, string>,
        });
      },
    });
    return consumer;
  };

  test('creates, lists, describes and deletes topics', async () => {
    expect(await create('made', 3)).toBe(true);
    expect(await create('made', 3)).toBe(false);
    expect(await admin.listTopics()).toContain('made');
    const metadata = async () => (await admin.fetchTopicMetadata({ topics: ['made'] })).topics[0]?.partitions;
    const partitions = await metadata();
    expect(partitions?.map(({ partitionId, leader, isr }) => [partitionId, leader, isr]).sort()).toEqual(
      [0, 1, 2].map((partition) => [partition, expect.any(Number), [expect.any(Number)]]),
    );
    const described = await admin.describeCluster();
    expect(described.brokers).toHaveLength(1);
    await admin.createPartitions({ topicPartitions: [{ topic: 'made', count: 5 }] });
    await expectSoon(async () => (await metadata())?.length === 5);
    await admin.deleteTopics({ topics: ['made'] });
    await expectSoon(async () => !(await admin.listTopics()).includes('made'));
  });

  test('sends with every kind of acknowledgement and reads back keys, headers and order', async () => {
    await create('acks');
    const producer = kafka.producer();
    await producer.connect();
    for (const acks of [-1, 1, 0]) {
      const answer = await producer.send({
        topic: 'acks',
        acks,
        messages: [{ key: `key ${acks}`, value: `value ${acks}`, headers: { acks: `${acks}` } }],
      });
      if (acks === 0) expect(answer).toEqual([]);
      else expect(answer[0]).toMatchObject({ topicName: 'acks', errorCode: 0 });
    }
    await producer.send({
      topic: 'acks',
      compression: CompressionTypes.GZIP,
      messages: Array.from({ length: 100 }, (_, index) => ({ value: `packed ${index}` })),
    });
    await producer.disconnect();
    const received: Received[] = [];
    await consume('one', 'acks-group', 'acks', received);
    await until(() => received.length >= 103);
    expect(received.slice(0, 3).map(({ key, value, headers }) => [key, value, headers])).toEqual(
      [-1, 1, 0].map((acks) => [`key ${acks}`, `value ${acks}`, { acks: `${acks}` }]),
    );
    expect(received.slice(3).map(({ value }) => value)).toEqual(
      Array.from({ length: 100 }, (_, index) => `packed ${index}`),
    );
    expect(received.map(({ offset }) => offset)).toEqual(Array.from({ length: 103 }, (_, offset) => offset));
  });

  test('is idempotent when asked to be', async () => {
    await create('idempotent');
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let index = 0; index < 20; index++) {
      await producer.send({ topic: 'idempotent', messages: [{ value: `${index}` }] });
    }
    await producer.disconnect();
    expect(await admin.fetchTopicOffsets('idempotent')).toEqual([
      { partition: 0, offset: '20', high: '20', low: '0' },
    ]);
  });

  test('creates a topic by using it', async () => {
    const producer = kafka.producer({ allowAutoTopicCreation: true });
    await producer.connect();
    await producer.send({ topic: 'made-by-use', messages: [{ value: 'first' }] });
    await producer.disconnect();
    expect(await admin.fetchTopicOffsets('made-by-use')).toMatchObject([{ partition: 0, offset: '1' }]);
  });

  test('two members of a group share the partitions, and the one that stays takes all', async () => {
    await create('shared', 4);
    const received: Received[] = [];
    const first = await consume('first', 'sharing', 'shared', received);
    const second = await consume('second', 'sharing', 'shared', received);
    const assignedTo = async (): Promise<number[]> => {
      const { groups } = await admin.describeGroups(['sharing']);
      const members = groups[0]?.state === 'Stable' ? groups[0].members : [];
      return members
        .map(({ memberAssignment }) => kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment))
        .map((assignment) => assignment?.assignment['shared']?.length ?? 0);
    };
    await until(async () => (await assignedTo()).join() === '2,2');
    const producer = kafka.producer();
    await producer.connect();
    const send = (from: number): Promise<unknown> =>
      producer.send({
        topic: 'shared',
        messages: Array.from({ length: 40 }, (_, index) => ({
          partition: index % 4,
          value: `${from + index}`,
        })),
      });
    await send(0);
    await until(() => received.length >= 40);
    expect(new Set(received.map(({ consumer }) => consumer))).toEqual(new Set(['first', 'second']));
    const stopping = consumers.indexOf(second);
    consumers.splice(stopping, 1);
    await second.disconnect();
    await until(async () => (await assignedTo()).join() === '4');
    await send(40);
    await until(() => received.length >= 80);
    await producer.disconnect();
    expect(received.slice(40).every(({ consumer }) => consumer === 'first')).toBe(true);
    expect(new Set(received.map(({ value }) => value)).size).toBe(80);
    expect(consumers).toContain(first);
  });

  test('fetches, sets and resets the offsets of a group', async () => {
    await create('offsets');
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: 'offsets', messages: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] });
    await producer.disconnect();
    const committed = async (): Promise<string | undefined> => {
      const [topic] = await admin.fetchOffsets({ groupId: 'setting', topics: ['offsets'] });
      return topic?.partitions[0]?.offset;
    };
    expect(await committed()).toBe('-1');
    await admin.setOffsets({
      groupId: 'setting',
      topic: 'offsets',
      partitions: [{ partition: 0, offset: '2' }],
    });
    expect(await committed()).toBe('2');
    await admin.resetOffsets({ groupId: 'setting', topic: 'offsets', earliest: true });
    // What kafkajs commits here is the special offset itself; its consumers know what it means.
    expect(await committed()).toBe('-2');
    const { groups } = await admin.listGroups();
    expect(groups.map(({ groupId }) => groupId)).toContain('setting');
    await admin.deleteGroups(['setting']);
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).not.toContain('setting');
  });

  test('goes on from the committed offsets after the broker was restarted', async () => {
    await create('resumed', 2);
    const send = async (values: string[]): Promise<void> => {
      const producer = kafka.producer();
      await producer.connect();
      // One by one: right after its start Apache Kafka may lead one partition and not yet the other, and kafkajs then sends
      // the whole request again.
      for (const [index, value] of values.entries()) {
        await producer.send({ topic: 'resumed', messages: [{ value, partition: index % 2 }] });
      }
      await producer.disconnect();
    };
    await send(['a', 'b', 'c', 'd']);
    const before: Received[] = [];
    const consumer = await consume('before', 'resuming', 'resumed', before);
    await until(() => before.length >= 4);
    consumers.splice(consumers.indexOf(consumer), 1);
    await consumer.disconnect();
    await admin.disconnect();
    await broker.stop();
    broker = await serve(dir, { port: broker.port });
    await connect();
    await send(['e', 'f']);
    const after: Received[] = [];
    await consume('after', 'resuming', 'resumed', after);
    await until(() => after.length >= 2);
    expect(after.map(({ value }) => value).sort()).toEqual(['e', 'f']);
    expect(await admin.listTopics()).toEqual(expect.arrayContaining(['acks', 'shared', 'resumed']));
  });
});
