/**
 * The application that a Node team would write with @platformatic/kafka, the client above the flexible versions, on Sordini
 * and on Apache Kafka 3.7.0.
 */
import { rmSync } from 'node:fs';
import type { MessagesStream } from '@platformatic/kafka';
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import type { Served } from './sides.ts';
import { sides } from './sides.ts';

type Text = Producer<string, string, string, string>;
type Reader = Consumer<string, string, string, string>;

interface Member {
  readonly consumer: Reader;
  readonly stream: MessagesStream<string, string, string, string>;
  readonly values: string[];
}

type Client = Admin | Text | Reader;

const canRun = 'withResolvers' in Promise;
if (!canRun) console.log('skipped: @platformatic/kafka needs Node 22');

/** Apache Kafka starts twice. */
const START_TIMEOUT_MS = 120_000;
const PROPERTIES = { 'group.initial.rebalance.delay.ms': '0' };
const wanted = sides('an application on @platformatic/kafka', canRun);

describe.skipIf(!canRun).each(wanted)('an application on @platformatic/kafka on $name', (side) => {
  const { serve, expectSoon } = side;
  const dir = temporaryDirectory('platformatic');
  const open = new Set<Client>();
  let broker: Served;

  const base = (clientId: string) => ({
    clientId,
    bootstrapBrokers: [broker.bootstrap],
    retries: 20,
    retryDelay: 50,
  });

  const track = <T extends Client>(client: T): T => {
    open.add(client);
    return client;
  };
  const admin = (): Admin => track(new Admin(base('admin')));
  const producer = (): Text =>
    track(
      new Producer<string, string, string, string>({ ...base('producer'), serializers: stringSerializers }),
    );

  const close = async (client: Client): Promise<void> => {
    open.delete(client);
    // A consumer or producer with streams closes only by force.
    await (client instanceof Admin ? client.close() : client.close(true));
  };

  const join = async (groupId: string, topic: string): Promise<Member> => {
    const consumer: Reader = track(
      new Consumer({
        ...base('consumer'),
        groupId,
        deserializers: stringDeserializers,
        sessionTimeout: 10_000,
        rebalanceTimeout: 10_000,
        heartbeatInterval: 200,
        maxWaitTime: 100,
      }),
    );
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: 50,
    });
    const values: string[] = [];
    stream.on('data', ({ value }: { value: string }) => values.push(value));
    return { consumer, stream, values };
  };

  const partitionsOf = ({ consumer }: Member): number =>
    consumer.assignments?.reduce((count, { partitions }) => count + partitions.length, 0) ?? 0;

  beforeAll(async () => {
    broker = await serve(dir, { properties: PROPERTIES });
  }, START_TIMEOUT_MS);

  afterEach(async () => {
    for (const client of open) await close(client);
  });

  afterAll(async () => {
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  });

  test('administers topics, configurations and records', async () => {
    const client = admin();
    const [made] = await client.createTopics({ topics: ['made'], partitions: 3, replicas: 1 });
    expect(made).toMatchObject({ name: 'made', partitions: 3, replicas: 1 });
    await expect(client.createTopics({ topics: ['made'], partitions: 3, replicas: 1 })).rejects.toThrow();
    await expectSoon(async () => (await client.listTopics()).includes('made'));
    const { brokers } = await client.metadata({ topics: ['made'] });
    const assignments = [1, 2].map(() => ({ brokerIds: [...brokers.keys()] }));
    await client.createPartitions({ topics: [{ name: 'made', count: 5, assignments }] });
    const grown = () => client.metadata({ topics: ['made'], forceUpdate: true });
    await expectSoon(async () => (await grown()).topics.get('made')?.partitionsCount === 5);
    await client.deleteTopics({ topics: ['made'] });
    await expectSoon(async () => !(await client.listTopics()).includes('made'));
  });

  test('produces with every acknowledgement and codec, and reads it all back in order', async () => {
    await admin().createTopics({ topics: ['acks'], partitions: 1, replicas: 1 });
    const sender = producer();
    const sent: string[] = [];
    for (const acks of [-1, 1, 0]) {
      const value = `acks ${acks}`;
      sent.push(value);
      const messages = [{ topic: 'acks', key: `key ${acks}`, value, headers: { acks: `${acks}` } }];
      const { offsets } = await sender.send({ acks, messages });
      if (acks !== 0)
        expect(offsets).toEqual([{ topic: 'acks', partition: 0, offset: BigInt(sent.length - 1) }]);
    }
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const values = Array.from({ length: 20 }, (_, index) => `${compression} ${index}`);
      sent.push(...values);
      await sender.send({ compression, messages: values.map((value) => ({ topic: 'acks', value })) });
    }
    const member = await join('acks-readers', 'acks');
    await until(() => member.values.length >= sent.length);
    expect(member.values).toEqual(sent);
  });

  test('shares partitions in a group and goes on from its offsets after a restart of the broker', async () => {
    await admin().createTopics({ topics: ['shared'], partitions: 4, replicas: 1 });
    const sender = producer();
    const send = (from: number, count: number): Promise<unknown> => {
      const values = Array.from({ length: count }, (_, index) => from + index);
      const messages = values.map((value) => ({ topic: 'shared', partition: value % 4, value: `${value}` }));
      return sender.send({ messages });
    };
    const first = await join('sharing', 'shared');
    const second = await join('sharing', 'shared');
    await until(() => partitionsOf(first) === 2 && partitionsOf(second) === 2);
    await send(0, 40);
    // A fetch that was under way when a partition went to the other member may still bring its records to the former one.
    const all = (): Set<string> => new Set([...first.values, ...second.values]);
    await until(() => first.values.length >= 20 && second.values.length >= 20 && all().size === 40);
    await close(second.consumer);
    await until(() => partitionsOf(first) === 4);
    await send(40, 20);
    await until(() => all().size === 60);
    const client = admin();
    const committed = async (): Promise<number> => {
      const [group] = await client.listConsumerGroupOffsets({ groups: ['sharing'] });
      const offsets = group?.topics.flatMap((topic) =>
        topic.partitions.map((part) => Number(part.committedOffset)),
      );
      return offsets?.reduce((sum, offset) => sum + Math.max(0, offset), 0) ?? 0;
    };
    await until(async () => (await committed()) === 60);
    for (const each of open) await close(each);

    await broker.stop();
    broker = await serve(dir, { port: broker.port, properties: PROPERTIES });
    const again = producer();
    // One by one: where Apache Kafka does not lead all partitions yet, the client sends a request again as a whole.
    for (let partition = 0; partition < 4; partition++) {
      await again.send({ messages: [{ topic: 'shared', partition, value: 'new' }] });
    }
    const later = await join('sharing', 'shared');
    await until(() => later.values.length >= 4);
    expect(later.values).toEqual(['new', 'new', 'new', 'new']);
  });
});
