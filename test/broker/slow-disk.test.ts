// One log directory whose disk lets system calls wait for seconds, under a whole broker: what others ask is answered
// before what waits for that disk, by the order of the answers, and a kill in the midst loses nothing acknowledged.

import { spawn } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildBatch } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeLogDirs } from '../../protocol/messages/describe-log-dirs.ts';
import { Heartbeat } from '../../protocol/messages/heartbeat.ts';
import { ListOffsets } from '../../protocol/messages/list-offsets.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import type { BrokerProcess, BrokerProcessOptions } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import type { Produced } from '../helpers/data-client.ts';
import { createTopic, fetch, produce } from '../helpers/data-client.ts';
import { hasCommand } from '../helpers/mounts.ts';
import { MIB, peakResidentBytes, residentBytes } from '../helpers/process-memory.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const TOPIC = 'orders';
const PARTITIONS = 12;
const FIRST_SEGMENT = '00000000000000000000.log';
const hasStrace = hasCommand('strace');

describe('a log directory on a disk that lets calls wait', () => {
  beforeEach(({ skip }) => skip(!hasStrace, 'slow system calls need strace'));

  const scratch = temporaryDirectory('slow');
  const clients: WireClient[] = [];
  const brokers: BrokerProcess[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    for (const broker of brokers.splice(0)) await broker.kill();
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  /** A broker that ends with its test, whatever became of that. */
  async function start(options: BrokerProcessOptions): Promise<BrokerProcess> {
    const broker = await startBroker(options);
    brokers.push(broker);
    return broker;
  }

  async function connect(broker: BrokerProcess): Promise<WireClient> {
    const client = await WireClient.connect(broker.port);
    clients.push(client);
    return client;
  }

  /** For strace: each of `calls` on the topic's segments below `dir` takes so long. */
  function slowCalls(dir: string, calls: string, seconds: number): string[] {
    const paths = Array.from({ length: PARTITIONS }, (_, index) =>
      join(dir, `${TOPIC}-${index}`, FIRST_SEGMENT),
    );
    const inject = ['-e', `trace=${calls}`, '-e', `inject=${calls}:delay_enter=${seconds}000000`];
    return ['-f', '-o', '/dev/null', ...paths.flatMap((path) => ['-P', path]), ...inject];
  }

  /** A Node whose calls are slow from the beginning. */
  function slowNode(name: string, dir: string, calls: string, seconds: number): string {
    const node = join(scratch, `${name}-node`);
    const strace = ['strace', '-D', '-q', ...slowCalls(dir, calls, seconds)]
      .map((word) => `"${word}"`)
      .join(' ');
    writeFileSync(node, `#!/bin/sh\nexec ${strace} "${process.execPath}" "$@"\n`);
    chmodSync(node, 0o755);
    return node;
  }

  /** Makes the calls of a broker slow that runs already; gives what resolves when it has ended. */
  async function slowDown(broker: BrokerProcess, dir: string, calls: string, seconds: number) {
    const strace = spawn('strace', ['-p', `${broker.pid}`, ...slowCalls(dir, calls, seconds)]);
    const ended = new Promise<void>((resolve) => strace.once('exit', () => resolve()));
    let said = '';
    strace.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(() => said.includes('attached'));
    return { ended };
  }

  function settings(name: string) {
    const dir = join(scratch, name);
    const other = join(scratch, `${name}-other`);
    const overrides = {
      'log.dirs': `${dir},${other}`,
      'metadata.log.dir': join(scratch, `${name}-metadata`),
      'offsets.topic.num.partitions': '1',
      'transaction.state.log.num.partitions': '1',
    };
    return { dir, other, overrides };
  }

  /** The partitions that lie in `dir`, and those that lie elsewhere. */
  async function placed(client: WireClient, dir: string): Promise<{ slow: number[]; quick: number[] }> {
    const all = Array.from({ length: PARTITIONS }, (_, index) => index);
    const { results } = await client.send(DescribeLogDirs, 4, { topics: null });
    const { topics = [] } = results.find(({ logDir }) => logDir === dir) ?? {};
    const found = topics.find(({ name }) => name === TOPIC)?.partitions ?? [];
    const slow = found.map(({ partitionIndex }) => partitionIndex);
    return { slow, quick: all.filter((index) => !slow.includes(index)) };
  }

  /** Everything that has nothing to do with the slow directory, each answered. */
  async function askOthers(client: WireClient, quick: number): Promise<void> {
    expect((await produce(client, TOPIC, ['quick'], quick)).errorCode).toBe(0);
    expect((await fetch(client, TOPIC, 0, quick)).records.length).toBeGreaterThan(0);
    const { topics } = await client.send(Metadata, 9, {
      topics: [{ name: TOPIC, topicId: ZERO_UUID }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    });
    expect(topics[0]?.errorCode).toBe(0);
    const beat = await client.send(Heartbeat, 4, { groupId: 'group', generationId: 1, memberId: 'nobody' });
    expect(beat.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  }

  /** Notes whether a promise has settled. */
  function watched<T>(promise: Promise<T>): { readonly promise: Promise<T>; isSettled: boolean } {
    const watch = { promise, isSettled: false };
    const settle = () => {
      watch.isSettled = true;
    };
    promise.then(settle, settle);
    return watch;
  }

  test('answers others before a write that takes long, and loses nothing that it has acknowledged to a kill', async () => {
    const { dir, overrides } = settings('write');
    const node = slowNode('write', dir, 'pwrite64,pwritev', 3);
    let broker = await start({ dir, overrides, node });
    const client = await connect(broker);
    const producers = [await connect(broker), await connect(broker)];
    expect(await createTopic(client, TOPIC, PARTITIONS)).toBe(0);
    const { slow, quick } = await placed(client, dir);
    const [first = -1] = slow;
    const [other = -1] = quick;
    // The first tells that the disk is slow, and by it the loop stands still.
    const acknowledged = new Map<number, string>();
    const note = ({ errorCode, baseOffset }: Produced, value: string) => {
      expect(errorCode).toBe(0);
      acknowledged.set(baseOffset, value);
    };
    note(await produce(client, TOPIC, ['0'], first), '0');
    for (const value of ['1', '2']) {
      const writes = producers.map((producer, index) =>
        watched(produce(producer, TOPIC, [`${value}-${index}`], first)),
      );
      await askOthers(client, other);
      // A large fetch of what lies in the slow directory, from the page cache, does not wait either.
      expect((await fetch(client, TOPIC, 0, first)).records.map((record) => record.value)).toContain('0');
      expect(writes.map(({ isSettled }) => isSettled)).toEqual([false, false]);
      for (const [index, { promise }] of writes.entries()) note(await promise, `${value}-${index}`);
    }
    const unanswered = watched(produce(client, TOPIC, ['lost or not'], first));
    unanswered.promise.catch(() => undefined);
    const last = await connect(broker);
    await askOthers(last, other);
    expect(unanswered.isSettled).toBe(false);
    await broker.kill();
    broker = await start({ dir, overrides });
    const reader = await connect(broker);
    await until(async () => (await fetch(reader, TOPIC, 0, first)).highWatermark >= acknowledged.size);
    const { records } = await fetch(reader, TOPIC, 0, first);
    for (const [offset, value] of acknowledged) {
      expect(records.find((record) => record.offset === offset)?.value).toBe(value);
    }
    await broker.stop();
  });

  test.each([
    ['answered', 1],
    ['not answered', 0],
  ])('holds back producers that are %s instead of keeping what they send in memory', async (_name, acks) => {
    const { dir, overrides } = settings(`memory-${acks}`);
    const node = slowNode(`memory-${acks}`, dir, 'pwrite64,pwritev', 1);
    const broker = await start({ dir, overrides, node });
    const client = await connect(broker);
    expect(await createTopic(client, TOPIC, PARTITIONS)).toBe(0);
    const [first = -1] = (await placed(client, dir)).slow;
    expect((await produce(client, TOPIC, ['0'], first)).errorCode).toBe(0);
    const before = residentBytes(broker.pid);
    const value = Buffer.alloc(700 * 1024, 'x');
    const each = 20;
    const records = buildBatch({ records: [{ value }], timestampMs: Date.now() });
    const request = {
      acks,
      timeoutMs: 60_000,
      topicData: [{ name: TOPIC, partitionData: [{ index: first, records }] }],
    };
    const producers = await Promise.all(Array.from({ length: 8 }, () => connect(broker)));
    const sent = producers.flatMap((producer) =>
      Array.from({ length: each }, () =>
        acks === 0 ? producer.post(Produce, 9, request) : producer.send(Produce, 9, request),
      ),
    );
    const total = 1 + producers.length * each;
    await until(async () => (await fetch(client, TOPIC, total, first, 1)).highWatermark === total, 60_000);
    for (const answer of await Promise.all(sent)) {
      if (typeof answer === 'number') continue;
      expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
    }
    expect(peakResidentBytes(broker.pid) - before).toBeLessThan(100 * MIB);
    await broker.kill();
  });

  test('leaves threads to other directories while all of its partitions flush', async () => {
    const { dir, overrides } = settings('sync');
    const node = slowNode('sync', dir, 'fdatasync', 3);
    // As scripts/start does it: on Node 20 the process itself is too late.
    const env = { UV_THREADPOOL_SIZE: '16' };
    const broker = await start({ dir, overrides, node, env });
    const client = await connect(broker);
    expect(await createTopic(client, TOPIC, PARTITIONS)).toBe(0);
    const { slow, quick } = await placed(client, dir);
    expect(slow.length).toBeGreaterThan(4);
    const flushes: { isSettled: boolean; promise: Promise<Produced> }[] = [];
    for (const partition of slow)
      flushes.push(watched(produce(await connect(broker), TOPIC, ['x'], partition)));
    for (const partition of quick) await askOthers(client, partition);
    expect(flushes.every(({ isSettled }) => !isSettled)).toBe(true);
    for (const { promise } of flushes) expect((await promise).errorCode).toBe(0);
    await broker.kill();
  });

  test('answers others before a read of old data that takes long', async () => {
    const { dir, overrides } = settings('read');
    let broker = await start({ dir, overrides });
    const writer = await connect(broker);
    expect(await createTopic(writer, TOPIC, PARTITIONS)).toBe(0);
    const { slow, quick } = await placed(writer, dir);
    const [first = -1, second = -1] = slow;
    const [other = -1] = quick;
    for (const partition of [first, second]) {
      for (let count = 0; count < 3; count++) {
        expect((await produce(writer, TOPIC, [`${count}`], partition)).errorCode).toBe(0);
      }
    }
    await broker.stop();
    broker = await start({ dir, overrides });
    const client = await connect(broker);
    const reader = await connect(broker);
    const searcher = await connect(broker);
    await until(async () => (await produce(client, TOPIC, ['quick'], other)).errorCode === 0);
    // From here on: a start may read as slowly as it likes.
    const slowed = await slowDown(broker, dir, 'pread64', 2);
    const read = watched(fetch(reader, TOPIC, 0, first));
    const search = watched(
      searcher.send(ListOffsets, 5, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [
          {
            name: TOPIC,
            partitions: [{ partitionIndex: second, currentLeaderEpoch: -1, timestamp: 1 }],
          },
        ],
      }),
    );
    await askOthers(client, other);
    expect([read.isSettled, search.isSettled]).toEqual([false, false]);
    expect((await read.promise).records.map(({ value }) => value)).toEqual(['0', '1', '2']);
    expect((await search.promise).topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, offset: 0 });
    await broker.kill();
    await slowed.ended;
  });
});
