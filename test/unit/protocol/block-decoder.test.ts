import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { lz4Block, SnappyBlock } from '../../../protocol/compression/block-decoder.ts';
import { compress, decompress, prepareCompression, Unfolding } from '../../../protocol/compression/index.ts';
import { lz4CompressBound, lz4EncodeBlock } from '../../../protocol/compression/lz4-block.ts';
import { lz4Reference, snappyReference } from '../../helpers/block-reference.ts';
import { seeded } from '../storage/support.ts';

beforeAll(async () => {
  await prepareCompression();
});

/** Bytes of few kinds, so that they fold, with matches near and far. */
function text(random: () => number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const run = 1 + Math.floor(random() * 40);
    const back = 1 + Math.floor(random() * (random() < 0.5 ? 20 : 60_000));
    const repeats = random() < 0.6 && back <= at;
    for (let i = 0; i < run && at < length; i++, at++) {
      bytes[at] = repeats ? (bytes[at - back] as number) : Math.floor(random() * 256);
    }
  }
  return bytes;
}

function damaged(bytes: Buffer, random: () => number): Buffer {
  const result = Buffer.from(bytes);
  for (let changes = Math.floor(random() * 3); changes > 0; changes--) {
    result[Math.floor(random() * result.length)] = Math.floor(random() * 256);
  }
  return random() < 0.3 ? result.subarray(0, Math.floor(random() * result.length)) : result;
}

function lz4Of(bytes: Buffer): Buffer {
  const out = Buffer.alloc(lz4CompressBound(bytes.length));
  return out.subarray(0, lz4EncodeBlock(bytes, 0, bytes.length, out, 0));
}

/** The elements of one chunk of at most 32 KiB. */
function snappyOf(bytes: Buffer): Buffer {
  const folded = compress('snappy', bytes);
  let at = 20;
  while ((folded[at] as number) >= 0x80) at++;
  return folded.subarray(at + 1);
}

/** Fills the scratch memory, so that what is read beyond its input shows. */
function poison(byte: number): void {
  const bytes = Buffer.alloc(65_000, byte);
  for (let at = 0; at < bytes.length; at += 7) bytes[at] = at & 0xff;
  lz4Block(lz4Of(bytes), 0, lz4Of(bytes).length, 65_536);
}

function snappyUnfolded(elements: Buffer, size: number): Buffer | null {
  const block = new SnappyBlock(0, elements.length, size);
  const made: Buffer[] = [];
  try {
    while (block.leftBytes > 0) {
      if (block.step(elements) !== 'piece') return null;
      made.push(Buffer.from(block.piece));
      if (block.position === elements.length && block.leftBytes > 0) return null;
    }
    return block.position === elements.length ? Buffer.concat(made) : null;
  } finally {
    block.close();
  }
}

describe('Blocks, sound, damaged and cut, are unfolded as byte by byte, whatever the memory around them holds', () => {
  const SEED = 20_261;

  test(`of lz4 (seed ${SEED})`, () => {
    const random = seeded(SEED);
    let sound = 0;
    for (let round = 0; round < 3000; round++) {
      const content = text(random, 1 + Math.floor(random() * 3000));
      const block = damaged(lz4Of(content), random);
      const maxBytes = random() < 0.8 ? 65_536 : content.length - 1;
      const expected = lz4Reference(block, maxBytes);
      for (const byte of [0x00, 0xff]) {
        poison(byte);
        const made = lz4Block(block, 0, block.length, maxBytes);
        expect(made === null).toBe(expected === null);
        if (made !== null && expected !== null) expect(made.equals(expected)).toBe(true);
      }
      if (expected !== null) sound++;
    }
    expect(sound).toBeGreaterThan(500);
    expect(sound).toBeLessThan(2900);
  });

  test(`of snappy (seed ${SEED})`, () => {
    const random = seeded(SEED);
    let sound = 0;
    for (let round = 0; round < 3000; round++) {
      const content = text(random, 1 + Math.floor(random() * 3000));
      const elements = damaged(snappyOf(content), random);
      const expected = snappyReference(elements, content.length);
      for (const byte of [0x00, 0xff]) {
        poison(byte);
        const made = snappyUnfolded(elements, content.length);
        expect(made === null).toBe(expected === null);
        if (made !== null && expected !== null) expect(made.equals(expected)).toBe(true);
      }
      if (expected !== null) sound++;
    }
    expect(sound).toBeGreaterThan(500);
    expect(sound).toBeLessThan(2900);
  });

  test('of noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(300), (bytes, size) => {
        const block = Buffer.from(bytes);
        const lz4 = lz4Block(block, 0, block.length, 300);
        expect(lz4 === null ? null : Buffer.from(lz4)).toEqual(lz4Reference(block, 300));
        expect(snappyUnfolded(block, size)).toEqual(snappyReference(block, size));
      }),
      { numRuns: 3000 },
    );
  });

  test('of every distance from 1 to 70 and length from 4 to 100', () => {
    const random = seeded(SEED);
    for (let offset = 1; offset <= 70; offset++) {
      for (let length = 4; length <= 100; length++) {
        const literals = Buffer.from(Array.from({ length: offset }, () => Math.floor(random() * 256)));
        const head = [0xff, offset - 15, ...literals, offset, 0, length - 19, 0x10, 0x21];
        if (offset < 15) head.splice(0, 2, (offset << 4) | 15);
        if (length < 19) {
          head[0] = ((head[0] as number) & 0xf0) | (length - 4);
          head.splice(head.length - 3, 1);
        }
        const block = Buffer.from(head);
        const expected = lz4Reference(block, 1000);
        expect(expected?.length).toBe(offset + length + 1);
        expect(lz4Block(block, 0, block.length, 1000)?.equals(expected as Buffer)).toBe(true);
      }
    }
  });
});

