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
  /** Highest offset that a commit of the group was acknowledged for. */
  committed: number;
  readonly topics: Set<string>;
  sent: number;
}

const clientOf = (bootstrap: string): KafkaClient =>
  new Kafka({
    clientId: 'checker',
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    connectionTimeout: 2_000,
  });

/** Sends, commits and creates topics until the broker is gone, noting every acknowledgement. */
async function load(kafka: KafkaClient, history: History, round: number): Promise<void> {
  const producer = kafka.producer({ retry: { retries: 0 }, allowAutoTopicCreation: false });
  const admin = kafka.admin();
  await producer.connect();
  await admin.connect();
  const ended = new AbortController();
  const worker = (work: () => Promise<void>) => async (): Promise<void> => {
    while (!ended.signal.aborted) {
      try {
        await work();
      } catch {
        ended.abort();
      }
    }
  };
  const workers = Array.from({ length: PARTITIONS }, (_, partition) =>
    worker(() => send(producer, history, partition)),
  );
  workers.push(
    worker(async () => {
      const offset = history.committed + 1;
      await admin.setOffsets({
        groupId: 'checked',
        topic: TOPIC,
        partitions: [{ partition: 0, offset: `${offset}` }],
      });
      history.committed = offset;
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
  const consumer = kafka.consumer({ groupId: `reader-${total}`, retry: { retries: 5 } });
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
  const [topic] = await admin.fetchOffsets({ groupId: 'checked', topics: [TOPIC] });
  // One commit may have been written without its acknowledgement having arrived.
  const committed = Number(topic?.partitions[0]?.offset);
  expect([history.committed, history.committed + 1]).toContain(committed);
  history.committed = committed;
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
    const history: History = { acknowledged: new Map(), committed: 0, topics: new Set(), sent: 0 };
    broker = await startBroker({ dir });
    const { port } = broker;
    const admin = clientOf(broker.bootstrap).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }] });
    await admin.disconnect();
    for (let round = 0; round < ROUNDS; round++) {
      const running = load(clientOf(broker.bootstrap), history, round);
      const enough = history.sent + 100 + round * 150;
      await until(() => history.sent >= enough);
      await broker.kill();
      await running;
      broker = await startBroker({ dir, port });
      await check(clientOf(broker.bootstrap), history);
    }
    expect(history.acknowledged.size).toBeGreaterThan(100 * ROUNDS);
  });
});
