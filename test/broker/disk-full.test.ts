// A volume that is full, under a whole broker: what can't be kept is refused, what is kept is served, nothing that was
// acknowledged goes, and everything resumes when there is room, without a restart.

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ErrorCode, isRetriable } from '../../protocol/errors.ts';
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { firstDifference, takeImage } from '../helpers/damaged-directory.ts';
import { createTopic, fetch, produce } from '../helpers/data-client.ts';
import { FULL_NEEDS, SmallVolume } from '../helpers/full-volume.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const SIZE_MIB = 32;
const TOPIC = 'orders';
const overrides = {
  'log.segment.bytes': '300000',
  'log.index.size.max.bytes': '4096',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  // Checkpoints and metadata are written often, so that they meet the full disk too.
  'log.flush.offset.checkpoint.interval.ms': '100',
  'log.flush.start.offset.checkpoint.interval.ms': '100',
  'replica.high.watermark.checkpoint.interval.ms': '100',
  'metadata.log.max.snapshot.interval.ms': '1000',
};

const volume = SmallVolume.make(SIZE_MIB);

async function deleteTopic(client: WireClient, name: string): Promise<number> {
  const { responses } = await client.send(DeleteTopics, 5, {
    topicNames: [name],
    topics: [],
    timeoutMs: 10_000,
  });
  return responses[0]?.errorCode ?? -1;
}

