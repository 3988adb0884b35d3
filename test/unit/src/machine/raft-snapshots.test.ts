import { describe, expect, test } from 'vitest';
import type { MetadataRecord } from '../../../../protocol/records/metadata.ts';
import { buildLeaderChange } from '../../../../src/machine/raft-log.ts';
import {
  readSnapshotBytes,
  SnapshotStore,
  snapshotBatches,
  snapshotName,
} from '../../../../src/machine/raft-snapshots.ts';
import { MemoryDisk } from '../../../../storage/memory-disk.ts';
import { METADATA_LEVEL } from './raft-fixture.ts';

const records: MetadataRecord[] = [
  { type: 'FeatureLevelRecord', name: 'metadata.version', featureLevel: 19 },
  { type: 'TopicRecord', name: 'foo', topicId: 'AAAAAAAAAAEAAAAAAAAAAg' },
];
const contents = {
  id: { endOffset: 42, epoch: 3 },
  lastContainedLogTimestampMs: 1_700_000_000_000,
  records,
  metadataLevel: METADATA_LEVEL,
};
const NOW_MS = 1_700_000_000_123;
const hex = (text: string) => text.replaceAll(/\s/g, '');

describe('a snapshot', () => {
  test('begins with the bytes that Apache Kafka 3.7.0 writes', () => {
    const [header, data, footer] = [...snapshotBatches(contents, NOW_MS)];
    expect(header?.toString('hex')).toBe(
      hex(`0000000000000000 00000047 00000003 02 4fd9c2b6 0020 00000000 0000018bcfe5687b 0000018bcfe5687b
           ffffffffffffffff ffff ffffffff 00000001 2a 00 00 00 08 00000003 16 0000 0000018bcfe56800 00 00`),
    );
    expect(data?.toString('hex')).toContain(hex('010c00 116d657461646174612e76657273696f6e 0013 00'));
    expect(data?.toString('hex')).toContain(hex('010200 04666f6f 00000000000000010000000000000002 00'));
    expect(footer?.readBigInt64BE(0)).toBe(3n);
  });

  test('reads back as it was written', () => {
    const bytes = Buffer.concat([...snapshotBatches(contents, NOW_MS)]);
    expect(readSnapshotBytes(bytes)).toEqual({ lastContainedLogTimestampMs: 1_700_000_000_000, records });
  });

  test('that is cut or damaged anywhere is refused', () => {
    const bytes = Buffer.concat([...snapshotBatches(contents, NOW_MS)]);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => readSnapshotBytes(bytes.subarray(0, length))).toThrow();
    }
    for (let position = 0; position < bytes.length; position += 1) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(position) ^ 0x10, position);
      let read: unknown = null;
      try {
        read = readSnapshotBytes(damaged).records;
      } catch {
        continue;
      }
      // Base offset and leader epoch lie outside the CRC and say nothing that is read here.
      expect(read).toEqual(records);
    }
  });

  test('is named by its end offset and epoch', () => {
    expect(snapshotName(contents.id)).toBe('00000000000000000042-0000000003.checkpoint');
  });
});

describe('a snapshot store', () => {
  const open = (disk: MemoryDisk, logStartOffset = 0) =>
    new SnapshotStore(disk, '/log', logStartOffset, () => 0.5);
  const newDisk = () => {
    const disk = new MemoryDisk({ trackSync: true });
    disk.makeDirectory('/log');
    disk.syncDirectoryNow('/');
    return disk;
  };

  test('keeps what it has written through a power cut', async () => {
    const disk = newDisk();
    await open(disk).write(contents, NOW_MS);
    const store = open(disk.powerCut(() => 0));
    expect(store.ids).toEqual([contents.id]);
    expect(store.load(contents.id)).toMatchObject({ lastContainedOffset: 41, epoch: 3, records });
    expect(store.lastContainedLogTimestampMs(contents.id)).toBe(1_700_000_000_000);
  });

  test('never shows half a snapshot, wherever the power goes', async () => {
    const chance = (seed: number) => {
      let state = seed;
      return () => {
        state = (state * 48271) % 2147483647;
        return state / 2147483647;
      };
    };
    for (let seed = 1; seed <= 50; seed += 1) {
      const disk = newDisk();
      const writing = open(disk).write(contents, NOW_MS);
      const image = disk.powerCut(chance(seed));
      const store = open(image);
      for (const id of store.ids) {
        expect([...store.load(id).records]).toEqual(records);
      }
      expect(image.list('/log').filter(({ name }) => name.endsWith('.part'))).toEqual([]);
      await writing;
    }
  });

  test('receives in slices what another store gives', async () => {
    const source = open(newDisk());
    await source.write(contents, NOW_MS);
    const disk = newDisk();
    const target = open(disk);
    const size = source.sizeBytes(contents.id);
    for (let position = 0; position < size; position += 100) {
      const bytes = source.slice(contents.id, position, 100) ?? Buffer.alloc(0);
      await target.receive(contents.id, position, bytes, position + bytes.length === size);
    }
    expect([...target.load(contents.id).records]).toEqual(records);
  });

  test('clears away what is unfinished, deleted, or below the log start', async () => {
    const disk = newDisk();
    const store = open(disk);
    await store.write(contents, NOW_MS);
    await store.write({ ...contents, id: { endOffset: 50, epoch: 3 } }, NOW_MS);
    disk.open('/log/00000000000000000060-0000000003-17.checkpoint.part', true).close();
    disk.open('/log/00000000000000000010-0000000003.checkpoint.deleted', true).close();
    expect(open(disk, 50).ids).toEqual([{ endOffset: 50, epoch: 3 }]);
    expect(disk.list('/log').map(({ name }) => name)).toEqual(['00000000000000000050-0000000003.checkpoint']);
  });
});

describe('a LeaderChange batch', () => {
  test('has the form of Kafka’s control batches', () => {
    const voters = [{ id: 1, directoryId: null }];
    const batch = buildLeaderChange(
      { leaderId: 1, voters, grantingVoters: [1] },
      { baseOffset: 7, epoch: 3, nowMs: NOW_MS },
    );
    expect(batch.toString('hex').slice(0, 34)).toBe(hex('0000000000000007 0000004f 00000003 02'));
    // Attributes: a control batch. Then the record: key (version 0, type 2), value (version, leader, voters, granting).
    expect(batch.readInt16BE(21)).toBe(0x20);
    expect(batch.subarray(61).toString('hex')).toBe(
      hex('3a 00 00 00 08 00000002 26 0000 00000001 02 00000001 00 02 00000001 00 00 00'),
    );
  });
});
