/**
 * Variable-length integers: 7 bits per byte, lowest first, the top bit set on all bytes but the last.
 *
 *   300 = 0b10_0101100 → 0xac 0x02
 *
 * Signed ones are zigzag coded first (0, -1, 1, -2 … → 0, 1, 2, 3 …), so that small magnitudes stay short.
 * Records use the signed kinds; lengths, counts and tags of flexible versions the unsigned one.
 *
 * Always true: a read never goes past `end`, and returns with the position in the cursor moved behind the number.
 * A malformed number (too long, or cut off) throws `MalformedMessage`.
 */
import { MalformedMessage } from './errors.ts';

/** Where a read stands. Reused between reads, so that a number needs no allocation. */
export interface Cursor {
  position: number;
}

const TWO_28 = 2 ** 28;
const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;
const MAX_VARINT_BYTES = 5;
const MAX_VARLONG_BYTES = 10;

/**
 * Reads an unsigned varint as Kafka does: at most 5 bytes, the result taken as int32. A number of 2^31 or more is
 * thus negative, and reads as null or as an error like any negative length.
 */
export function readUnsignedVarint(bytes: Uint8Array, cursor: Cursor, end: number): number {
  let value = 0;
  let position = cursor.position;
  for (let shift = 0; shift < MAX_VARINT_BYTES * 7; shift += 7) {
    if (position >= end) {
      throw new MalformedMessage('A varint is cut off.');
    }
    const byte = bytes[position++] as number;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.position = position;
      return value;
    }
  }
  throw new MalformedMessage('A varint is longer than 5 bytes.');
}

/** Reads a zigzag coded int32. */
export function readVarint(bytes: Uint8Array, cursor: Cursor, end: number): number {
  const raw = readUnsignedVarint(bytes, cursor, end);
  return (raw >>> 1) ^ -(raw & 1);
}

/** Reads a zigzag coded int64. Exact up to 2^53, beyond that rounded; the ends of the range keep their sign. */
export function readVarlong(bytes: Uint8Array, cursor: Cursor, end: number): number {
  let low = 0;
  let high = 0;
  let position = cursor.position;
  for (let index = 0; index < MAX_VARLONG_BYTES; index++) {
    if (position >= end) {
      throw new MalformedMessage('A varlong is cut off.');
    }
    const byte = bytes[position++] as number;
    if (index < 4) {
      low += (byte & 0x7f) * 2 ** (7 * index);
    } else {
      high += (byte & 0x7f) * 2 ** (7 * (index - 4));
    }
    if (byte < 0x80) {
      cursor.position = position;
      return unzigzag(low, high);
    }
  }
  throw new MalformedMessage('A varlong is longer than 10 bytes.');
}

/** `low` holds the lowest 28 bits of the raw number, `high` all above. */
function unzigzag(low: number, high: number): number {
  const high36 = high % 2 ** 36;
  const magnitude = high36 * (TWO_28 / 2) + Math.floor(low / 2);
  return low % 2 === 0 ? magnitude : -magnitude - 1;
}

/** Bytes that `value`, taken as uint32, needs as an unsigned varint. */
export function unsignedVarintSize(value: number): number {
  const bits = 32 - Math.clz32(value);
  return bits === 0 ? 1 : Math.ceil(bits / 7);
}

/** Writes `value`, taken as uint32, and returns the position behind it. There must be room for 5 bytes. */
export function writeUnsignedVarint(bytes: Uint8Array, position: number, value: number): number {
  let rest = value >>> 0;
  let next = position;
  while (rest >= 0x80) {
    bytes[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[next++] = rest;
  return next;
}

/** Bytes that the int32 `value` needs zigzag coded. */
export function varintSize(value: number): number {
  return unsignedVarintSize((value << 1) ^ (value >> 31));
}

/** Writes an int32 zigzag coded and returns the position behind it. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  return writeUnsignedVarint(bytes, position, (value << 1) ^ (value >> 31));
}

/** The zigzag code of an int64 that a number can hold: its lowest 32 bits and the 32 above. */
function zigzagWords(value: number): { low: number; high: number } {
  const saturated = Math.min(Math.max(value, -TWO_63), TWO_63);
  const magnitude = saturated < 0 ? -(saturated + 1) : saturated;
  let high = Math.floor(magnitude / TWO_32);
  let low = (magnitude - high * TWO_32) >>> 0;
  if (magnitude >= TWO_63) {
    // Long.MAX, or Long.MIN whose predecessor in magnitude a number can't hold.
    high = 0x7fffffff;
    low = 0xffffffff;
  }
  const sign = saturated < 0 ? 1 : 0;
  return { low: ((low << 1) | sign) >>> 0, high: ((high << 1) | (low >>> 31)) >>> 0 };
}

/** Bytes that the int64 `value` needs zigzag coded. */
export function varlongSize(value: number): number {
  const { low, high } = zigzagWords(value);
  return high === 0 ? unsignedVarintSize(low) : Math.ceil((64 - Math.clz32(high)) / 7);
}

/** Writes an int64 zigzag coded, saturating at the ends of the range, and returns the position behind it. */
export function writeVarlong(bytes: Uint8Array, position: number, value: number): number {
  let { low, high } = zigzagWords(value);
  let next = position;
  while (high !== 0 || low >= 0x80) {
    bytes[next++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  bytes[next++] = low;
  return next;
}
