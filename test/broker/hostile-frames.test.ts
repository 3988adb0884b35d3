// A whole broker against requests that lie, overflow or make no sense: it lives, says nothing fatal, stays small, and
// answers everybody else all the while.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildMessageSet, crc32 } from '../../protocol/batch/legacy.ts';
import { BATCH_HEADER_SIZE, buildBatch, refreshCrc } from '../../protocol/batch.ts';
import { compress, prepareCompression } from '../../protocol/compression/index.ts';
import type { CompressionType } from '../../protocol/compression/types.ts';
import { COMPRESSION_TYPES } from '../../protocol/compression/types.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import { DescribeCluster } from '../../protocol/messages/describe-cluster.ts';
import { DescribeGroups } from '../../protocol/messages/describe-groups.ts';
import { apis } from '../../protocol/messages/index.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { UnregisterBroker } from '../../protocol/messages/unregister-broker.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { createTopic, fetch, produce, produceBatch } from '../helpers/data-client.ts';
import { storm } from '../helpers/frame-storm.ts';
import { mutate, requestFrames } from '../helpers/mutations.ts';
import { MIB, peakResidentBytes, residentBytes } from '../helpers/process-memory.ts';
import { encodeRequestHeader, requestHeader } from '../helpers/request-header.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';
import { seeded } from '../unit/storage/support.ts';

const software = { clientSoftwareName: 'hostile-test', clientSoftwareVersion: '1' };
const TOPIC = 'canary';

let broker: BrokerProcess;
let good: WireClient;

beforeAll(async () => {
  await prepareCompression();
  broker = await startBroker();
  good = await WireClient.connect(broker.port);
  expect(await createTopic(good, TOPIC)).toBe(0);
});

/** Nothing that was sent may have cost others anything. */
async function isServing(): Promise<void> {
  expect((await good.send(ApiVersions, 3, software)).errorCode).toBe(0);
  let answer = await produce(good, TOPIC, ['canary']);
  // Whoever may send anything may also unregister the broker, which then needs a moment to register again.
  await until(async () => {
    if (answer.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER) return true;
    answer = await produce(good, TOPIC, ['canary']);
    return false;
  });
  expect(answer.errorCode).toBe(0);
  expect((await fetch(good, TOPIC, answer.baseOffset)).records[0]?.value).toBe('canary');
}

describe('a broker that somebody unregistered while it lives', () => {
  test('registers again, leads again, and stops as any other', async () => {
    const { brokers } = await good.send(DescribeCluster, 0, { includeClusterAuthorizedOperations: false });
    const answer = await good.send(UnregisterBroker, 0, { brokerId: brokers[0]?.brokerId ?? -1 });
    expect(answer.errorCode).toBe(0);
    await isServing();
  });
});

afterEach(isServing);

afterAll(async () => {
  good?.close();
  expect(broker?.output()).not.toMatch(/"level":"(error|fatal)"/);
  expect(await broker?.stop()).toBe(0);
  broker?.clean();
});

/** Sends one frame on a connection of its own: the answer, or null when the broker ended the connection. */
async function sendAlone(body: Uint8Array): Promise<Buffer | null> {
  const client = await WireClient.connect(broker.port);
  client.sendFrame(body);
  const answer = await client.nextFrame().catch(() => null);
  client.close();
  return answer;
}

