/**
 * Apache Kafka's own file tools on the directory that this broker leaves behind, and on that of Apache Kafka after the
 * same requests: what they print must be the same.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildBatch } from '../../protocol/batch.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { kafkaClasspath, runTool, startKafka } from '../../scripts/kafka.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const TIMESTAMP_MS = 1_700_000_000_000;
const properties = {
  'node.id': '1',
  'log.index.interval.bytes': '200',
  // A snapshot of the metadata as soon as there is anything to keep.
  'metadata.log.max.record.bytes.between.snapshots': '1',
  'offsets.topic.num.partitions': '1',
  'group.initial.rebalance.delay.ms': '0',
};

const batch = (from: number, more: Partial<Parameters<typeof buildBatch>[0]> = {}): Buffer =>
  buildBatch({
    records: Array.from({ length: 3 }, (_, index) => ({
      key: Buffer.from(`key ${from + index}`),
      value: Buffer.from(`value ${from + index}`),
      timestampMs: TIMESTAMP_MS + from + index,
      headers: [{ key: 'header', value: Buffer.from('h') }],
    })),
    ...more,
  });

/** Fills a broker: several segments of plain, packed and idempotent batches, an offset, some metadata. */
async function fill(port: number): Promise<void> {
  const client = await WireClient.connect(port);
  await client.send(CreateTopics, 5, {
    timeoutMs: 20_000,
    topics: [
      {
        name: 'files',
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [{ name: 'segment.bytes', value: '900' }],
      },
    ],
  });
  await until(async () => {
    const { topics } = await client.send(Metadata, 5, { topics: [{ name: 'files' }] } as never);
    return topics[0]?.partitions[0]?.errorCode === 0;
  });
  for (let at = 0; at < 12; at++) {
    const idempotent = { producerId: 4242, producerEpoch: 0, baseSequence: Math.trunc(at / 3) * 3 };
    const kinds = [{}, { compression: 'gzip' as const }, idempotent];
    const records = batch(at * 3, kinds[at % 3]);
    await until(async () => {
      const topicData = [{ name: 'files', partitionData: [{ index: 0, records }] }];
      const { responses } = await client.send(Produce, 7, { acks: -1, timeoutMs: 10_000, topicData });
      return responses[0]?.partitionResponses[0]?.errorCode === 0;
    });
  }
  await until(async () => {
    await client.send(FindCoordinator, 1, { key: 'readers', keyType: 0 } as never);
    const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: 'so far' }];
    const { topics } = await client.send(OffsetCommit, 5, {
      groupId: 'readers',
      memberId: '',
      topics: [{ name: 'files', partitions }],
    });
    return topics[0]?.partitions[0]?.errorCode === 0;
  });
  client.close();
}

