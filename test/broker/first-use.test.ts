/** The first request for a topic: it is told of the topic that it makes, not that there is none. */
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts';
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { produce } from '../helpers/data-client.ts';
import { WireClient } from '../helpers/wire-client.ts';

let broker: BrokerProcess;
let client: WireClient;

beforeAll(async () => {
  broker = await startBroker({ overrides: { 'num.partitions': '3' } });
  client = await WireClient.connect(broker.port);
});

afterAll(async () => {
  client?.close();
  await broker?.stop();
  broker?.clean();
});

const asking = (names: readonly string[], allowAutoTopicCreation = true) => ({
  topics: names.map((name) => ({ topicId: ZERO_UUID, name })),
  allowAutoTopicCreation,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
});

/** Per topic its error and the errors of its partitions. */
async function ask(of: WireClient, version: number, request: ReturnType<typeof asking>) {
  const { topics } = await of.send(Metadata, version, request);
  return Object.fromEntries(
    topics.map(({ name, errorCode, partitions }) => [
      name,
      [errorCode, ...partitions.map((partition) => partition.errorCode)],
    ]),
  );
}

const { NONE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION } = ErrorCode;
const SERVING = [NONE, NONE, NONE, NONE];

describe('Metadata that makes a topic', () => {
  test.each([1, 4, 9, 12])('(version %i) tells of its leaders, and they serve at once', async (version) => {
    const name = `made-${version}`;
    expect(await ask(client, version, asking([name]))).toEqual({ [name]: SERVING });
    expect((await produce(client, name, ['a'])).errorCode).toBe(NONE);
  });

  test('tells all who ask meanwhile', async () => {
    const others = await Promise.all(Array.from({ length: 8 }, () => WireClient.connect(broker.port)));
    const answers = await Promise.all(others.map((other) => ask(other, 9, asking(['shared', 'made-9']))));
    for (const answer of answers) expect(answer).toEqual({ shared: SERVING, 'made-9': SERVING });
    for (const other of others) other.close();
  });

  test('makes none where the client or the name forbids it', async () => {
    expect(await ask(client, 9, asking(['forbidden'], false))).toEqual({
      forbidden: [UNKNOWN_TOPIC_OR_PARTITION],
    });
    expect(await ask(client, 9, asking(['not/a/name', 'beside']))).toEqual({
      'not/a/name': [INVALID_TOPIC_EXCEPTION],
      beside: SERVING,
    });
    expect(await ask(client, 9, asking(['forbidden'], false))).toEqual({
      forbidden: [UNKNOWN_TOPIC_OR_PARTITION],
    });
  });

  test('tells of none where it can not be made', async () => {
    const lone = await startBroker({ overrides: { 'default.replication.factor': '3' } });
    const asker = await WireClient.connect(lone.port);
    const answer = await ask(asker, 9, asking(['too-many']));
    asker.close();
    await lone.stop();
    lone.clean();
    expect(answer).toEqual({ 'too-many': [UNKNOWN_TOPIC_OR_PARTITION] });
  });
});

test('FindCoordinator makes a topic of offsets that somebody deleted, and names the coordinator', async () => {
  const { responses } = await client.send(DeleteTopics, 1, {
    topicNames: ['__consumer_offsets'],
    topics: [],
    timeoutMs: 10_000,
  });
  expect(responses[0]?.errorCode).toBe(NONE);
  const request = { key: '', keyType: 0, coordinatorKeys: ['some-group'] };
  const { coordinators } = await client.send(FindCoordinator, 4, request);
  expect(coordinators[0]).toMatchObject({ errorCode: NONE, nodeId: 1, port: broker.port });
});

test('an application of kafkajs sends to a new topic without a retry and without a complaint', async () => {
  const complaints: unknown[] = [];
  const kafka = new kafkajs.Kafka({
    brokers: [broker.bootstrap],
    logCreator: () => (entry) => complaints.push(entry),
    logLevel: kafkajs.logLevel.WARN,
    retry: { retries: 0 },
  });
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const [answer] = await producer.send({ topic: 'brand-new', messages: [{ value: 'a', partition: 2 }] });
  await producer.disconnect();
  expect(answer).toMatchObject({ topicName: 'brand-new', partition: 2, errorCode: 0, baseOffset: '0' });
  expect(complaints).toEqual([]);
});
