import { describe, expect, test } from 'vitest';
import { folded, MIN_FOLDED_BYTES } from '../../../protocol/crc32c/fold.ts';
import { crc32c, crc32cJs, crc32cUnfolded } from '../../../protocol/crc32c.ts';
import { seeded } from '../storage/support.ts';

/** Bit by bit, straight from the polynomial: slow and plainly right. */
function reference(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('CRC-32C', () => {
  test('has the check values of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });

  test('is the same natively, by slicing and bit by bit, at every length and alignment', () => {
    const bytes = Buffer.from(Array.from({ length: 700 }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff));
    for (let length = 0; length <= 690; length++) {
      const start = length % 7;
      const expected = reference(bytes.subarray(start, start + length));
      expect(crc32cJs(bytes, start, start + length)).toBe(expected);
      expect(crc32c(bytes, start, start + length)).toBe(expected);
    }
  });

  /** The lengths at which steps, pieces and the rest begin and end, with those beside them, and some in between. */
  function* lengths(random: () => number): Generator<number> {
    for (let length = MIN_FOLDED_BYTES; length < MIN_FOLDED_BYTES + 130; length++) yield length;
    for (const pieces of [1, 2, 3]) {
      const whole = pieces * 48 * 1024 + 5275;
      for (let length = whole - 66; length < whole + 66; length++) yield length;
    }
    for (let i = 0; i < 300; i++) yield MIN_FOLDED_BYTES + Math.floor(random() * 300_000);
  }

  test('is the same folded, whatever comes after, natively and by slicing, at every length and alignment', () => {
    const random = seeded(41);
    const bytes = Buffer.from(Array.from({ length: 320_000 }, () => Math.floor(random() * 256)));
    for (const length of lengths(random)) {
      const start = Math.floor(random() * 64);
      const expected = crc32cJs(bytes, start, start + length);
      expect(crc32cUnfolded(bytes, start, start + length)).toBe(expected);
      expect(crc32c(bytes, start, start + length)).toBe(expected);
      const rest = folded(bytes, start, start + length);
      expect(rest?.length).toBeLessThan(5275 + 64);
      if (rest !== null) expect(crc32cJs(rest, 0, rest.length, 0)).toBe(expected);
    }
  });

  test('tells every flipped bit of a folded message', () => {
    const bytes = Buffer.alloc(60_000, 'sordini');
    const whole = crc32c(bytes);
    for (let at = 0; at < bytes.length; at += 7) {
      const bit = 1 << (at & 7);
      bytes.writeUInt8(bytes.readUInt8(at) ^ bit, at);
      expect(crc32c(bytes)).not.toBe(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ bit, at);
    }
    expect(crc32c(bytes)).toBe(whole);
  });

  test('leaves the folded message as it was', () => {
    const bytes = Buffer.alloc(100_000, 'sordini');
    crc32c(bytes);
    expect(bytes.equals(Buffer.alloc(100_000, 'sordini'))).toBe(true);
  });
});
