import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeResponse } from '../../../../protocol/codec.ts';
import { ErrorCode, KafkaError } from '../../../../protocol/errors.ts';
import { ApiVersions } from '../../../../protocol/messages/api-versions.ts';
import { Heartbeat } from '../../../../protocol/messages/heartbeat.ts';
import { ListGroups } from '../../../../protocol/messages/list-groups.ts';
import { Metadata } from '../../../../protocol/messages/metadata.ts';
import { Produce } from '../../../../protocol/messages/produce.ts';
import { apiVersions } from '../../../../src/handlers/api-versions.ts';
import { Network } from '../../../../src/net/network.ts';
import { Dispatcher } from '../../../../src/server/dispatch.ts';
import type { ClientConnection, HandlerTable } from '../../../../src/server/handler.ts';
import { handler, NO_RESPONSE, register } from '../../../../src/server/handler.ts';
import { WireClient } from '../../../helpers/wire-client.ts';

const logged: string[] = [];
const connections: ClientConnection[] = [];
let pendingHeartbeats: (() => void)[] = [];

const table: HandlerTable = register([
  handler(Produce, {
    run: (request, call) => {
      if (request.acks === 0) {
        if (request.timeoutMs === 666) call.closeConnection();
        return NO_RESPONSE;
      }
      return {
        responses: [
          {
            name: 'records',
            partitionResponses: [{ index: request.acks, errorCode: 0, baseOffset: 5, recordErrors: [] }],
          },
        ],
      };
    },
    refuse: (_request, errorCode) => ({
      responses: [
        { name: '', partitionResponses: [{ index: 0, errorCode, baseOffset: -1, recordErrors: [] }] },
      ],
    }),
  }),
  handler(Heartbeat, {
    run: (request, call) => {
      connections.push(call.connection);
      switch (request.groupId) {
        case 'refused':
          throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED);
        case 'refused later':
          return Promise.reject(new KafkaError(ErrorCode.NOT_COORDINATOR));
        case 'bug':
          throw new TypeError('a bug');
        case 'unencodable':
          return {
            throttleTimeMs: 0,
            errorCode: undefined as unknown as number,
            get bad() {
              throw new Error('x');
            },
          };
        case 'later':
          return new Promise((resolve) => {
            pendingHeartbeats.push(() => resolve({ throttleTimeMs: 0, errorCode: 0 }));
          });
        default:
          return { throttleTimeMs: 0, errorCode: 0 };
      }
    },
  }),
  handler(ListGroups, { versions: [1, 2], run: () => ({ throttleTimeMs: 0, errorCode: 0, groups: [] }) }),
  apiVersions(
    () => table,
    () => ({ epoch: 7, metadataVersion: 19 }),
  ),
]);

let network: Network;
let client: WireClient;
let throttleTimeMs = 0;

beforeEach(async () => {
  logged.length = 0;
  pendingHeartbeats = [];
  throttleTimeMs = 0;
  network = new Network({ isPoisoned: true });
  const dispatcher = new Dispatcher({
    handlers: table,
    scope: 'broker',
    nowMs: () => 1234,
    log: {
      debug: (_fields, message) => logged.push(message),
      error: (_fields, message) => logged.push(message),
    },
    throttle: () => throttleTimeMs,
  });
  const listener = await network.listen({
    name: 'PLAINTEXT',
    host: '127.0.0.1',
    port: 0,
    maxRequestBytes: 1_000_000,
    open: (channel) => dispatcher.open(channel),
  });
  client = await WireClient.connect(listener.port);
});

afterEach(async () => {
  client.close();
  await network.close();
});

const heartbeat = (groupId: string) => ({ groupId, generationId: 1, memberId: 'm', groupInstanceId: null });
const software = { clientSoftwareName: 'a', clientSoftwareVersion: '1' };

