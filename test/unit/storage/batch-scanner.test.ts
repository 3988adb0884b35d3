import { describe, expect, test } from 'vitest';
import { buildBatch } from '../../../protocol/batch.ts';
import { BatchScanner } from '../../../storage/batch-scanner.ts';
import type { DiskFile } from '../../../storage/disk.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { ScanMemory } from '../../../storage/scan-memory.ts';
import { NOW_MS } from './support.ts';

/** Batches whose records are one letter each, of growing size; the letter tells whose bytes a scanner holds. */
function fileOf(disk: MemoryDisk, letter: string): { file: DiskFile; batches: Buffer[] } {
  const file = disk.open(`/${letter}`, true);
  const batches = Array.from({ length: 12 }, (_, index) =>
    buildBatch({ records: [{ value: Buffer.alloc(10 + index * 40, letter) }], timestampMs: NOW_MS }),
  );
  file.write(batches, 0);
  return { file, batches };
}

const current = (scanner: BatchScanner): Buffer =>
  Buffer.from(scanner.buffer.subarray(scanner.at, scanner.at + scanner.sizeBytes));

describe('scanners that share one buffer', () => {
  test('each find all of their own batches, whoever read last, and whether or not one is larger than a chunk', () => {
    const disk = new MemoryDisk();
    const a = fileOf(disk, 'a');
    const b = fileOf(disk, 'b');
    for (const chunkBytes of [64, 300, 1 << 20]) {
      const memory = new ScanMemory();
      const scanners = [a, b].map(
        ({ file }) => new BatchScanner(file, 0, file.sizeBytes(), { chunkBytes, memory }),
      );
      const found: [Buffer[], Buffer[]] = [[], []];
      for (let index = 0; index < a.batches.length; index++) {
        for (const [which, scanner] of scanners.entries()) {
          expect(scanner.next()).toBe(true);
          expect(scanner.isIntact()).toBe(true);
          found[which === 0 ? 0 : 1].push(current(scanner));
        }
      }
      expect(scanners.map((scanner) => scanner.next())).toEqual([false, false]);
      expect(found).toEqual([a.batches, b.batches]);
    }
  });

  test('read into the same memory again, where one alone keeps what it handed out', () => {
    const { file, batches } = fileOf(new MemoryDisk(), 'a');
    const handedOut = (memory: ScanMemory | null): Buffer[] => {
      const options = { chunkBytes: 64, ...(memory === null ? {} : { memory }) };
      const scanner = new BatchScanner(file, 0, file.sizeBytes(), options);
      const views: Buffer[] = [];
      while (scanner.next() && scanner.isIntact()) {
        views.push(scanner.buffer.subarray(scanner.at, scanner.at + scanner.sizeBytes));
      }
      return views;
    };
    expect(handedOut(null)).toEqual(batches);
    expect(handedOut(new ScanMemory())).not.toEqual(batches);
  });
});

describe('a scanner that is told what was checked', () => {
  test('believes whole batches below that, and checks the one across it', () => {
    const { file, batches } = fileOf(new MemoryDisk(), 'a');
    const [first, second] = batches;
    const end = (first?.length ?? 0) + (second?.length ?? 0);
    // One byte of each record is wrong.
    let at = 0;
    for (const batch of batches) {
      file.write([Buffer.from('!')], at + batch.length - 2);
      at += batch.length;
    }
    for (const [checkedBytes, believed] of [
      [0, 0],
      [end - 1, 1],
      [end, 2],
      [end + 1, 2],
    ] as const) {
      const scanner = new BatchScanner(file, 0, file.sizeBytes(), { checkedBytes });
      let count = 0;
      while (scanner.next() && scanner.isIntact()) count++;
      expect(count).toBe(believed);
    }
  });
});
