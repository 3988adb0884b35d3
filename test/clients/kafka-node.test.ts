/**
 * kafka-node 5.0.0 against a broker: produces with messages of formats 0 and 1, plain and gzip, reads them back alone
 * and in a group, and asks for offsets. Skipped where the package can't be had.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readLegacyMessage } from '../../protocol/batch/legacy.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import { findKafkaNode } from '../../scripts/clients/kafka-node.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { WireClient } from '../helpers/wire-client.ts';

const TOPIC = 'old-client';
const GZIP = 1;

type Callback<T> = (error: Error | null, value: T) => void;
interface Message {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string;
}
interface Consumer {
  on(event: 'message', listener: (message: Message) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  close(force: boolean, done: () => void): void;
}
/** As much of the package as is used here; it has no types that a strict compiler takes. */
interface KafkaNode {
  KafkaClient: new (
    options: object,
  ) => {
    on(event: 'ready' | 'error', listener: (error: Error) => void): void;
    createTopics(topics: readonly object[], done: Callback<unknown>): void;
    close(done: () => void): void;
  };
  Producer: new (
    client: object,
    options: object,
  ) => { send(payloads: readonly object[], done: Callback<Record<string, Record<string, number>>>): void };
  KeyedMessage: new (key: string, value: string) => object;
  Consumer: new (client: object, topics: readonly object[], options: object) => Consumer;
  ConsumerGroup: new (options: object, topics: readonly string[]) => Consumer;
  Offset: new (client: object) => { fetch(payloads: readonly object[], done: Callback<unknown>): void };
}

const promised = <T>(act: (done: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => act((error, value) => (error === null ? resolve(value) : reject(error))));

function take(consumer: Consumer, count: number): Promise<Message[]> {
  return new Promise((resolve, reject) => {
    const messages: Message[] = [];
    consumer.on('error', reject);
    consumer.on('message', ({ offset, key, value }) => {
      messages.push({ offset, key, value });
      if (messages.length === count) consumer.close(true, () => resolve(messages));
    });
  });
}

const found = await findKafkaNode();
if ('missing' in found) console.log(`skipped: ${found.missing}`);

describe.skipIf('missing' in found)('kafka-node', () => {
  let broker: BrokerProcess;
  let kafkaNode: KafkaNode;

  beforeAll(async () => {
    broker = await startBroker({ overrides: { 'group.initial.rebalance.delay.ms': '0' } });
    if ('found' in found) kafkaNode = found.found('kafka-node') as KafkaNode;
  });

  afterAll(async () => {
    await broker?.stop();
    broker?.clean();
  });

  const connect = () => new kafkaNode.KafkaClient({ kafkaHost: broker.bootstrap });

  const expected: Message[] = [
    { offset: 0, key: null, value: 'plain' },
    { offset: 1, key: 'k', value: 'keyed' },
    { offset: 2, key: null, value: 'gzip-1' },
    { offset: 3, key: null, value: 'gzip-2' },
  ];

  test('produces plain and compressed messages, and is told their offsets', async () => {
    const client = connect();
    await promised<unknown>((done) => client.on('ready', () => done(null, null)));
    const topics = [{ topic: TOPIC, partitions: 1, replicationFactor: 1 }];
    await promised<unknown>((done) => client.createTopics(topics, done));
    const producer = new kafkaNode.Producer(client, { requireAcks: 1 });
    const send = (messages: readonly unknown[], attributes: number) =>
      promised((done: Callback<Record<string, Record<string, number>>>) =>
        producer.send([{ topic: TOPIC, messages, attributes }], done),
      );
    expect(await send(['plain', new kafkaNode.KeyedMessage('k', 'keyed')], 0)).toEqual({ [TOPIC]: { 0: 0 } });
    expect(await send(['gzip-1', 'gzip-2'], GZIP)).toEqual({ [TOPIC]: { 0: 2 } });
    await new Promise<void>((resolve) => client.close(resolve));
  });

  test('reads them in order, alone and in a group', async () => {
    const alone = new kafkaNode.Consumer(connect(), [{ topic: TOPIC, offset: 0, partition: 0 }], {
      fromOffset: true,
      autoCommit: false,
    });
    expect(await take(alone, expected.length)).toEqual(expected);
    const options = {
      kafkaHost: broker.bootstrap,
      groupId: 'old',
      fromOffset: 'earliest',
      protocol: ['range'],
    };
    expect(await take(new kafkaNode.ConsumerGroup(options, [TOPIC]), expected.length)).toEqual(expected);
  });

  test('finds the end of the log', async () => {
    const client = connect();
    await promised<unknown>((done) => client.on('ready', () => done(null, null)));
    const offset = new kafkaNode.Offset(client);
    const asked = [{ topic: TOPIC, time: -1, maxNum: 1 }];
    expect(await promised<unknown>((done) => offset.fetch(asked, done))).toEqual({ [TOPIC]: { 0: [4] } });
    await new Promise<void>((resolve) => client.close(resolve));
  });

  test('is answered in its own format', async () => {
    const client = await WireClient.connect(broker.port);
    const part = { partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000 };
    const topics = [{ topic: TOPIC, topicId: ZERO_UUID, partitions: [part] }];
    for (const [version, magic] of [
      [0, 0],
      [2, 1],
    ] as const) {
      const answer = await client.send(Fetch, version, {
        maxWaitMs: 0,
        minBytes: 0,
        topics,
        forgottenTopicsData: [],
      });
      const records = answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
      expect(readLegacyMessage(records, 0)).toMatchObject({ magic, offset: 0, isCrcValid: true });
    }
    client.close();
  });
});
