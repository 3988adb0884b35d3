import { describe, expect, test } from 'vitest';
import type { OffsetCheckpoint } from '../../../storage/checkpoint.ts';
import { offsetIn, readOffsetCheckpoint, setOffset } from '../../../storage/checkpoint.ts';
import { CheckpointFile } from '../../../storage/checkpoint-file.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { HeldDisk, settled } from './held-disk.ts';

const PATH = '/data/recovery-point-offset-checkpoint';

function opened() {
  const memory = new MemoryDisk();
  memory.makeDirectory('/data');
  const disk = new HeldDisk(memory, () => true);
  return { memory, disk, file: new CheckpointFile(disk, PATH) };
}

function saying(offset: number): OffsetCheckpoint {
  const offsets: OffsetCheckpoint = new Map();
  setOffset(offsets, 'orders', 0, offset);
  return offsets;
}

/** What a process that starts now would find. */
function found(memory: MemoryDisk): number | undefined {
  const read = readOffsetCheckpoint(memory, PATH);
  return read.status === 'present' ? offsetIn(read.offsets, 'orders', 0) : undefined;
}

const namesIn = (memory: MemoryDisk) => memory.list('/data').map(({ name }) => name);

describe('a checkpoint that is replaced on the thread pool', () => {
  test('may tell either until it is there', async () => {
    const { memory, disk, file } = opened();
    file.write(saying(3));
    const done = file.writeLater(() => saying(7));
    await settled();
    expect([found(memory), file.offset('orders', 0), file.mayTell('orders', 0)]).toEqual([3, 7, 7]);
    await disk.next().release();
    await done;
    expect([found(memory), file.offset('orders', 0), file.mayTell('orders', 0)]).toEqual([7, 7, 7]);
    const lower = file.writeLater(() => saying(5));
    await settled();
    expect([file.offset('orders', 0), file.mayTell('orders', 0)]).toEqual([5, 7]);
    await disk.next().release();
    await lower;
    expect(namesIn(memory)).toEqual(['recovery-point-offset-checkpoint']);
  });

  test('gives way to one from the event loop that comes meanwhile', async () => {
    const { memory, disk, file } = opened();
    const done = file.writeLater(() => saying(7));
    await settled();
    file.write(saying(2));
    expect([found(memory), file.mayTell('orders', 0)]).toEqual([2, 2]);
    await disk.next().release();
    await done;
    expect([found(memory), file.mayTell('orders', 0)]).toEqual([2, 2]);
    expect(namesIn(memory)).toEqual(['recovery-point-offset-checkpoint']);
  });

  test('is written once more with what holds when its turn comes', async () => {
    const { memory, disk, file } = opened();
    let offset = 1;
    const first = file.writeLater(() => saying(offset));
    const second = file.writeLater(() => saying(offset));
    await settled();
    offset = 9;
    await disk.next().release();
    await first;
    expect(found(memory)).toBe(1);
    await disk.next().release();
    await second;
    expect(found(memory)).toBe(9);
  });

  test('that fails leaves the old one, and the next is tried all the same', async () => {
    const { memory, disk, file } = opened();
    file.write(saying(3));
    const failed = expect(file.writeLater(() => saying(7))).rejects.toMatchObject({ errno: 'ENOSPC' });
    await settled();
    await disk.next().fail('ENOSPC', 4);
    await failed;
    expect([found(memory), file.mayTell('orders', 0)]).toEqual([3, 3]);
    const done = file.writeLater(() => saying(7));
    await settled();
    await disk.next().release();
    await done;
    expect(found(memory)).toBe(7);
  });
});
