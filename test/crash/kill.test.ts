/**
 * kill -9 under load: after the restart every acknowledged record is there, once, in order, at the offset that the
 * acknowledgement named; committed offsets and topics are there too.
 *
 * The producer never retries, so a value is sent once: it must be found at most once, and exactly at its offset when it
 * was acknowledged.
 */
import type { Kafka as KafkaClient, Producer } from 'kafkajs';
import kafkajs from 'kafkajs';
import { afterAll, describe, expect, test } from 'vitest';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';

const { Kafka, logLevel } = kafkajs;

const ROUNDS = 6;
const TOPIC = 'history';
const PARTITIONS = 3;

interface History {
  /** partition/offset → value, as acknowledged. */
  readonly acknowledged: Map<string, string>;
  /** By group, the highest offset that a commit was acknowledged for. kafkajs commits as a member, so a kill leaves
   * the group with one that died: each round has a group of its own. */
  readonly committed: Map<string, number>;
  readonly topics: Set<string>;
  sent: number;
}

/** The checker may ask again; the load may not, or a value could be sent twice. */
const clientOf = (bootstrap: string, retries = 5): KafkaClient =>
  new Kafka({
    clientId: 'checker',
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { retries, initialRetryTime: 50 },
    connectionTimeout: 2_000,
  });

/** Sends, commits and creates topics until the broker is killed, noting every acknowledgement. */
async function load(kafka: KafkaClient, history: History, round: number, killed: AbortSignal): Promise<void> {
  const producer = kafka.producer({ retry: { retries: 0 }, allowAutoTopicCreation: false });
  const admin = kafka.admin();
  await producer.connect();
  await admin.connect();
  const worker = (work: () => Promise<void>) => async (): Promise<void> => {
    while (!killed.aborted) {
      try {
        await work();
      } catch (error) {
        // Only the kill may make a request fail.
        if (!killed.aborted) throw error;
      }
    }
  };
  const workers = Array.from({ length: PARTITIONS }, (_, partition) =>
    worker(() => send(producer, history, partition)),
  );
  workers.push(
    worker(async () => {
      const groupId = `checked-${round}`;
      const offset = (history.committed.get(groupId) ?? 0) + 1;
      await admin.setOffsets({
        groupId,
        topic: TOPIC,
        partitions: [{ partition: 0, offset: `${offset}` }],
      });
      history.committed.set(groupId, offset);
    }),
  );
  workers.push(
    worker(async () => {
      const topic = `topic-${round}-${history.topics.size}`;
      await admin.createTopics({ topics: [{ topic }] });
      history.topics.add(topic);
    }),
  );
  await Promise.all(workers.map((work) => work()));
  await Promise.allSettled([producer.disconnect(), admin.disconnect()]);
}

async function send(producer: Producer, history: History, partition: number): Promise<void> {
  const values = Array.from({ length: 1 + (history.sent % 7) }, () => `value ${history.sent++}`);
  const [answer] = await producer.send({
    topic: TOPIC,
    acks: -1,
    messages: values.map((value) => ({ partition, value })),
  });
  const base = Number(answer?.baseOffset);
  values.forEach((value, index) => {
    history.acknowledged.set(`${partition}/${base + index}`, value);
  });
}

/** Everything in the topic, read from the start by a fresh consumer. */
async function readAll(kafka: KafkaClient): Promise<Map<string, string>> {
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(TOPIC);
  await admin.disconnect();
  const total = ends.reduce((sum, { high }) => sum + Number(high), 0);
  const found = new Map<string, string>();
  const consumer = kafka.consumer({
    groupId: `reader-${total}`,
    retry: { retries: 5 },
    maxWaitTimeInMs: 100,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
  const lastOffsets = new Map<number, number>();
  const disorder: string[] = [];
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const offset = Number(message.offset);
      if (offset !== (lastOffsets.get(partition) ?? -1) + 1) disorder.push(`${partition}/${offset}`);
      lastOffsets.set(partition, offset);
      found.set(`${partition}/${offset}`, message.value?.toString() ?? '');
    },
  });
  await until(() => found.size >= total);
  await consumer.disconnect();
  expect(disorder).toEqual([]);
  return found;
}

async function check(kafka: KafkaClient, history: History): Promise<void> {
  const found = await readAll(kafka);
  const lost = [...history.acknowledged].filter(([place, value]) => found.get(place) !== value);
  expect(lost).toEqual([]);
  const values = [...found.values()];
  expect(new Set(values).size).toBe(values.length);
  const admin = kafka.admin();
  await admin.connect();
  for (const [groupId, acknowledged] of history.committed) {
    const [topic] = await admin.fetchOffsets({ groupId, topics: [TOPIC] });
    // One commit may have been written without its acknowledgement having arrived.
    const committed = Number(topic?.partitions[0]?.offset);
    expect([acknowledged, acknowledged + 1]).toContain(committed);
    history.committed.set(groupId, committed);
  }
  expect(await admin.listTopics()).toEqual(expect.arrayContaining([...history.topics]));
  await admin.disconnect();
}

describe('a broker that is killed under load', () => {
  const dir = temporaryDirectory('kill');
  let broker: BrokerProcess | undefined;

  afterAll(async () => {
    await broker?.stop();
  });

  test('has kept what it acknowledged', async () => {
    const history: History = { acknowledged: new Map(), committed: new Map(), topics: new Set(), sent: 0 };
    broker = await startBroker({ dir });
    const { port } = broker;
    const admin = clientOf(broker.bootstrap).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }] });
    await admin.disconnect();
    for (let round = 0; round < ROUNDS; round++) {
      const killing = new AbortController();
      const running = load(clientOf(broker.bootstrap, 1), history, round, killing.signal);
      const enough = history.sent + 100 + round * 150;
      await Promise.race([until(() => history.sent >= enough), running]);
      killing.abort();
      await broker.kill();
      await running;
      broker = await startBroker({ dir, port });
      await check(clientOf(broker.bootstrap), history);
    }
    expect(history.acknowledged.size).toBeGreaterThan(100 * ROUNDS);
  });
});
