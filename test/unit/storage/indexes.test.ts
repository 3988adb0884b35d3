import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { OffsetIndex } from '../../../storage/offset-index.ts';
import { readSmallFile } from '../../../storage/small-file.ts';
import { TimeIndex } from '../../../storage/time-index.ts';
import { TransactionIndex } from '../../../storage/transaction-index.ts';

const BASE = 1000;
const PATH = '/i';

const ascending = (maxLength: number) =>
  fc.array(fc.integer({ min: 1, max: 50 }), { maxLength }).map((steps) => {
    let at = 0;
    return steps.map((step) => (at += step));
  });

describe('an offset index', () => {
  test('finds the largest entry at or below an offset, as a plain search does, also after a restart', () => {
    fc.assert(
      fc.property(ascending(60), (deltas) => {
        const disk = new MemoryDisk();
        const index = OffsetIndex.create(disk, PATH, BASE, 8 * 64);
        for (const delta of deltas) index.append(BASE + delta, delta * 3);
        index.file.trim();
        const again = OffsetIndex.load(disk, PATH, BASE);
        for (let offset = BASE - 1; offset < BASE + (deltas.at(-1) ?? 0) + 2; offset++) {
          const expected = deltas.findLastIndex((delta) => BASE + delta <= offset);
          expect(index.lookup(offset)).toBe(expected);
          expect(again?.lookup(offset)).toBe(expected);
          const above = deltas.find((delta) => delta * 3 >= offset - BASE);
          expect(index.firstOffsetAtOrAfter(offset - BASE)).toBe(above === undefined ? -1 : BASE + above);
        }
        expect(again?.isWellFormed(Number.MAX_SAFE_INTEGER)).toBe(true);
      }),
    );
  });

  test('forgets exactly the entries at and above a truncation', () => {
    fc.assert(
      fc.property(ascending(40), fc.integer({ min: 0, max: 2000 }), fc.boolean(), (deltas, cut, written) => {
        const disk = new MemoryDisk();
        const index = OffsetIndex.create(disk, PATH, BASE, 8 * 64);
        for (const delta of deltas) index.append(BASE + delta, delta);
        if (written) index.file.write();
        index.truncateTo(BASE + cut);
        index.file.write();
        const kept = deltas.filter((delta) => delta < cut);
        expect(index.file.entryCount).toBe(kept.length);
        // Behind the entries the file is zeros: nothing that was cut comes back.
        const bytes = readSmallFile(disk, PATH);
        expect(bytes?.length).toBe(8 * 64);
        expect(bytes?.subarray(kept.length * 8).every((byte) => byte === 0)).toBe(true);
      }),
    );
  });

  test('made anew in the place of another leaves nothing of that one in the file', () => {
    for (const finish of ['write', 'resize', 'trim'] as const) {
      for (const count of [0, 1, 5]) {
        const disk = new MemoryDisk();
        const other = OffsetIndex.create(disk, PATH, BASE, 8 * 64);
        for (let delta = 1; delta <= 60; delta++) other.append(BASE + delta, delta);
        other.file.write();
        const index = OffsetIndex.anew(disk, PATH, BASE, 8 * 64);
        for (let delta = 1; delta <= count; delta++) index.append(BASE + 7 * delta, delta);
        expect(index.lookup(BASE + 60)).toBe(count - 1);
        if (finish === 'resize') index.file.resize(8 * 32);
        else index.file[finish]();
        const bytes = readSmallFile(disk, PATH);
        expect(bytes?.length).toBe(finish === 'resize' ? 8 * 32 : 8 * count);
        expect(bytes?.subarray(8 * count).every((byte) => byte === 0)).toBe(true);
        expect(bytes?.subarray(0, 8 * count)).toEqual(
          Buffer.concat(
            Array.from({ length: count }, (_, at) => Buffer.from([0, 0, 0, 7 * at + 7, 0, 0, 0, at + 1])),
          ),
        );
      }
    }
  });

  test('is as large as configured while it grows, full when no slot is left, and trimmed to its entries', () => {
    const disk = new MemoryDisk();
    const index = OffsetIndex.create(disk, PATH, BASE, 20);
    expect(disk.status(PATH)?.sizeBytes).toBe(16);
    index.append(BASE + 1, 10);
    expect(index.isFull).toBe(false);
    index.append(BASE + 5, 20);
    expect(index.isFull).toBe(true);
    expect(index.canHold(BASE + 2 ** 31 - 1)).toBe(true);
    expect(index.canHold(BASE + 2 ** 31)).toBe(false);
    index.file.trim();
    expect(readSmallFile(disk, PATH)?.toString('hex')).toBe('000000010000000a0000000500000014');
    index.file.resize(1024);
    expect(index.isFull).toBe(false);
    expect(disk.status(PATH)?.sizeBytes).toBe(1024);
  });

  test('gives its memory back and reads itself again', () => {
    const disk = new MemoryDisk();
    const index = OffsetIndex.create(disk, PATH, BASE, 80);
    index.append(BASE + 1, 10);
    index.file.release();
    index.append(BASE + 2, 20);
    index.file.write();
    index.file.release();
    expect([index.offsetAt(0), index.positionAt(1)]).toEqual([BASE + 1, 20]);
  });

  test('whose entries do not ascend, or point past the log, is not well formed', () => {
    const disk = new MemoryDisk();
    const index = OffsetIndex.create(disk, PATH, BASE, 80);
    index.append(BASE + 1, 10);
    index.append(BASE + 3, 30);
    expect(index.isWellFormed(31)).toBe(true);
    expect(index.isWellFormed(30)).toBe(false);
    index.file.buffer().writeInt32BE(3, 0);
    expect(index.isWellFormed(100)).toBe(false);
  });
});