describe('a frame', () => {
  test.each([
    ['of size -1', 'ffffffff'],
    ['of the smallest size there is', '80000000'],
    ['of size 0', '00000000'],
    ['of the largest size there is', '7fffffff'],
    ['one byte above socket.request.max.bytes', '06400001'],
    ['too short for a header', '0000000300120000'],
  ])('%s ends its connection alone', async (_name, hex) => {
    const before = residentBytes(broker.pid);
    const client = await WireClient.connect(broker.port);
    client.sendBytes(Buffer.from(hex, 'hex'));
    await client.closed;
    // The young space may double on the way, by 32 MiB; what these frames claim is 100 MiB or more, or nothing.
    expect(residentBytes(broker.pid) - before).toBeLessThan(50 * MIB);
  });

  test('of an API or version that nobody serves ends its connection alone', async () => {
    for (const key of [-32768, -1, 69, 100, 999, 32767]) {
      expect(await sendAlone(requestHeader(key, 0, 1, 'x', false))).toBeNull();
    }
    for (const api of apis) {
      if (api.key === ApiVersions.key) continue;
      for (const version of [-32768, -1, api.versions[1] + 1, 32767]) {
        expect(await sendAlone(requestHeader(api.key, version, 1, 'x', false))).toBeNull();
      }
    }
  });

  test('of ApiVersions in any version is answered', async () => {
    for (const version of [-1, 5, 99, 32767]) {
      const answer = await sendAlone(requestHeader(ApiVersions.key, version, 9, 'x', true));
      expect(answer?.readInt16BE(4)).toBe(ErrorCode.UNSUPPORTED_VERSION);
    }
  });

  test('whose every list claims 2147483647 elements ends its connection, and costs nothing', async () => {
    const before = residentBytes(broker.pid);
    for (const { api, version, bytes } of requestFrames()) {
      const start = encodeRequestHeader(api, version, 7, 'mutant').length;
      const lie = version >= api.flexible ? 'ffffffff07' : '7fffffff';
      // At most one answer each: where the lie falls upon something other than a count, it is only another value.
      if (bytes.length > start) await sendLie(bytes, start, Buffer.from(lie, 'hex'));
    }
    expect(residentBytes(broker.pid) - before).toBeLessThan(150 * MIB);
  });

  async function sendLie(bytes: Buffer, at: number, lie: Buffer): Promise<void> {
    const client = await WireClient.connect(broker.port);
    client.sendFrame(Buffer.concat([bytes.subarray(0, at), lie]));
    // Nothing follows: a request that is understood may wait for long, so the half-closed connection decides.
    client.socket.end();
    await client.closed;
    client.close();
  }
});

describe('a million topics in one Metadata request', () => {
  test('get an answer or the end of the connection, not the end of the broker', async () => {
    const before = residentBytes(broker.pid);
    const client = await WireClient.connect(broker.port);
    const topics = Array.from({ length: 1_000_000 }, (_, index) => ({
      topicId: ZERO_UUID,
      name: `no-${index}`,
    }));
    client.post(Metadata, 9, {
      topics,
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    await client.nextFrame().catch(() => null);
    client.close();
    await isServing();
    expect(residentBytes(broker.pid) - before).toBeLessThan(800 * MIB);
  });
});

describe('names', () => {
  const legal = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'a'.repeat(249), 'A.b_c-d'];
  const illegal = [
    '',
    '.',
    '..',
    '../../etc/passwd',
    '/etc/passwd',
    'a/b',
    'a\\b',
    'nul\0byte',
    'b'.repeat(250),
    'x'.repeat(30_000),
    'späti',
    '😀',
    'new\nline',
    'a b',
  ];

  test.each(legal)('of topics: %s is one like any other', async (name) => {
    expect(await createTopic(good, name)).toBe(0);
    expect(await createTopic(good, name)).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
    expect((await produce(good, name, ['v'])).errorCode).toBe(0);
    expect((await fetch(good, name, 0)).records.map(({ value }) => value)).toEqual(['v']);
  });

  test.each(illegal)('of topics: %j is refused everywhere', async (name) => {
    expect(await createTopic(good, name)).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
    const request = {
      topics: [{ topicId: ZERO_UUID, name }],
      allowAutoTopicCreation: true,
      includeTopicAuthorizedOperations: false,
      includeClusterAuthorizedOperations: false,
    };
    const metadata = await good.send(Metadata, 9, request);
    expect(metadata.topics.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.INVALID_TOPIC_EXCEPTION]);
    expect([ErrorCode.INVALID_TOPIC_EXCEPTION, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]).toContain(
      (await produce(good, name, ['v'])).errorCode,
    );
    expect((await fetch(good, name, 0)).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test('reach no file outside the data directory', () => {
    const allowed =
      /^(\.lock|\.sordini-reserve|meta\.properties|bootstrap\.checkpoint|[\w-]+-checkpoint|[a-zA-Z0-9._-]+-\d+)$/;
    expect(readdirSync(broker.dir).filter((name) => !allowed.test(name))).toEqual([]);
    expect(existsSync(join(broker.dir, '..', 'etc'))).toBe(false);
  });

  test.each(['__proto__', 'constructor', '', '../..', 'nul\0', '😀'.repeat(100), 'g'.repeat(32_767)])(
    'of groups, members and clients are data and nothing else (%#)',
    async (name) => {
      const client = await WireClient.connect(broker.port);
      client.clientId = name;
      const topics = [
        { name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: 3n, committedMetadata: name }] },
      ];
      const commit = await client
        .send(OffsetCommit, 7, { groupId: name, memberId: '', topics })
        .catch(() => null);
      const code = commit?.topics[0]?.partitions[0]?.errorCode;
      const fetched = await client
        .send(OffsetFetch, 5, { groupId: name, topics: null, groups: [] })
        .catch(() => null);
      const described = await client
        .send(DescribeGroups, 4, { groups: [name], includeAuthorizedOperations: false })
        .catch(() => null);
      client.close();
      expect(described?.groups[0]?.groupId ?? name).toBe(name);
      if (code !== 0) return;
      expect(fetched?.topics[0]?.partitions[0]?.committedOffset).toBe(3n);
    },
  );

  test('are no property of any object afterwards', async () => {
    for (const key of ['polluted', '__proto__.polluted']) {
      const topics = [{ name: key, partitionIndexes: [0] }];
      const request = { groupId: '__proto__', topics, groups: [] };
      const answer = await good.send(OffsetFetch, 5, request);
      expect(answer.topics?.[0]?.partitions[0]?.committedOffset).toBe(-1n);
    }
  });
});

describe('text that is no UTF-8', () => {
  test.each(['c328', 'eda080', 'f8888080', 'ff', '80', 'e28', 'c0af'])('(%s) harms nobody', async (hex) => {
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `${hex}2`, 'hex');
    const length = Buffer.alloc(2);
    length.writeInt16BE(bytes.length);
    const count = Buffer.from('00000001', 'hex');
    const body = Buffer.concat([requestHeader(3, 1, 5, 'x', false), count, length, bytes]);
    const answer = await sendAlone(body);
    expect(answer === null || answer.readInt32BE(0) === 5).toBe(true);
    const header = Buffer.concat([Buffer.from('0012000000000005', 'hex'), length, bytes]);
    await sendAlone(header);
  });
});