describe('ApiVersions', () => {
  test('lists exactly the handlers of the scope', async () => {
    const { apiKeys, errorCode } = await client.send(ApiVersions, 0, software);
    expect(errorCode).toBe(0);
    expect(apiKeys).toEqual([
      { apiKey: 0, minVersion: 0, maxVersion: 10 },
      { apiKey: 12, minVersion: 0, maxVersion: 4 },
      { apiKey: 16, minVersion: 1, maxVersion: 2 },
      { apiKey: 18, minVersion: 0, maxVersion: 3 },
    ]);
  });

  test('tells features from version 3', async () => {
    expect(await client.send(ApiVersions, 3, software)).toMatchObject({
      supportedFeatures: [{ name: 'metadata.version', minVersion: 1, maxVersion: 19 }],
      finalizedFeaturesEpoch: 7,
      finalizedFeatures: [{ name: 'metadata.version', minVersionLevel: 19, maxVersionLevel: 19 }],
      zkMigrationReady: false,
    });
  });

  test.each([4, 127, -1])('answers version %i with the body of version 0 and error 35', async (version) => {
    const header = Buffer.from('0012000000000063ffff00', 'hex');
    header.writeInt16BE(version, 2);
    client.sendFrame(header);
    const frame = await client.nextFrame();
    expect(frame.readInt32BE(0)).toBe(99);
    expect(decodeResponse(ApiVersions, 0, frame, 4)).toMatchObject({
      end: frame.length,
      value: { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 3 }] },
    });
    expect((await client.send(ApiVersions, 3, software)).errorCode).toBe(0);
  });

  test.each([
    // Taken from Apache Kafka 3.7.0.
    ['a version of the future', '0012000400000063ffff00', '00000063002300000001001200000003'],
    ['a negative version', '0012ffff00000063ffff', '00000063002300000001001200000003'],
    ['a version with a body of its own', '0012007f00000063ffff0002612f', '00000063002300000001001200000003'],
    ['no software name', '0012000300000063ffff00010100', '00000063002a010000000000'],
    ['a bad software name', '0012000300000063ffff00032d61023100', '00000063002a010000000000'],
  ])('answers %s byte for byte as Kafka does', async (_name, request, response) => {
    client.sendFrame(Buffer.from(request, 'hex'));
    expect((await client.nextFrame()).toString('hex')).toBe(response);
  });

  test.each(['', '-a', 'a-', 'a b', 'ü'])(
    'refuses the software name %j with INVALID_REQUEST',
    async (name) => {
      const response = await client.send(ApiVersions, 3, {
        clientSoftwareName: name,
        clientSoftwareVersion: '1',
      });
      expect(response).toMatchObject({ errorCode: 42, apiKeys: [] });
    },
  );

  test('keeps the software of the client', async () => {
    await client.send(ApiVersions, 3, {
      clientSoftwareName: 'apache-kafka-java',
      clientSoftwareVersion: '3.7.0',
    });
    await client.send(Heartbeat, 0, heartbeat('g'));
    expect(connections.at(-1)).toMatchObject({
      clientSoftwareName: 'apache-kafka-java',
      clientSoftwareVersion: '3.7.0',
      clientHost: '/127.0.0.1',
      listenerName: 'PLAINTEXT',
      principal: 'User:ANONYMOUS',
    });
  });
});

