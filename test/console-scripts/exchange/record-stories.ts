/** Stories of records: every codec, compaction, retention, deletion, and a clock that is the broker's. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RecordInput } from '../../../protocol/batch/record.ts';
import type { BatchInput } from '../../../protocol/batch.ts';
import { COMPRESSION_TYPES } from '../../../protocol/compression/types.ts';
import { DeleteRecords } from '../../../protocol/messages/delete-records.ts';
import { IncrementalAlterConfigs } from '../../../protocol/messages/incremental-alter-configs.ts';
import { until } from '../../helpers/until.ts';
import type { Client } from './client.ts';
import type { Story, Turn } from './story.ts';
import { createTopic, someRecords } from './story.ts';
import { listOffsets, viewPartition } from './world.ts';

const TOPIC = 2;
const SET = 0;
/** No log is ever as dirty as that: the cleaner rests, and what a reader sees stands still. */
const NEVER = '1.0';
const ALWAYS = '0.0';
const TIMEOUT_MS = 20_000;

async function write(client: Client, topic: string, partition: number, input: BatchInput): Promise<number> {
  const { errorCode, baseOffset } = await client.send(topic, partition, input);
  expect(errorCode).toBe(0);
  return baseOffset;
}

export async function setConfig(client: Client, topic: string, name: string, value: string): Promise<void> {
  const configs = [{ name, configOperation: SET, value }];
  const resources = [{ resourceType: TOPIC, resourceName: topic, configs }];
  await client.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
}

const codecs: Story = {
  name: 'records of every codec fill rolled segments',
  async play({ number, client }) {
    const topic = 'codecs';
    if (number === 0) {
      const configs = { 'segment.bytes': '2000', 'index.interval.bytes': '300', 'retention.ms': '-1' };
      await createTopic(client, topic, COMPRESSION_TYPES.length, configs);
    }
    for (const [partition, compression] of COMPRESSION_TYPES.entries()) {
      for (let batch = 0; batch < 5; batch++)
        await write(client, topic, partition, { records: someRecords(6), compression });
    }
    // Odd ones: nothing but nulls, an empty value, time that goes back.
    await write(client, topic, number % COMPRESSION_TYPES.length, {
      records: [
        ...someRecords(1, () => ({ key: null, value: null, headers: [] })),
        ...someRecords(2, (index) => ({ key: Buffer.alloc(0), timestampMs: 1_000_000 - index })),
      ],
    });
  },
};

const brokersTime: Story = {
  name: "records take the broker's time and its codec",
  async play({ number, client }) {
    const topic = 'broker-time';
    const configs = { 'message.timestamp.type': 'LogAppendTime', 'compression.type': 'zstd' };
    if (number === 0) await createTopic(client, topic, 1, configs);
    for (const compression of COMPRESSION_TYPES) {
      await write(client, topic, 0, { records: someRecords(3), compression });
    }
  },
};

/** Where each segment of a partition begins. */
const segmentsOf = (directory: string, name: string): number[] =>
  readdirSync(join(directory, name))
    .filter((file) => file.endsWith('.log'))
    .map((file) => Number.parseInt(file, 10))
    .sort((a, b) => a - b);

/** How far the cleaner came with a log, as it wrote down. */
function cleanedUpTo(directory: string, topic: string): number {
  try {
    const lines = readFileSync(join(directory, 'cleaner-offset-checkpoint'), 'utf8').split('\n');
    const line = lines.find((entry) => entry.startsWith(`${topic} 0 `));
    return Number(line?.split(' ')[2] ?? -1);
  } catch {
    return -1;
  }
}

/** Lets the cleaner at a log until it has been at all of its closed segments. */
async function clean({ client, directory }: Turn, topic: string): Promise<void> {
  const active = segmentsOf(directory, `${topic}-0`).at(-1) ?? 0;
  await setConfig(client, topic, 'min.cleanable.dirty.ratio', ALWAYS);
  await until(() => cleanedUpTo(directory, topic) >= active);
  await setConfig(client, topic, 'min.cleanable.dirty.ratio', NEVER);
}

/** The latest value of each key, as a reader from the beginning would know them. */
async function latest(client: Client, topic: string): Promise<Map<string, string>> {
  const { batches } = await viewPartition(client, topic, 0, 0);
  const known = new Map<string, string>();
  for (const line of batches) {
    const [, key, value] = /^ {2}\d+ @\d+ ("[^"]*"): (.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    if (value.startsWith('null')) known.delete(key);
    else known.set(key, value);
  }
  return known;
}

