// xxHash32 (seed 0), the checksum of LZ4 frames.

const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

/** The hash of `buf[start..end)` with seed 0, unsigned. */
export function xxh32(buf: Buffer, start = 0, end = buf.length): number {
  const length = end - start;
  let pos = start;
  let hash = PRIME_5 | 0;
  if (length >= 16) {
    let a = (PRIME_1 + PRIME_2) | 0;
    let b = PRIME_2 | 0;
    let c = 0;
    let d = -PRIME_1 | 0;
    for (const lastStripe = end - 16; pos <= lastStripe; pos += 16) {
      a = round(a, buf.readInt32LE(pos));
      b = round(b, buf.readInt32LE(pos + 4));
      c = round(c, buf.readInt32LE(pos + 8));
      d = round(d, buf.readInt32LE(pos + 12));
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  }
  hash = (hash + length) | 0;
  for (; pos + 4 <= end; pos += 4) {
    hash = (hash + Math.imul(buf.readInt32LE(pos), PRIME_3)) | 0;
    hash = Math.imul(rotate(hash, 17), PRIME_4);
  }
  for (; pos < end; pos++) {
    hash = (hash + Math.imul(buf.readUInt8(pos), PRIME_5)) | 0;
    hash = Math.imul(rotate(hash, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(accumulator: number, word: number): number {
  return Math.imul(rotate((accumulator + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