describe('a session', () => {
  test('turns a KafkaError into the refusal of the API', async () => {
    expect((await client.send(Heartbeat, 4, heartbeat('refused'))).errorCode).toBe(30);
    expect((await client.send(Heartbeat, 4, heartbeat('refused later'))).errorCode).toBe(16);
    expect(logged).toEqual([]);
  });

  test('answers UNKNOWN_SERVER_ERROR to a bug of ours, logs it and goes on', async () => {
    expect((await client.send(Heartbeat, 4, heartbeat('bug'))).errorCode).toBe(-1);
    expect(logged).toEqual(['request failed unexpectedly']);
    expect((await client.send(Heartbeat, 4, heartbeat('g'))).errorCode).toBe(0);
  });

  test('closes the connection for a version or API that is not served', async () => {
    client.post(ListGroups, 3, { statesFilter: [] });
    await expect(client.nextFrame()).rejects.toThrow('closed');
    expect(logged).toHaveLength(1);
  });

  test('closes the connection for an API without a handler', async () => {
    client.post(Metadata, 12, {
      topics: null,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    });
    await expect(client.nextFrame()).rejects.toThrow('closed');
  });

  test.each([
    ['an empty frame', ''],
    ['half a header', '000c0004'],
    ['an unknown API key', '7fff000000000000ffff'],
    ['a negative API key', 'ffff000000000000ffff'],
    ['a body that is cut off', '000c000000000001ffff0005'],
    ['a length beyond the frame', '000c000000000001ffff7fff61'],
  ])('closes the connection for %s', async (_name, hex) => {
    client.sendFrame(Buffer.from(hex, 'hex'));
    await expect(client.nextFrame()).rejects.toThrow('closed');
    expect(logged).toEqual(['unreadable request: connection closed']);
  });

  test('ignores bytes behind the body', async () => {
    client.sendFrame(
      Buffer.from('000c000000000009ffff000167000000010001 6dffffff'.replaceAll(' ', ''), 'hex'),
    );
    const frame = await client.nextFrame();
    expect(frame.readInt32BE(0)).toBe(9);
  });

  test('gives no answer to acks=0, and closes the connection when the handler says so', async () => {
    const request = { acks: 0, timeoutMs: 0, topicData: [] };
    client.post(Produce, 9, request);
    expect(
      (await client.send(Produce, 9, { ...request, acks: 1 })).responses[0]?.partitionResponses[0]?.index,
    ).toBe(1);
    client.post(Produce, 9, { ...request, timeoutMs: 666 });
    await expect(client.nextFrame()).rejects.toThrow('closed');
  });

  test('answers in order when the first answer comes late', async () => {
    client.post(Heartbeat, 4, heartbeat('later'));
    client.post(Heartbeat, 4, heartbeat('g'));
    while (pendingHeartbeats.length === 0) await new Promise((resolve) => setImmediate(resolve));
    pendingHeartbeats.shift()?.();
    expect((await client.nextFrame()).readInt32BE(0)).toBe(0);
    expect((await client.nextFrame()).readInt32BE(0)).toBe(1);
  });

  test('tells the client how long it is throttled', async () => {
    throttleTimeMs = 5;
    expect((await client.send(Heartbeat, 4, heartbeat('g'))).throttleTimeMs).toBe(5);
    throttleTimeMs = 0;
    expect((await client.send(Heartbeat, 4, heartbeat('g'))).throttleTimeMs).toBe(0);
  });

  test('tells handlers when the connection has ended', async () => {
    await client.send(Heartbeat, 4, heartbeat('g'));
    const closed = new Promise<void>((resolve) => connections.at(-1)?.onClosed(resolve));
    client.close();
    await closed;
  });
});

describe('the handler table', () => {
  const one = handler(Heartbeat, { run: () => ({ throttleTimeMs: 0, errorCode: 0 }) });
  const two = handler(ListGroups, {
    scope: 'controller',
    run: () => ({ throttleTimeMs: 0, errorCode: 0, groups: [] }),
  });

  test('refuses a list that is unsorted or names an API twice', () => {
    expect(() => register([two, one])).toThrow();
    expect(() => register([one, one])).toThrow();
  });

  test('shows each listener its own scope', () => {
    const scoped = register([one, two]);
    expect(scoped.find(12, 'broker')).toBe(one);
    expect(scoped.find(12, 'controller')).toBeUndefined();
    expect(scoped.listed('controller')).toEqual([two]);
    expect(scoped.find(-5, 'broker')).toBeUndefined();
  });
});