describe('Raw snappy', () => {
  const random = seeded(7);
  const varint = (value: number): Buffer => {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
    return Buffer.from([...bytes, rest]);
  };
  /** A literal of these bytes, its length in four. */
  const literal = (bytes: Buffer): Buffer => {
    const head = Buffer.from([63 << 2, 0, 0, 0, 0]);
    head.writeUInt32LE(bytes.length - 1, 1);
    return Buffer.concat([head, bytes]);
  };
  /** 64 bytes from `offset` back, the offset in four. */
  const copy = (offset: number): Buffer => {
    const bytes = Buffer.from([(63 << 2) | 3, 0, 0, 0, 0]);
    bytes.writeUInt32LE(offset, 1);
    return bytes;
  };
  const content = text(random, 300_000);

  test('larger than the scratch memory is unfolded through it, to the reach that writers have', () => {
    for (const offset of [1, 7, 64, 65_535]) {
      const expected = Buffer.concat([content, Buffer.alloc(64 * 4000)]);
      for (let at = content.length; at < expected.length; at++) {
        expected[at] = expected[at - offset] as number;
      }
      const copies = Array.from({ length: 4000 }, () => copy(offset));
      const raw = Buffer.concat([varint(expected.length), literal(content), ...copies]);
      expect(decompress('snappy', raw, expected.length).equals(expected)).toBe(true);
    }
  });

  test('that refers back further is unfolded too, in pieces that go on where the others ended', () => {
    for (const offset of [65_537, 200_000, 300_000]) {
      const expected = Buffer.concat([
        content,
        content.subarray(content.length - offset, content.length - offset + 64),
      ]);
      const raw = Buffer.concat([varint(expected.length), literal(content), copy(offset)]);
      expect(decompress('snappy', raw, expected.length).equals(expected)).toBe(true);
    }
    const raw = Buffer.concat([varint(content.length + 64), literal(content), copy(300_000)]);
    const held = { maxHeldBytes: content.length };
    expect(() => decompress('snappy', raw, 400_000, held)).toThrow('refers back');
    const beyond = Buffer.concat([varint(content.length + 64), literal(content), copy(300_001)]);
    expect(() => decompress('snappy', beyond, 400_000)).toThrow('damaged');
  });

  test('and all else is unfolded right when others are unfolded between any two pieces', () => {
    const contents = [content, text(random, 250_000), Buffer.alloc(200_000, 'run ')];
    const folded = contents.flatMap((bytes) => {
      const raw = Buffer.concat([varint(bytes.length), snappyChunks(bytes)]);
      return [
        { type: 'snappy' as const, bytes, folded: raw },
        ...(['lz4', 'snappy', 'gzip', 'zstd'] as const).map((type) => ({
          type,
          bytes,
          folded: compress(type, bytes),
        })),
      ];
    });
    const running = folded.map((one) => ({
      ...one,
      unfolding: new Unfolding(one.type, one.folded, 400_000),
      made: [] as Buffer[],
    }));
    for (let open = running.length; open > 0; ) {
      open = 0;
      for (const { unfolding, made, folded: bytes } of running) {
        // They may also move meanwhile.
        unfolding.moveTo(Buffer.from(bytes));
        const piece = unfolding.next();
        if (piece === null) continue;
        made.push(Buffer.from(piece));
        open++;
      }
    }
    for (const { unfolding, made, bytes } of running) {
      unfolding.close();
      expect(Buffer.concat(made).equals(bytes)).toBe(true);
    }
  });

  /** The elements of all chunks, which are one block as well: copies reach back within their chunk. */
  function snappyChunks(bytes: Buffer): Buffer {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 32_768) chunks.push(snappyOf(bytes.subarray(at, at + 32_768)));
    return Buffer.concat(chunks);
  }
});