/** Ten keys again and again, some of them deleted, by an idempotent producer that falls silent and by plain ones. */
async function compact(turn: Turn, topic: string): Promise<void> {
  const { number, client } = turn;
  const keyed = (index: number): RecordInput => ({ key: Buffer.from(`key ${index % 10}`) });
  for (let batch = 0; batch < 8; batch++) {
    const compression = COMPRESSION_TYPES[batch % COMPRESSION_TYPES.length] ?? 'none';
    await write(client, topic, 0, { records: someRecords(10, keyed), compression });
  }
  const silent = { producerId: 8_000_000 + number, producerEpoch: 0, baseSequence: 0 };
  await write(client, topic, 0, { records: someRecords(4, keyed), ...silent });
  const deleted = (index: number): RecordInput => ({ ...keyed(index + number), value: null });
  await write(client, topic, 0, { records: someRecords(2, deleted) });
  for (let batch = 0; batch < 3; batch++)
    await write(client, topic, 0, { records: someRecords(4, (index) => keyed(index + 3)) });
  const before = await latest(client, topic);
  const { length } = (await viewPartition(client, topic, 0, 0)).batches;
  await clean(turn, topic);
  expect(await latest(client, topic)).toEqual(before);
  expect((await viewPartition(client, topic, 0, 0)).batches.length).toBeLessThan(length);
}

const compaction: Story = {
  name: 'the cleaner compacts what was overwritten',
  async play(turn) {
    const configs = {
      'segment.bytes': '1500',
      'min.cleanable.dirty.ratio': NEVER,
      'index.interval.bytes': '300',
    };
    if (turn.number === 0) {
      await createTopic(turn.client, 'latest', 1, { ...configs, 'cleanup.policy': 'compact' });
      const both = { 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' };
      await createTopic(turn.client, 'latest-bounded', 1, { ...configs, ...both });
    }
    await compact(turn, 'latest');
    await compact(turn, 'latest-bounded');
  },
};

const RETENTION_BYTES = 3000;

/** Whether retention by size has nothing more to do in a partition. */
function isWithinRetention(directory: string, partition: string): boolean {
  const sizes = segmentsOf(directory, partition).map(
    (base) => statSync(join(directory, partition, `${base}`.padStart(20, '0').concat('.log'))).size,
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return total - RETENTION_BYTES < (sizes[0] ?? 0);
}

const startOffset = async (client: Client, topic: string): Promise<number> =>
  Number.parseInt((await listOffsets(client, topic, 0))['earliest at 0'] ?? '', 10);

const retention: Story = {
  name: 'retention by size moves the beginnings of logs',
  async play({ number, side, client, directory }) {
    const configs = {
      'segment.bytes': '1000',
      'retention.ms': '-1',
      'retention.bytes': `${RETENTION_BYTES}`,
    };
    if (number === 0) {
      await createTopic(client, 'bounded', 1, configs);
      const both = { 'cleanup.policy': 'compact,delete', 'min.cleanable.dirty.ratio': NEVER };
      await createTopic(client, 'bounded-by-cleaner', 1, { ...configs, ...both });
    }
    // What the cleaner looks after is deleted at once; the rest in Apache Kafka not before half a minute after its start.
    const topics = side === 'sordini' ? ['bounded', 'bounded-by-cleaner'] : ['bounded-by-cleaner'];
    for (const topic of topics) {
      const before = await startOffset(client, topic);
      for (let batch = 0; batch < 12; batch++) await write(client, topic, 0, { records: someRecords(9) });
      await until(async () => {
        const isMoved = (await startOffset(client, topic)) > before;
        return isMoved && isWithinRetention(directory, `${topic}-0`);
      });
    }
  },
};

const trimming: Story = {
  name: 'DeleteRecords moves the beginnings of logs',
  async play({ number, client }) {
    const topic = 'trimmed';
    if (number === 0) await createTopic(client, topic, 2, { 'segment.bytes': '1000', 'retention.ms': '-1' });
    for (let batch = 0; batch < 12; batch++) await write(client, topic, 0, { records: someRecords(3) });
    await write(client, topic, 1, { records: someRecords(2) });
    // To within a batch; and all of the other partition, so that it is empty at a start that is not 0. Apache Kafka
    // writes the beginnings down when the next topic is deleted: another story does that before the turn ends.
    const partitions = [
      { partitionIndex: 0, offset: 20 + number * 30 },
      { partitionIndex: 1, offset: -1 },
    ];
    await client.ask(DeleteRecords, 2, { topics: [{ name: topic, partitions }], timeoutMs: TIMEOUT_MS });
    expect((await viewPartition(client, topic, 0, 0)).logStartOffset).toBe(20 + number * 30);
  },
};

export const recordStories = (): Story[] => [codecs, brokersTime, compaction, retention, trimming];
