import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedMessage } from '../../../protocol/errors.ts';
import {
  readUnsignedVarint,
  readVarint,
  readVarlong,
  unsignedVarintSize,
  varintSize,
  varlongSize,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from '../../../protocol/varint.ts';

type Read = typeof readVarint;
type Write = typeof writeVarint;

function written(write: Write, value: number): Buffer {
  const bytes = Buffer.alloc(12);
  return bytes.subarray(0, write(bytes, 0, value));
}

function readBack(read: Read, bytes: Buffer): number {
  const cursor = { position: 0 };
  const value = read(bytes, cursor, bytes.length);
  expect(cursor.position).toBe(bytes.length);
  return value;
}

/** The definition, in bigint arithmetic. */
function zigzagBytes(value: bigint): string {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]).toString('hex');
}

describe('unsigned varint', () => {
  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [0x7fffffff, 'ffffffff07'],
    [-1, 'ffffffff0f'],
  ])('%i is written as %s, and its size is known beforehand.', (value, hex) => {
    expect(written(writeUnsignedVarint, value).toString('hex')).toBe(hex);
    expect(unsignedVarintSize(value)).toBe(hex.length / 2);
    expect(readBack(readUnsignedVarint, Buffer.from(hex, 'hex'))).toBe(value);
  });

  test('A sixth byte, a cut and an empty range are malformed.', () => {
    for (const hex of ['ffffffffff01', 'ffff', '']) {
      const bytes = Buffer.from(hex, 'hex');
      expect(() => readUnsignedVarint(bytes, { position: 0 }, bytes.length)).toThrow(MalformedMessage);
    }
  });

  test('Nothing is read beyond the end, even where the buffer goes on.', () => {
    expect(() => readUnsignedVarint(Buffer.from('8001', 'hex'), { position: 0 }, 1)).toThrow(
      MalformedMessage,
    );
  });
});

describe('signed varint', () => {
  test('Every int32 comes back, in as many bytes as its size says.', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = written(writeVarint, value);
        expect(bytes.toString('hex')).toBe(zigzagBytes(BigInt(value)));
        expect(varintSize(value)).toBe(bytes.length);
        expect(readBack(readVarint, bytes)).toBe(value);
      }),
    );
  });

  test('The ends of the range come back.', () => {
    for (const value of [0, -1, 1, 2 ** 31 - 1, -(2 ** 31)]) {
      expect(readBack(readVarint, written(writeVarint, value))).toBe(value);
    }
  });
});

describe('varlong', () => {
  test('Every safe integer comes back, in the bytes of the definition.', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = written(writeVarlong, value);
        expect(bytes.toString('hex')).toBe(zigzagBytes(BigInt(value)));
        expect(varlongSize(value)).toBe(bytes.length);
        expect(readBack(readVarlong, bytes)).toBe(value);
      }),
    );
  });

  test('The ends of int64 keep their bytes and their sign.', () => {
    for (const [number, exact] of [
      [2 ** 63, 2n ** 63n - 1n],
      [-(2 ** 63), -(2n ** 63n)],
    ] as const) {
      const bytes = written(writeVarlong, number);
      expect(bytes.toString('hex')).toBe(zigzagBytes(exact));
      expect(varlongSize(number)).toBe(10);
      expect(readBack(readVarlong, bytes)).toBe(number);
    }
  });

  test('An eleventh byte is malformed.', () => {
    const bytes = Buffer.from('ffffffffffffffffffff01', 'hex');
    expect(() => readVarlong(bytes, { position: 0 }, bytes.length)).toThrow(MalformedMessage);
  });
});
