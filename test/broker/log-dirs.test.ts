/**
 * A broker with two log.dirs, as a process: where replicas are put, moving them, and one directory that fails. A
 * directory fails here by a file that takes its place: what is open goes on, everything new is refused.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { iterateRecords } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { AlterReplicaLogDirs } from '../../protocol/messages/alter-replica-log-dirs.ts';
import { DescribeLogDirs } from '../../protocol/messages/describe-log-dirs.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import { makeBatch, record } from '../console-scripts/data-path/batches.ts';
import { Side } from '../console-scripts/data-path/side.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';

const TOPIC = 'spread';
const BROKER_RESOURCE = 4;
const THROTTLE = 'replica.alter.log.dirs.io.max.bytes.per.second';

interface Place {
  readonly directory: string;
  readonly isFuture: boolean;
  readonly lag: number;
}

describe('a broker with two log directories', () => {
  let root: string;
  let broker: BrokerProcess;
  let side: Side;
  let one: string;
  let two: string;

  beforeEach(async () => {
    root = temporaryDirectory('log-dirs');
    [one, two] = [join(root, 'one'), join(root, 'two')];
    await start();
    await side.createTopic(TOPIC, { 'segment.bytes': '1024' }, 4);
  });

  afterEach(async () => {
    side.close();
    await broker.kill();
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  });

  async function start(): Promise<void> {
    broker = await startBroker({
      dir: root,
      overrides: { 'log.dirs': `${one},${two}`, 'replica.high.watermark.checkpoint.interval.ms': '100' },
    });
    side = new Side(broker.port);
  }

  async function places(): Promise<Map<number, Place[]>> {
    const { results } = await side.raw(DescribeLogDirs, 4, { topics: null });
    const found = new Map<number, Place[]>();
    for (const { logDir, topics } of results) {
      for (const { partitionIndex, isFutureKey, offsetLag } of topics.find(({ name }) => name === TOPIC)
        ?.partitions ?? []) {
        const place = { directory: logDir, isFuture: isFutureKey, lag: offsetLag };
        found.set(partitionIndex, [...(found.get(partitionIndex) ?? []), place]);
      }
    }
    return found;
  }

  const placeOf = async (partition: number): Promise<string | undefined> =>
    (await places()).get(partition)?.find(({ isFuture }) => !isFuture)?.directory;

  async function produce(partition: number, text: string): Promise<number> {
    const batch = makeBatch({ records: [record(0, { value: Buffer.from(text.padEnd(200)) })] });
    const answer = await side.raw(Produce, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 5_000,
      topicData: [{ name: TOPIC, partitionData: [{ index: partition, records: batch }] }],
    });
    return answer.responses[0]?.partitionResponses[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  }

  async function read(partition: number): Promise<string[]> {
    const values: string[] = [];
    for (;;) {
      const part = {
        partition,
        fetchOffset: values.length,
        currentLeaderEpoch: -1,
        logStartOffset: -1,
        partitionMaxBytes: 1_000_000,
      };
      const answer = await side.raw(Fetch, 11, {
        replicaId: -1,
        maxWaitMs: 0,
        minBytes: 0,
        topics: [{ topic: TOPIC, topicId: ZERO_UUID, partitions: [part] }],
        forgottenTopicsData: [],
      });
      const { errorCode, records } = answer.responses[0]?.partitions[0] ?? {};
      if (errorCode !== ErrorCode.NONE) throw new Error(`fetch: ${errorCode}`);
      if (records === null || records === undefined || records.length === 0) return values;
      for (let pos = 0; pos < records.length; pos += 12 + records.readInt32BE(pos + 8)) {
        for (const { value } of iterateRecords(records, pos)) values.push(`${value}`.trimEnd());
      }
    }
  }

  async function move(partition: number, path: string): Promise<number | undefined> {
    const topics = [{ name: TOPIC, partitions: [partition] }];
    const { results } = await side.raw(AlterReplicaLogDirs, 2, { dirs: [{ path, topics }] });
    return results[0]?.partitions[0]?.errorCode;
  }

  async function throttle(bytesPerSecond: number): Promise<void> {
    const configs = [{ name: THROTTLE, configOperation: 0, value: `${bytesPerSecond}` }];
    const resources = [{ resourceType: BROKER_RESOURCE, resourceName: '1', configs }];
    await side.raw(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  }

  const leaderOf = async (partition: number): Promise<number | undefined> => {
    const { topics } = await side.raw(Metadata, 12, {
      topics: [{ topicId: ZERO_UUID, name: TOPIC }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    });
    return topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)?.leaderId;
  };

  const values = (count: number): string[] => Array.from({ length: count }, (_, index) => `value-${index}`);

  test('spreads replicas evenly', async () => {
    const directories = [...(await places()).values()].flat().map(({ directory }) => directory);
    expect(directories.filter((directory) => directory === one)).toHaveLength(2);
    expect(directories.filter((directory) => directory === two)).toHaveLength(2);
  });

  test('moves a replica while it is written to, and nothing is lost, also over a kill', async () => {
    const target = (await placeOf(0)) === one ? two : one;
    const sent: string[] = [];
    const write = async (): Promise<void> => {
      expect(await produce(0, `value-${sent.length}`)).toBe(ErrorCode.NONE);
      sent.push(`value-${sent.length}`);
    };
    while (sent.length < 50) await write();
    expect(await move(0, target)).toBe(ErrorCode.NONE);
    do await write();
    while ((await placeOf(0)) !== target);
    for (let more = 0; more < 10; more++) await write();
    expect(await read(0)).toEqual(sent);
    await broker.kill();
    side.close();
    await start();
    expect(await placeOf(0)).toBe(target);
    expect(await read(0)).toEqual(sent);
    expect(readdirSync(target)).toContain(`${TOPIC}-0`);
  });

  test('moves a replica that holds nothing yet, and has it and others without files where they were after a kill', async () => {
    const target = (await placeOf(3)) === one ? two : one;
    expect(await move(3, target)).toBe(ErrorCode.NONE);
    await until(async () => (await placeOf(3)) === target);
    const before = await places();
    await broker.kill();
    side.close();
    await start();
    expect(await places()).toEqual(before);
    expect([...readdirSync(one), ...readdirSync(two)]).not.toContain(`${TOPIC}-0`);
    for (const partition of before.keys()) expect(await produce(partition, 'value-0')).toBe(ErrorCode.NONE);
    for (const [partition, [place]] of before)
      expect(readdirSync(place?.directory ?? '')).toContain(`${TOPIC}-${partition}`);
  });

  test('takes a move up again that a kill cut short, and shows how far it is', async () => {
    const source = await placeOf(1);
    const target = source === one ? two : one;
    for (const value of values(40)) expect(await produce(1, value)).toBe(ErrorCode.NONE);
    await throttle(1);
    expect(await move(1, target)).toBe(ErrorCode.NONE);
    await until(async () => (await places()).get(1)?.length === 2);
    const copy = (await places()).get(1)?.find(({ isFuture }) => isFuture);
    expect(copy?.directory).toBe(target);
    await broker.kill();
    side.close();
    await start();
    expect(await read(1)).toEqual(values(40));
    await throttle(1_000_000_000);
    await until(async () => (await placeOf(1)) === target);
    expect(await read(1)).toEqual(values(40));
  });

  test('calls a move off when the replica shall stay where it is', async () => {
    const source = (await placeOf(2)) ?? '';
    for (const value of values(20)) await produce(2, value);
    await throttle(1);
    await move(2, source === one ? two : one);
    await until(async () => (await places()).get(2)?.length === 2);
    expect(await move(2, source)).toBe(ErrorCode.NONE);
    expect((await places()).get(2)).toEqual([{ directory: source, isFuture: false, lag: 0 }]);
    expect(await read(2)).toEqual(values(20));
  });

  test('says why a replica can not be moved', async () => {
    expect(await move(0, join(root, 'three'))).toBe(ErrorCode.LOG_DIR_NOT_FOUND);
    expect(await move(9, one)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test('goes on with one directory when the other fails, and has its records again once it is mended', async () => {
    const all = await places();
    const lost = [...all.keys()].filter((partition) => all.get(partition)?.[0]?.directory === two);
    const kept = [...all.keys()].filter((partition) => all.get(partition)?.[0]?.directory === one);
    for (const partition of all.keys()) await produce(partition, 'value-0');
    renameSync(two, join(root, 'aside'));
    writeFileSync(two, '');
    await until(async () => {
      const { results } = await side.raw(DescribeLogDirs, 4, { topics: null });
      return results.find(({ logDir }) => logDir === two)?.errorCode === ErrorCode.KAFKA_STORAGE_ERROR;
    });
    for (const partition of lost) {
      expect(await produce(partition, 'refused')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      await until(async () => (await leaderOf(partition)) === -1);
    }
    for (const partition of kept) {
      expect(await produce(partition, 'value-1')).toBe(ErrorCode.NONE);
      expect(await read(partition)).toEqual(['value-0', 'value-1']);
    }
    await broker.kill();
    side.close();
    await start();
    for (const partition of kept) expect(await read(partition)).toEqual(['value-0', 'value-1']);
    for (const partition of lost) expect(await produce(partition, 'x')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await side.createTopic('made-meanwhile', {}, 2);
    await broker.kill();
    side.close();
    rmSync(two);
    renameSync(join(root, 'aside'), two);
    await start();
    for (const partition of lost) {
      await until(async () => (await leaderOf(partition)) === 1);
      expect(await read(partition)).toEqual(['value-0']);
    }
  });

  test('starts with an empty new directory beside an old one', async () => {
    await produce(0, 'value-0');
    await broker.kill();
    side.close();
    mkdirSync(join(root, 'three'));
    const former = two;
    broker = await startBroker({
      dir: root,
      overrides: { 'log.dirs': `${one},${two},${join(root, 'three')}` },
    });
    side = new Side(broker.port);
    expect(await read(0)).toEqual(['value-0']);
    expect([one, former]).toContain(await placeOf(0));
  });
});
