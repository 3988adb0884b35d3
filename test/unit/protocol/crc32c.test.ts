import { describe, expect, test } from 'vitest';
import { crc32c, crc32cJs } from '../../../protocol/crc32c.ts';

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
});