describe('a time index', () => {
  test('takes only news, keeps a slot for the last entry, and finds the entry at or below a time', () => {
    const disk = new MemoryDisk();
    const index = TimeIndex.create(disk, PATH, BASE, 12 * 4);
    expect([index.lastTimestamp, index.lastOffset]).toEqual([-1, BASE]);
    index.maybeAppend(-1, BASE);
    index.maybeAppend(100, BASE + 3);
    index.maybeAppend(100, BASE + 9);
    index.maybeAppend(2 ** 40, BASE + 9);
    expect(index.file.entryCount).toBe(2);
    index.maybeAppend(2 ** 41, BASE + 12);
    expect(index.isFull).toBe(true);
    index.maybeAppend(2 ** 41 + 1, BASE + 20, true);
    expect([99, 100, 101, 2 ** 40, 2 ** 42].map((time) => index.lookup(time))).toEqual([-1, 0, 0, 1, 3]);
    index.truncateTo(BASE + 12);
    expect([index.lastTimestamp, index.lastOffset]).toEqual([2 ** 40, BASE + 9]);
    expect(index.isWellFormed(BASE + 10)).toBe(true);
    expect(index.isWellFormed(BASE + 9)).toBe(false);
    index.file.trim();
    expect(readSmallFile(disk, PATH)?.toString('hex')).toBe(
      '000000000000006400000003000001000000000000000009',
    );
  });
});

describe('a transaction index', () => {
  const entry = (producerId: number, firstOffset: number, last: number, lastStableOffset: number) => ({
    producerId,
    firstOffset,
    lastOffset: last,
    lastStableOffset,
  });

  test('has no file until it has an entry, and is read back', () => {
    const disk = new MemoryDisk();
    const index = new TransactionIndex(disk, PATH);
    index.write();
    expect(disk.status(PATH)).toBeNull();
    index.append(entry(7, 10, 20, 15));
    index.append(entry(8, 15, 30, 31));
    index.write();
    expect(disk.status(PATH)?.sizeBytes).toBe(68);
    const again = new TransactionIndex(disk, PATH);
    expect(again.entries).toEqual(index.entries);
    expect(again.isWellFormed(0)).toBe(true);
    expect(again.isWellFormed(21)).toBe(false);
    again.truncateTo(30);
    expect(disk.status(PATH)?.sizeBytes).toBe(34);
    again.reset();
    expect(disk.status(PATH)).toBeNull();
  });

  test('collects what overlaps the offsets read, and says when no later one can', () => {
    const index = new TransactionIndex(new MemoryDisk(), PATH);
    index.append(entry(1, 0, 10, 5));
    index.append(entry(2, 5, 20, 25));
    index.append(entry(3, 30, 40, 41));
    const collect = (from: number, to: number) => {
      const found: { producerId: number }[] = [];
      const complete = index.collect(from, to, found as never);
      return [found.map(({ producerId }) => producerId), complete];
    };
    expect(collect(0, 11)).toEqual([[1, 2], true]);
    expect(collect(11, 25)).toEqual([[2], true]);
    expect(collect(21, 42)).toEqual([[3], false]);
    expect(collect(0, 3)).toEqual([[1], true]);
  });
});