describe('a bomb', () => {
  const ZEROS = Buffer.alloc(200 * MIB);
  let before = 0;

  beforeEach(async () => {
    await isServing();
    before = residentBytes(broker.pid);
  });

  /**
   * Content is looked at in pieces of 256 KiB at most, and what refers far back keeps at most 32 MiB of it. Ten frames of
   * a megabyte, their copies and a heap that grew meanwhile make up the rest; one bomb unfolded whole is 128 MiB.
   */
  const isSmall = () => expect(residentBytes(broker.pid) - before).toBeLessThan(96 * MIB);

  /** A batch with these bytes in place of its records. */
  function batchWith(type: CompressionType, folded: Buffer): Buffer {
    const header = buildBatch({ records: [{ value: Buffer.from('v') }], timestampMs: 1 });
    const batch = Buffer.concat([header.subarray(0, BATCH_HEADER_SIZE), folded]);
    batch.writeInt32BE(batch.length - 12, 8);
    batch.writeInt16BE(COMPRESSION_TYPES.indexOf(type), 21);
    refreshCrc(batch);
    return batch;
  }

  /** One record of so many MiB, of which the last byte is missing: only who has unfolded it all can tell. */
  function folded(type: CompressionType, mebibytes: number): Buffer {
    const value = ZEROS.subarray(0, mebibytes * MIB);
    const records = buildBatch({ records: [{ value }], timestampMs: 1 });
    return compress(type, records.subarray(BATCH_HEADER_SIZE, -1));
  }

  test.each(['gzip', 'lz4', 'zstd', 'snappy'] as const)('of %s is refused', async (type) => {
    const { errorCode } = await produceBatch(good, TOPIC, batchWith(type, compress(type, ZEROS)));
    expect([
      ErrorCode.UNKNOWN_SERVER_ERROR,
      ErrorCode.CORRUPT_MESSAGE,
      ErrorCode.INVALID_RECORD,
      ErrorCode.MESSAGE_TOO_LARGE,
    ]).toContain(errorCode);
    isSmall();
  });

  test.each(['gzip', 'lz4', 'zstd', 'snappy'] as const)(
    'of %s, ten times at once, is refused',
    async (type) => {
      // A megabyte of snappy holds no more.
      const records = batchWith(type, folded(type, type === 'snappy' ? 15 : 130));
      const clients = await Promise.all(Array.from({ length: 10 }, () => WireClient.connect(broker.port)));
      const codes = await Promise.all(
        clients.map(async (client) => (await produceBatch(client, TOPIC, records)).errorCode),
      );
      expect(codes).not.toContain(0);
      for (const client of clients) client.close();
      isSmall();
    },
  );

  test('holds up nobody: others are answered between its steps', async () => {
    const records = batchWith('gzip', folded('gzip', 130));
    const bombers = await Promise.all(Array.from({ length: 10 }, () => WireClient.connect(broker.port)));
    let refused = 0;
    const bombs = bombers.map(async (client) => {
      const { errorCode } = await produceBatch(client, TOPIC, records);
      refused++;
      return errorCode;
    });
    let answered = 0;
    while (refused < bombs.length) {
      expect((await good.send(ApiVersions, 3, software)).errorCode).toBe(0);
      if (refused < bombs.length) answered++;
    }
    const codes = await Promise.all(bombs);
    for (const client of bombers) client.close();
    expect(new Set(codes)).toEqual(new Set([ErrorCode.MESSAGE_TOO_LARGE]));
    // Each takes 30 steps, between any two of which there is room for an answer; unfolded at once, they leave room for
    // one before and after each.
    expect(answered).toBeGreaterThan(30);
  });

  test('leaves what comes behind it on its connection in order', async () => {
    const bomb = batchWith('gzip', folded('gzip', 100));
    const client = await WireClient.connect(broker.port);
    const answers = await Promise.all([
      produceBatch(client, TOPIC, bomb),
      produce(client, TOPIC, ['behind']),
      produceBatch(client, TOPIC, bomb),
      produce(client, TOPIC, ['last']),
    ]);
    client.close();
    const invalid = ErrorCode.INVALID_RECORD;
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([invalid, 0, invalid, 0]);
    expect(answers[3]?.baseOffset).toBe(Number(answers[1]?.baseOffset) + 1);
  });

  test('that claims to be large and is not is refused', async () => {
    const lies = [
      ['snappy', Buffer.from('ffffffff07', 'hex')],
      ['snappy', Buffer.from('82534e41505059000000000100000001 7fffffff'.replace(' ', ''), 'hex')],
      ['lz4', Buffer.from('04224d18604082ffffff7f', 'hex')],
      ['zstd', Buffer.from('28b52ffde0ffffffffffffff7f010000', 'hex')],
      ['gzip', Buffer.from('1f8b0800000000000003', 'hex')],
    ] as const;
    for (const [type, bytes] of lies) {
      const { errorCode } = await produceBatch(good, TOPIC, batchWith(type, bytes));
      expect(errorCode).not.toBe(0);
    }
    isSmall();
  });

  test('of old messages, nested or not, is refused', async () => {
    const record = { offset: 0, timestampMs: 1, key: null, value: ZEROS };
    for (const magic of [0, 1] as const) {
      const simple = buildMessageSet({ magic, records: [record], compression: 'gzip' });
      const nested = wrapped(magic, simple);
      for (const records of [simple, nested, wrapped(magic, nested)]) {
        const { responses } = await good.send(Produce, 2, {
          acks: -1,
          timeoutMs: 1000,
          topicData: [{ name: TOPIC, partitionData: [{ index: 0, records }] }],
        });
        expect(responses[0]?.partitionResponses[0]?.errorCode).not.toBe(0);
      }
    }
    isSmall();
  });

  /** A message that says of its value that it is a folded message set. */
  function wrapped(magic: 0 | 1, set: Buffer): Buffer {
    const record = { offset: 0, timestampMs: 1, key: null, value: gzipSync(set) };
    const message = buildMessageSet({ magic, records: [record], compression: 'none' });
    message.writeInt8(1, 17);
    message.writeUInt32BE(crc32(message, 16, message.length), 12);
    return message;
  }
});

describe('200,000 damaged requests', () => {
  const SEED = 20_260_101;
  const COUNT = 200_000;
  const STEP = 10_000;

  test(`of every API and version (seed ${SEED}) are survived within 800 MiB`, {
    timeout: 300_000,
  }, async () => {
    const frames = requestFrames();
    const random = seeded(SEED);
    const next = () => mutate(frames[Math.floor(random() * frames.length)]?.bytes ?? Buffer.alloc(0), random);
    let heard = 0;
    for (let sent = 0; sent < COUNT; sent += STEP) {
      const result = await storm({ port: broker.port, count: STEP, lanes: 32, next });
      heard += result.answered + result.refused;
      await isServing();
    }
    // What is left are requests that rightly wait: joins, and fetches for more than there is.
    expect(heard).toBeGreaterThan(COUNT * 0.95);
    expect(broker.output()).not.toMatch(/"level":"(error|fatal)"/);
    expect(peakResidentBytes(broker.pid)).toBeLessThan(1500 * MIB);
    expect(residentBytes(broker.pid)).toBeLessThan(800 * MIB);
  });
});
