import { describe, expect, test } from 'vitest';
import {
  formatCheckpoint,
  offsetIn,
  parseCheckpointLines,
  readOffsetCheckpoint,
  setOffset,
  writeOffsetCheckpoint,
} from '../../../storage/checkpoint.ts';
import {
  directoryKind,
  logDirectoryName,
  offsetOfFileName,
  parseLogDirectoryName,
  readCleanShutdown,
  readMetaProperties,
  readPartitionMetadata,
  removeCleanShutdown,
  renamedDirectoryName,
  segmentFileName,
  writeCleanShutdown,
  writeMetaProperties,
  writePartitionMetadata,
} from '../../../storage/layout.ts';
import { LeaderEpochs } from '../../../storage/leader-epochs.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { readSmallFile, replaceSmallFile } from '../../../storage/small-file.ts';
import { TOPIC_ID } from './support.ts';

const emptyDisk = (): MemoryDisk => {
  const disk = new MemoryDisk();
  disk.makeDirectory('/data');
  return disk;
};
const textOf = (disk: MemoryDisk, path: string) => readSmallFile(disk, path)?.toString();

describe('names', () => {
  test('of segments have twenty digits and are read back', () => {
    expect(segmentFileName(42, '.log')).toBe('00000000000000000042.log');
    expect(offsetOfFileName('00000000000000000042.log', '.log')).toBe(42);
    for (const name of ['x.log', '.log', '1.index', '99999999999999999999.log', '-1.log']) {
      expect(offsetOfFileName(name, '.log')).toBe(-1);
    }
  });

  test('of log directories round-trip, and other names are no logs', () => {
    for (const topic of ['a', 'a-b.c_d', 'a-1', '__consumer_offsets']) {
      expect(parseLogDirectoryName(logDirectoryName(topic, 7))).toEqual({ topic, partition: 7 });
    }
    for (const name of ['a', 'a-', '-1', 'a-01', 'a-b', '.-0', '..-0', 'ä-0', 'a-99999999999', 'a/b-0']) {
      expect(parseLogDirectoryName(name)).toBeNull();
    }
  });

  test('of renamed directories tell what they are and stay within 255 characters', () => {
    const name = renamedDirectoryName('t'.repeat(249), 12, 'f'.repeat(32), '-delete');
    expect(name.length).toBe(255);
    expect(directoryKind(name)).toBe('delete');
    expect(directoryKind(`a-0.${'0'.repeat(32)}-future`)).toBe('future');
    expect(directoryKind(`a-0.${'0'.repeat(32)}-stray`)).toBe('stray');
    expect(directoryKind('my-delete-0')).toBe('log');
    expect(directoryKind('lost+found')).toBe('other');
  });
});

describe('meta.properties', () => {
  test('is written as Java properties and read back', () => {
    const disk = emptyDisk();
    const properties = { clusterId: 'q1w2e3r4t5y6u7i8o9p0Aw', nodeId: 3, directoryId: TOPIC_ID };
    writeMetaProperties(disk, '/data', properties, 'Sat Nov 22 00:00:00 UTC 2025');
    expect(readMetaProperties(disk, '/data')).toEqual({ status: 'present', properties });
    expect(textOf(disk, '/data/meta.properties')).toContain('\nversion=1\n');
  });

  test('without a directory id, of another version, or damaged is told apart', () => {
    const disk = emptyDisk();
    const read = (text: string) => {
      replaceSmallFile(disk, '/data/meta.properties', Buffer.from(text));
      return readMetaProperties(disk, '/data');
    };
    expect(readMetaProperties(disk, '/data').status).toBe('missing');
    expect(read('#x\ncluster.id=abc\\=\\=\r\nnode.id = 1\nversion=1\n')).toEqual({
      status: 'present',
      properties: { clusterId: 'abc==', nodeId: 1, directoryId: null },
    });
    expect(read('broker.id=0\nversion=0\n').status).toBe('unusable');
    expect(read('version=1\nnode.id=1\n').status).toBe('unusable');
    expect(read('version=1\ncluster.id=a\nnode.id=x\n').status).toBe('unusable');
  });
});

describe('partition.metadata and the clean-shutdown mark', () => {
  test('have the bytes that Apache Kafka writes', () => {
    const disk = emptyDisk();
    writePartitionMetadata(disk, '/data', TOPIC_ID);
    expect(textOf(disk, '/data/partition.metadata')).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
    expect(readPartitionMetadata(disk, '/data')).toEqual({ status: 'present', topicId: TOPIC_ID });
    writeCleanShutdown(disk, '/data', 17);
    expect(textOf(disk, '/data/.kafka_cleanshutdown')).toBe('{"version":0,"brokerEpoch":17}');
    expect(readCleanShutdown(disk, '/data')).toEqual({ brokerEpoch: 17 });
    removeCleanShutdown(disk, '/data');
    expect(readCleanShutdown(disk, '/data')).toBeNull();
  });

  test('that are torn at any byte are noticed or whole', () => {
    const disk = emptyDisk();
    const text = `version: 0\ntopic_id: ${TOPIC_ID}`;
    for (let length = 0; length < text.length; length++) {
      replaceSmallFile(disk, '/data/partition.metadata', Buffer.from(text.slice(0, length)));
      expect(readPartitionMetadata(disk, '/data').status).toBe('damaged');
    }
    replaceSmallFile(disk, '/data/.kafka_cleanshutdown', Buffer.alloc(0));
    expect(readCleanShutdown(disk, '/data')).toEqual({ brokerEpoch: -1 });
  });
});

