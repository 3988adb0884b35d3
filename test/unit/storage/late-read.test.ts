import { describe, expect, test } from 'vitest';
import { lastOffset, sizeInBytes } from '../../../protocol/batch.ts';
import type { DiskFile } from '../../../storage/disk.ts';
import type { Log } from '../../../storage/log.ts';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import type { ReadMemory } from '../../../storage/read-buffers.ts';
import { append, openLog, seeded, smallConfig } from './support.ts';

const config = { ...smallConfig, segmentBytes: 400_000, indexIntervalBytes: 3_000 };

const LONGEST_BATCH_BYTES = 4 * 4_000 + 200;

/** Memory that takes every read late, and notes from where. */
class LateMemory implements ReadMemory {
  late: { target: Buffer; file: DiskFile; position: number } | null = null;
  readonly takeLate = (file: DiskFile, position: number, bytes: number): Buffer => {
    const target = Buffer.alloc(bytes, 0xdb);
    this.late = { target, file, position };
    return target;
  };

  take(bytes: number): Buffer {
    return Buffer.alloc(bytes);
  }

  /** What the late read would have brought, or null if there was none. */
  fill(): Buffer | null {
    if (this.late === null) return null;
    const { target, file, position } = this.late;
    expect(file.read(target, position)).toBe(target.length);
    return target;
  }
}

function filled(seed: number): { log: Log; disk: MemoryDisk; random: () => number } {
  const random = seeded(seed);
  const disk = new MemoryDisk();
  const { log } = openLog(disk, config);
  for (let count = 0; count < 120; count++) {
    const values = Array.from({ length: 1 + Math.floor(random() * 4) }, () => 'x'.repeat(random() * 4_000));
    append(log, values);
    if (random() < 0.8) void log.flushStaged();
  }
  return { log, disk, random };
}

/** One read both ways: the late one must give the same, but for batches within an index interval of the limit. */
function compare(log: Log, offset: number, maxBytes: number, upTo: number): 'late' | 'ordinary' {
  const options = { maxBytes, minOneBatch: true, upTo };
  const memory = new LateMemory();
  const late = log.read(offset, { ...options, memory });
  const ordinary = log.read(offset, options);
  const brought = memory.fill();
  const expected = Buffer.concat(ordinary.records);
  const given = Buffer.concat(late.records);
  expect(late).toMatchObject({
    errorCode: ordinary.errorCode,
    position: ordinary.position,
    segmentBaseOffset: ordinary.segmentBaseOffset,
    availableBytes: ordinary.availableBytes,
  });
  if (brought === null) {
    expect(given.equals(expected)).toBe(true);
    return 'ordinary';
  }
  expect(given.equals(expected.subarray(0, given.length))).toBe(true);
  expect(given.length).toBeGreaterThan(0);
  // An entry comes with the first batch that begins past the interval.
  expect(expected.length - given.length).toBeLessThan(config.indexIntervalBytes + 2 * LONGEST_BATCH_BYTES);
  let at = 0;
  for (; at < given.length; at += sizeInBytes(given, at)) expect(lastOffset(given, at)).toBeLessThan(upTo);
  expect(at).toBe(given.length);
  return 'late';
}

describe('late reads', () => {
  test.each([1, 2, 3, 4, 5])('give whole batches below the bound, as others do (seed %d)', (seed) => {
    const { log, random } = filled(seed);
    const ways = { late: 0, ordinary: 0 };
    for (let count = 0; count < 600; count++) {
      const offset = Math.floor(random() * log.logEndOffset);
      const upTo = random() < 0.5 ? log.logEndOffset : offset + Math.floor(random() * 100);
      ways[compare(log, offset, Math.floor(random() * 200_000), Math.min(upTo, log.logEndOffset))]++;
    }
    expect(ways.late).toBeGreaterThan(100);
    expect(ways.ordinary).toBeGreaterThan(10);
  });

  test('are not made of batches that this process has not written', () => {
    const { log, disk } = filled(1);
    void log.close();
    const { log: again } = openLog(disk, config, {
      ...NEW_LOG,
      hadCleanShutdown: true,
      recoveryPoint: log.logEndOffset,
    });
    const memory = new LateMemory();
    expect(again.read(0, { maxBytes: 100_000, minOneBatch: true, memory }).bytes).toBeGreaterThan(0);
    expect(memory.late).toBeNull();
  });
});
