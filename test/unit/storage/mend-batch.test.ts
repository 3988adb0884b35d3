import { describe, expect, test } from 'vitest';
import { buildBatch } from '../../../protocol/batch.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { hasUnwrittenBlock, mendInFile, mendOneBit } from '../../../storage/mend-batch.ts';
import { seeded } from './support.ts';

const BASE = 77;
const batch = buildBatch({
  baseOffset: BASE,
  leaderEpoch: 3,
  timestampMs: 1_700_000_000_000,
  records: [{ value: Buffer.from('first') }, { key: Buffer.from('k'), value: Buffer.alloc(300, 'x') }],
});
const isEpoch = (byte: number): boolean => byte >= 12 && byte < 16;

function flipped(...bits: readonly number[]): Buffer {
  const bytes = Buffer.concat([batch, Buffer.from('what follows')]);
  for (const bit of bits) bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return bytes;
}

describe('mending a batch', () => {
  test('undoes any one flipped bit that the checksum or the offset before tells of', () => {
    for (let bit = 0; bit < batch.length * 8; bit++) {
      const mended = mendOneBit(flipped(bit), BASE);
      // Whether the epoch is right no single batch can tell; this one is sound otherwise.
      if (isEpoch(bit >> 3)) expect(mended).toBe(null);
      else expect(mended?.equals(batch), `bit ${bit}`).toBe(true);
    }
  });

  test('does not touch a batch with two flipped bits', () => {
    const random = seeded(3);
    for (let round = 0; round < 5_000; round++) {
      const [one, other] = [random(), random()].map((value) => Math.floor(value * batch.length * 8));
      if (one === undefined || other === undefined || one === other) continue;
      if (isEpoch(one >> 3) || isEpoch(other >> 3)) continue;
      expect(mendOneBit(flipped(one, other), BASE), `bits ${one} and ${other}`).toBe(null);
    }
  });

  test('leaves alone what begins at another offset than expected by more than a bit', () => {
    expect(mendOneBit(flipped(), BASE + 1)).toBe(null);
    expect(mendOneBit(flipped(500), BASE - 1)).toBe(null);
  });

  test('does not take a write that the power cut short for damage', () => {
    const disk = new MemoryDisk();
    disk.makeDirectory('/log');
    const file = disk.open('/log/file', true);
    const start = 512 - 100;
    const torn = flipped(30 * 8);
    torn.fill(0, 60, 100);
    file.write([torn], start);
    expect(hasUnwrittenBlock(file, start, start + batch.length)).toBe(true);
    expect(mendInFile(file, start, start + torn.length, BASE)).toBe(null);
    file.write([flipped(30 * 8)], start);
    expect(hasUnwrittenBlock(file, start, start + batch.length)).toBe(false);
    expect(mendInFile(file, start, start + torn.length, BASE)?.equals(batch)).toBe(true);
  });
});