/** What differs between two directories by nature. */
const same = (text: string): string[] =>
  text
    .split('\n')
    .map((line) =>
      line
        .trimEnd()
        .replaceAll(/Dumping \S*\//g, 'Dumping ')
        .replaceAll(/Created\w+ temp file \S+/g, '')
        .replaceAll(/\b17[6-9]\d{10}|\b18\d{11}/g, 'NOW'),
    )
    .filter((line) => line !== '' && !/^(SLF4J|log4j|WARNING)/.test(line));

const hasKafka = (await kafkaClasspath()) !== null;
if (!hasKafka) console.log('skipped: reading files with Apache Kafka needs Java and Maven');

describe.skipIf(!hasKafka)('the directory of a broker', () => {
  const root = mkdtempSync(join(tmpdir(), 'sordini-files-'));
  const dirs = { ours: join(root, 'ours'), apache: join(root, 'apache', 'data') };

  beforeAll(async () => {
    const ours = await startBroker({ dir: dirs.ours, overrides: properties });
    await fill(ours.port);
    expect(await ours.stop()).toBe(0);
    const apache = await startKafka({ dir: join(root, 'apache'), properties });
    await fill(apache.port);
    await apache.stop();
  });

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const dump = async (dir: string, partition: string, end: RegExp, ...flags: string[]): Promise<string[]> => {
    const files = readdirSync(join(dir, partition)).filter((name) => end.test(name));
    expect(files.length).toBeGreaterThan(0);
    const paths = files.map((name) => join(dir, partition, name)).join(',');
    const { exitCode, stdout, stderr } = await runTool('kafka.tools.DumpLogSegments', [
      '--files',
      paths,
      ...flags,
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return same(stdout);
  };
  const dumpBoth = async (
    partition: string,
    end: RegExp,
    ...flags: string[]
  ): Promise<[string[], string[]]> => [
    await dump(dirs.ours, partition, end, ...flags),
    await dump(dirs.apache, partition, end, ...flags),
  ];

  test('has the same files per partition', () => {
    const names = (dir: string): string[] => readdirSync(join(dir, 'files-0')).sort();
    expect(names(dirs.ours)).toEqual(names(dirs.apache));
    const above = (dir: string): string[] =>
      readdirSync(dir)
        // The topic of transactions is there from the start, in Apache Kafka from its first use.
        .filter((name) => !/^\.|^__transaction_state|^cleaner-offset-checkpoint/.test(name))
        .sort();
    expect(above(dirs.ours)).toEqual(above(dirs.apache));
  });

  test('has log segments that kafka-dump-log prints alike, deep and with their records', async () => {
    const [ours, apache] = await dumpBoth('files-0', /\.log$/, '--deep-iteration', '--print-data-log');
    expect(ours).toEqual(apache);
    expect(ours.filter((line) => line.includes('isvalid: true'))).toHaveLength(12);
    expect(ours.filter((line) => line.includes('payload: value'))).toHaveLength(36);
  });

  test('has indexes that are sane and equal', async () => {
    const [sane] = await dumpBoth('files-0', /\.index$/, '--index-sanity-check');
    expect(sane.every((line) => /Dumping|passed sanity check/.test(line))).toBe(true);
    for (const end of [/\.index$/, /\.timeindex$/]) {
      const [ours, apache] = await dumpBoth('files-0', end, '--verify-index-only');
      expect(ours).toEqual(apache);
      const [entries, theirs] = await dumpBoth('files-0', end);
      expect(entries).toEqual(theirs);
    }
  });

  test('has snapshots of producers that are equal', async () => {
    const [ours, apache] = await dumpBoth('files-0', /\.snapshot$/);
    expect(ours).toEqual(apache);
    expect(ours.some((line) => line.includes('producerId: 4242'))).toBe(true);
  });

  test('has committed offsets that are decoded alike', async () => {
    const [ours, apache] = await dumpBoth('__consumer_offsets-0', /\.log$/, '--offsets-decoder');
    // The checksum covers the time of the commit.
    const timeless = (lines: readonly string[]): string[] =>
      lines.map((line) => line.replaceAll(/(crc: )-?\d+/g, '$1N'));
    expect(timeless(ours)).toEqual(timeless(apache));
    expect(ours.some((line) => line.includes('baseSequence: 0'))).toBe(true);
  });

  test('has a metadata log and snapshots whose records Apache Kafka reads, of types that it writes, too', async () => {
    for (const end of [/\.log$/, /^0*[1-9]\d*-\d+\.checkpoint$/]) {
      const [ours, apache] = await dumpBoth('__cluster_metadata-0', end, '--cluster-metadata-decoder');
      const typesOf = (lines: readonly string[]): string[] => {
        const found = lines.flatMap(
          (line) => /"type":"(\w+)","version":(\d+)/.exec(line)?.slice(1).join(' ') ?? [],
        );
        return [...new Set(found)].sort();
      };
      expect(typesOf(apache)).toEqual(expect.arrayContaining(typesOf(ours)));
      expect(typesOf(ours)).toContain('TOPIC_RECORD 0');
    }
  });

  test('has snapshots that kafka-metadata-shell walks through', async () => {
    const shell = async (dir: string, command: string): Promise<string[]> => {
      const snapshots = readdirSync(join(dir, '__cluster_metadata-0')).filter((name) =>
        name.endsWith('.checkpoint'),
      );
      const snapshot = join(dir, '__cluster_metadata-0', snapshots.sort().at(-1) ?? '');
      const args = ['--snapshot', snapshot, ...command.split(' ')];
      const { exitCode, stdout } = await runTool('org.apache.kafka.shell.MetadataShell', args);
      expect(exitCode).toBe(0);
      return same(stdout);
    };
    const said = (lines: readonly string[]): string[] =>
      lines
        .filter((line) => line !== '__transaction_state')
        .map((line) => line.replace(/(directories=\[)[^\]]*/, '$1').replace(/Epoch=\d+/g, 'Epoch=N'));
    for (const command of ['ls /image', 'ls /image/topics/byName', 'cat /image/topics/byName/files/0']) {
      const expected = said(await shell(dirs.apache, command));
      // The shell does not wait for the snapshot to be loaded.
      let actual = said(await shell(dirs.ours, command));
      for (let again = 0; again < 5 && actual.length === 0; again++)
        actual = said(await shell(dirs.ours, command));
      expect([command, actual]).toEqual([command, expected]);
    }
  });
});
