/**
 * What happens in groups and transactions of kafkajs 2.2.4 over time, on Sordini and on Apache Kafka 3.7.0 alike, so that
 * a difference is seen: many members that join, leave and die; consumers that pause; transactions. It knows no static
 * members: those of other clients are in application.ts.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Admin, Consumer, Kafka as KafkaClient } from 'kafkajs';
import kafkajs from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import type { Served } from './sides.ts';
import { sides } from './sides.ts';

const { Kafka, logLevel } = kafkajs;

const PARTITIONS = 20;
const MEMBERS = 16;
const MORTALS = 4;
const TIMEOUT_MS = 120_000;

const PROPERTIES = { 'group.initial.rebalance.delay.ms': '100' };

describe.each(sides('groups of kafkajs'))('kafkajs on $name', ({ serve }) => {
  const dir = temporaryDirectory('kafkajs-groups');
  let served: Served;
  let kafka: KafkaClient;
  let admin: Admin;
  const consumers: Consumer[] = [];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    served = await serve(dir, { properties: PROPERTIES });
    kafka = new Kafka({
      brokers: [served.bootstrap],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 10 },
    });
    admin = kafka.admin();
    await admin.connect();
  }, TIMEOUT_MS);

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await Promise.all(consumers.splice(0).map((consumer) => consumer.disconnect()));
  });

  afterAll(async () => {
    await admin?.disconnect();
    await served?.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  });

  const member = async (groupId: string, topic: string, seen: Set<string>): Promise<Consumer> => {
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: 6_000,
      heartbeatInterval: 500,
      maxWaitTimeInMs: 100,
    });
    consumers.push(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        seen.add(`${partition} ${message.offset}`);
      },
    });
    return consumer;
  };

  const mortal = (groupId: string, topic: string, seen: Set<string>): ChildProcess => {
    const file = join(import.meta.dirname, 'kafkajs-member.ts');
    const child = spawn(process.execPath, [file, served.bootstrap, groupId, topic], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    let rest = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) seen.add(line);
    });
    return child;
  };

  test('twenty members join, leave and die, and every record is read', { timeout: TIMEOUT_MS }, async () => {
    const topic = 'crowd';
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: PARTITIONS }] });
    const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    let sent = 0;
    const send = async (): Promise<void> => {
      const messages = Array.from({ length: PARTITIONS * 5 }, (_, index) => ({
        partition: index % PARTITIONS,
        value: `${sent + index}`,
      }));
      await producer.send({ topic, messages });
      sent += messages.length;
    };
    const seen = new Set<string>();
    const mortals = Array.from({ length: MORTALS }, () => mortal('crowd', topic, seen));
    for (let count = 0; count < MEMBERS; count += 4) {
      await Promise.all(Array.from({ length: 4 }, () => member('crowd', topic, seen)));
      await send();
    }
    const state = async () => {
      const { groups } = await admin.describeGroups(['crowd']);
      return { state: groups[0]?.state, members: groups[0]?.members.length };
    };
    await until(async () => {
      const { state: is, members } = await state();
      return is === 'Stable' && members === MEMBERS + MORTALS;
    }, TIMEOUT_MS);
    await send();
    // Some die, some leave, some come anew, all at once.
    for (const child of mortals.slice(0, 3)) child.kill('SIGKILL');
    await Promise.all(consumers.splice(0, 5).map((consumer) => consumer.disconnect()));
    await Promise.all([send(), ...Array.from({ length: 3 }, () => member('crowd', topic, seen))]);
    await until(async () => {
      const { state: is, members } = await state();
      return is === 'Stable' && members === MEMBERS + MORTALS - 3 - 5 + 3;
    }, TIMEOUT_MS);
    await send();
    await until(() => seen.size === sent, TIMEOUT_MS);
    expect(sent).toBe(700);
    await producer.disconnect();
    // Those that leave commit what they have read, so that nobody will read it again.
    await Promise.all(consumers.splice(0).map((consumer) => consumer.disconnect()));
    const isCommitted = async (): Promise<boolean> => {
      const [offsets] = await admin.fetchOffsets({ groupId: 'crowd', topics: [topic] });
      const ends = await admin.fetchTopicOffsets(topic);
      return ends.every(
        (end) => offsets?.partitions.find((one) => one.partition === end.partition)?.offset === end.offset,
      );
    };
    await until(isCommitted, TIMEOUT_MS);
  });

  test('a consumer that pauses gets nothing until it resumes, and loses nothing', async () => {
    const topic = 'paused';
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 2 }] });
    const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    const send = (partition: number, value: string) =>
      producer.send({ topic, messages: [{ partition, value }] });
    const seen = new Set<string>();
    await send(0, 'a');
    await send(1, 'b');
    const consumer = await member('pausing', topic, seen);
    await until(() => seen.size === 2);
    consumer.pause([{ topic, partitions: [0] }]);
    await send(0, 'c');
    await send(1, 'd');
    await send(1, 'e');
    await until(() => seen.has('1 2'));
    expect([...seen].sort()).toEqual(['0 0', '1 0', '1 1', '1 2']);
    consumer.resume([{ topic, partitions: [0] }]);
    await until(() => seen.has('0 1'));
    expect(seen.size).toBe(5);
    await producer.disconnect();
  });

  test('a transaction is read once it is committed, with its offsets, and never when it was aborted', async () => {
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'ledger' }, { topic: 'orders' }] });
    const producer = kafka.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      transactionalId: 'accountant',
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const offsetsOf = async () =>
      (await admin.fetchOffsets({ groupId: 'accounting', topics: ['orders'] }))[0]?.partitions[0]?.offset;
    const write = async (value: string, offset: string, isKept: boolean) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic: 'ledger', messages: [{ value }] });
      await transaction.sendOffsets({
        consumerGroupId: 'accounting',
        topics: [{ topic: 'orders', partitions: [{ partition: 0, offset }] }],
      });
      await (isKept ? transaction.commit() : transaction.abort());
    };
    await write('one', '5', true);
    await write('two', '7', false);
    await until(async () => (await offsetsOf()) === '5');
    await write('three', '9', true);
    await until(async () => (await offsetsOf()) === '9');
    const read: string[] = [];
    const consumer = kafka.consumer({ groupId: 'auditors', readUncommitted: false, maxWaitTimeInMs: 100 });
    consumers.push(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: ['ledger'], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        read.push(String(message.value));
      },
    });
    await until(() => read.includes('three'));
    expect(read).toEqual(['one', 'three']);
    await producer.disconnect();
  });
});