describe('an offset checkpoint', () => {
  test('is text of version, count and lines, and comes back as it was', () => {
    const disk = emptyDisk();
    const offsets = new Map();
    setOffset(offsets, 'orders', 0, 1500);
    setOffset(offsets, 'orders', 1, 0);
    writeOffsetCheckpoint(disk, '/data/c', offsets);
    expect(textOf(disk, '/data/c')).toBe('0\n2\norders 0 1500\norders 1 0\n');
    expect(readOffsetCheckpoint(disk, '/data/c')).toEqual({ status: 'present', offsets });
    expect(offsetIn(offsets, 'orders', 2)).toBeUndefined();
  });

  test('that is missing, empty, of another version, or torn anywhere is never half believed', () => {
    const disk = emptyDisk();
    expect(readOffsetCheckpoint(disk, '/data/c').status).toBe('missing');
    expect(parseCheckpointLines('')).toEqual([]);
    expect(parseCheckpointLines('1\n0\n')).toBeNull();
    const text = formatCheckpoint(['a 0 10', 'b 1 20']).toString();
    for (let length = 1; length < text.length; length++) {
      replaceSmallFile(disk, '/data/c', Buffer.from(text.slice(0, length)));
      expect(readOffsetCheckpoint(disk, '/data/c').status).toBe('damaged');
    }
  });
});

describe('leader epochs', () => {
  const FILE = '/data/leader-epoch-checkpoint';
  const loaded = (disk = emptyDisk()) => LeaderEpochs.load(disk, '/data', false);
  const filled = () => {
    const epochs = loaded();
    for (const [epoch, start] of [
      [2, 10],
      [4, 20],
      [7, 20],
      [9, 35],
    ] as const)
      epochs.assign(epoch, start);
    return epochs;
  };

  test('keep only entries that ascend: an epoch without records gives way', () => {
    expect(filled().entries).toEqual([
      { epoch: 2, startOffset: 10 },
      { epoch: 7, startOffset: 20 },
      { epoch: 9, startOffset: 35 },
    ]);
    const epochs = filled();
    epochs.assign(8, 15);
    expect(epochs.entries.map(({ epoch }) => epoch)).toEqual([2, 8]);
    epochs.assign(8, 30);
    expect(epochs.entries.at(-1)).toEqual({ epoch: 8, startOffset: 15 });
  });

  test.each([
    [-1, -1, -1],
    [0, 0, 10],
    [2, 2, 20],
    [5, 2, 20],
    [7, 7, 35],
    [9, 9, 50],
    [10, -1, -1],
  ])('answer the end of epoch %i with epoch %i and offset %i', (asked, epoch, endOffset) => {
    expect(filled().endOffsetFor(asked, 50)).toEqual({ epoch, endOffset });
  });

  test('are cut at the end and moved at the start', () => {
    const epochs = filled();
    epochs.truncateFromEnd(35);
    expect(epochs.latestEpoch).toBe(7);
    epochs.truncateFromStart(15);
    expect(epochs.entries).toEqual([
      { epoch: 2, startOffset: 15 },
      { epoch: 7, startOffset: 20 },
    ]);
    epochs.truncateFromStart(60);
    expect(epochs.entries).toEqual([{ epoch: 7, startOffset: 60 }]);
    expect([epochs.epochFor(59), epochs.epochFor(60)]).toEqual([-1, 7]);
  });

  test('are written when it counts, those with records only, and a file that can not be read is told', async () => {
    const disk = new MemoryDisk({ trackSync: true });
    disk.makeDirectory('/data');
    disk.syncDirectoryNow('/');
    const epochs = loaded(disk);
    expect(epochs.isDamaged).toBe(true);
    await epochs.flush(0);
    expect(disk.status(FILE)).toBeNull();
    epochs.assign(0, 0);
    epochs.assign(3, 1200);
    epochs.assign(4, 1500);
    await epochs.flush(1500);
    expect(textOf(disk, FILE)).toBe('0\n2\n0 0\n3 1200\n');
    for (const chance of [0, 0.999])
      expect(loaded(disk.powerCut(() => chance)).entries).toEqual(epochs.entries.slice(0, 2));
    replaceSmallFile(disk, FILE, Buffer.from('0\n2\n0 0\n'));
    expect(loaded(disk)).toMatchObject({ isDamaged: true, entries: [] });
  });

  test('are not written again while the file holds them', async () => {
    const disk = emptyDisk();
    const epochs = loaded(disk);
    epochs.assign(0, 0);
    await epochs.flush(10);
    const again = LeaderEpochs.load(disk, '/data', true);
    disk.removeNow(FILE);
    again.assign(1, 10);
    again.truncateFromEnd(10);
    again.assign(2, 10);
    await again.flush(10);
    expect(disk.status(FILE)).toBeNull();
    await Promise.all([again.flush(11), again.flush(12)]);
    expect(textOf(disk, FILE)).toBe('0\n2\n0 0\n2 10\n');
    again.truncateFromEnd(0);
    await again.flush(0);
    expect(textOf(disk, FILE)).toBe('0\n0\n');
  });
});