describe('a broker whose disk is full', () => {
  const dataDir = volume?.dataDir ?? '';
  const fill = (): void => volume?.fill();
  const empty = (): void => volume?.empty();
  const acknowledged = new Map<number, string>();
  let broker: BrokerProcess;
  let client: WireClient;
  let sent = 0;
  let committed = -1n;

  async function send(bytes = 2_000): Promise<number> {
    const value = `${sent++}:`.padEnd(bytes, '.');
    const { errorCode, baseOffset } = await produce(client, TOPIC, [value]);
    if (errorCode === 0) acknowledged.set(baseOffset, value);
    return errorCode;
  }

  async function commit(): Promise<number> {
    const offset = BigInt(sent++);
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'm'.repeat(1000) }];
    const { topics } = await client.send(OffsetCommit, 7, {
      groupId: 'group',
      memberId: '',
      topics: [{ name: TOPIC, partitions }],
    });
    const code = topics[0]?.partitions[0]?.errorCode ?? -1;
    if (code === 0) committed = offset;
    return code;
  }

  async function fetchCommitted(): Promise<bigint | undefined> {
    const { topics } = await client.send(OffsetFetch, 5, { groupId: 'group', topics: null, groups: [] });
    return topics?.[0]?.partitions[0]?.committedOffset;
  }

  /** Every acknowledged record is read back, and nothing else. */
  async function checkAll(): Promise<void> {
    const found = new Map<number, string>();
    for (let offset = 0; ; ) {
      const { errorCode, records } = await fetch(client, TOPIC, offset);
      expect(errorCode).toBe(0);
      for (const record of records) found.set(record.offset, record.value);
      if (records.length === 0) break;
      offset = (records.at(-1)?.offset ?? 0) + 1;
    }
    for (const [offset, value] of acknowledged) expect(found.get(offset)).toBe(value);
    expect(found.size).toBe(acknowledged.size);
  }

  beforeAll(async () => {
    if (volume === null) return;
    empty();
    broker = await startBroker({ dir: dataDir, overrides });
    client = await WireClient.connect(broker.port);
    expect(await createTopic(client, TOPIC)).toBe(0);
    for (let i = 0; i < 100; i++) expect(await send()).toBe(0);
    await until(async () => (await commit()) === 0);
  });

  beforeEach(({ skip }) => skip(volume === null, FULL_NEEDS));

  afterAll(async () => {
    client?.close();
    await broker?.stop();
    volume?.unmount();
  });

  test('refuses appends with KAFKA_STORAGE_ERROR and serves reads, also in the midst of a roll', async () => {
    fill();
    const codes = new Set<number>();
    for (let i = 0; i < 300; i++) codes.add(await send());
    expect([...codes].filter((code) => code !== 0)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
    await checkAll();
  });

  test('refuses appends of any size until there is room, then takes them, without a restart', async () => {
    for (const bytes of [10, 1_000, 70_000, 400_000]) {
      // The last block of the file takes some small ones yet.
      await until(async () => (await send(bytes)) !== 0);
      empty();
      await until(async () => (await send(100)) === 0);
      expect(await send(bytes > 290_000 ? 1000 : bytes)).toBe(0);
      fill();
    }
    await checkAll();
  });

  test('refuses commits of offsets with a retriable code, and keeps those it took', async () => {
    fill();
    let code = 0;
    for (let i = 0; i < 2000 && code === 0; i++) code = await commit();
    expect(isRetriable(code)).toBe(true);
    expect(await fetchCommitted()).toBe(committed);
    empty();
    await until(async () => (await commit()) === 0);
    expect(await fetchCommitted()).toBe(committed);
  });

  test('refuses new topics, keeps the controller, and makes them when there is room', async () => {
    fill();
    let code = 0;
    for (let i = 0; i < 3000 && code === 0; i++) code = await createTopic(client, `filler-${i}`);
    expect(code).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await checkAll();
    empty();
    await until(async () => (await createTopic(client, 'after')) === 0);
    expect((await produce(client, 'after', ['v'])).errorCode).toBe(0);
    expect(broker.output()).not.toMatch(/"level":"fatal"/);
  });

  test('stays full for many checkpoints, and lives', async () => {
    fill();
    const before = sent;
    await until(async () => {
      await send(5_000);
      return sent > before + 100;
    });
    await checkAll();
    empty();
    await until(async () => (await send()) === 0);
  });

  test('deletes topics although it is full: that is the way out', async () => {
    for (let i = 0; i < 3; i++) expect(await createTopic(client, `doomed-${i}`)).toBe(0);
    await until(() => existsSync(join(dataDir, '.sordini-reserve')));
    fill();
    for (let i = 0; i < 3; i++) expect(await deleteTopic(client, `doomed-${i}`)).toBe(0);
    await checkAll();
    empty();
  });

  test.each(['stop', 'kill'] as const)(
    'starts on a disk that is full already (%s), serves reads, refuses writes, and goes on when there is room',
    async (end) => {
      await until(async () => (await send()) === 0);
      await until(() => existsSync(join(dataDir, '.sordini-reserve')));
      client.close();
      fill();
      await broker[end]();
      fill();
      broker = await startBroker({ dir: dataDir, overrides, port: broker.port });
      client = await WireClient.connect(broker.port);
      await checkAll();
      // The start may have left a little room: files that it found too long, or no longer needed.
      fill();
      expect(await createTopic(client, `made-after-${end}`)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      await until(async () => (await send(50_000)) === ErrorCode.KAFKA_STORAGE_ERROR);
      await checkAll();
      empty();
      await until(async () => (await send()) === 0);
      await until(async () => (await createTopic(client, `made-after-${end}`)) === 0);
      expect(broker.output()).not.toMatch(/"level":"fatal"/);
    },
  );

  test('refuses a start where not even the reserve is left, with a sentence, and leaves every file as it was', async () => {
    client.close();
    await broker.stop();
    empty();
    rmSync(join(dataDir, '.sordini-reserve'), { force: true });
    fill();
    const before = takeImage(dataDir);
    const refused = startBroker({ dir: dataDir, overrides, port: broker.port });
    await expect(refused).rejects.toThrow(/ended at its start \(3\)[\s\S]*The disk of \S+ is full/);
    expect(firstDifference(before, takeImage(dataDir))).toBe(null);
    empty();
    broker = await startBroker({ dir: dataDir, overrides, port: broker.port });
    client = await WireClient.connect(broker.port);
    await checkAll();
  });

  test('has kept everything after kill -9 on the full disk and a start with room', async () => {
    fill();
    for (let i = 0; i < 50; i++) await send();
    client.close();
    await broker.kill();
    empty();
    broker = await startBroker({ dir: dataDir, overrides, port: broker.port });
    client = await WireClient.connect(broker.port);
    await checkAll();
    await until(async () => (await fetchCommitted()) === committed);
    expect(await send()).toBe(0);
  });
});
