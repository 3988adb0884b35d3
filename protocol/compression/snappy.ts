// Snappy, in both shapes that Kafka clients write: raw (librdkafka) and the framing of Java's snappy-java ("xerial").
//
//   raw:     varint length of the content, then elements; low two bits of an element's first byte:
//            0 literal, 1 copy with 11-bit offset, 2 copy with 16-bit offset, 3 copy with 32-bit offset
//   xerial:  0  magic          82 53 4E 41 50 50 59 00
//            8  version        int32 big-endian, 1
//           12  compatible     int32, the least version that reads it, 1; Java passes over both
//           16  chunks         int32 size, raw snappy; a further header may follow a chunk
//
// Always true: what we write is xerial with chunks of 32 KiB, as Java does; the claimed length is checked against the
// limit, and against what so few bytes can hold, before anything is allocated.

import { copyMatch } from './lz4-block.ts';
import { nativeSnappy } from './native.ts';
import { CompressionError, joinChunks } from './types.ts';

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_MAGIC_WORD = XERIAL_MAGIC.readInt32BE(0);
const XERIAL_HEADER_SIZE = 16;
const XERIAL_VERSION = 1;
const CHUNK_SIZE = 32 * 1024;

/** The densest element is a copy of 64 bytes in three. */
const MAX_RATIO = 22;

const HASH_BITS = 13;
const BULK = 32;
/** Chunks end in literals, so that the search can read four bytes ahead without a check. */
const SEARCH_MARGIN = 15;

/** Positions + 1 by hash, of the chunk under way. One table for the process: compressing is synchronous. */
const table = new Int32Array(1 << HASH_BITS);

/** Xerial framing around chunks of raw snappy. */
export function snappyCompress(bytes: Buffer): Buffer {
  const chunks = Math.ceil(bytes.length / CHUNK_SIZE);
  const out = Buffer.allocUnsafe(XERIAL_HEADER_SIZE + chunks * (4 + rawBound(CHUNK_SIZE)));
  XERIAL_MAGIC.copy(out, 0);
  out.writeInt32BE(XERIAL_VERSION, 8);
  out.writeInt32BE(XERIAL_VERSION, 12);
  let pos = XERIAL_HEADER_SIZE;
  for (let start = 0; start < bytes.length; start += CHUNK_SIZE) {
    const end = encodeRaw(bytes, start, Math.min(start + CHUNK_SIZE, bytes.length), out, pos + 4);
    out.writeInt32BE(end - (pos + 4), pos);
    pos = end;
  }
  return Buffer.from(out.subarray(0, pos));
}

/** Reads both shapes. @throws {CompressionError} */
export function snappyDecompress(bytes: Buffer, maxBytes: number, isTransient = false): Buffer {
  if (!startsWithXerialHeader(bytes, 0)) return decodeRaw(bytes, 0, bytes.length, maxBytes);
  const chunks: Buffer[] = [];
  let total = 0;
  let pos = 0;
  while (pos < bytes.length) {
    if (startsWithXerialHeader(bytes, pos)) {
      if (bytes.length - pos < XERIAL_HEADER_SIZE) throw corrupt('a snappy header is cut');
      pos += XERIAL_HEADER_SIZE;
      continue;
    }
    if (bytes.length - pos < 4) throw corrupt('a snappy chunk is cut');
    const size = bytes.readInt32BE(pos);
    pos += 4;
    if (size < 0 || size > bytes.length - pos) throw corrupt('a snappy chunk is cut');
    const chunk = decodeRaw(bytes, pos, pos + size, maxBytes - total);
    total += chunk.length;
    chunks.push(chunk);
    pos += size;
  }
  return joinChunks(chunks, total, isTransient);
}

function startsWithXerialHeader(bytes: Buffer, pos: number): boolean {
  if (bytes.length - pos < XERIAL_MAGIC.length) return false;
  if (bytes.readInt32BE(pos) !== XERIAL_MAGIC_WORD) return false;
  return bytes.compare(XERIAL_MAGIC, 0, XERIAL_MAGIC.length, pos, pos + XERIAL_MAGIC.length) === 0;
}

function decodeRaw(src: Buffer, start: number, end: number, maxBytes: number): Buffer {
  let s = start;
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    if (s >= end || scale > 2 ** 28) throw corrupt('a snappy length is cut');
    const byte = src[s++] as number;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  if (length > (end - s) * MAX_RATIO) throw corrupt('snappy data claims more than it can hold');
  if (length > maxBytes)
    throw new CompressionError('too-large', 'snappy data unfolds to more than is allowed');
  const native = nativeSnappy(src.subarray(start, end));
  if (native !== null) return native;
  const dst = Buffer.allocUnsafe(length);
  if (!decodeElements(src, s, end, dst)) throw corrupt('snappy data is damaged');
  return dst;
}

/** Fills `dst` exactly from the elements of `src[start..end)`; false when they do not. */
export function decodeElements(src: Buffer, start: number, end: number, dst: Buffer): boolean {
  const size = dst.length;
  let s = start;
  let d = 0;
  while (s < end) {
    const tag = src[s++] as number;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >>> 2;
      if (length >= 60) {
        const extra = length - 59;
        if (extra > end - s) return false;
        length = src.readUIntLE(s, extra);
        s += extra;
      }
      length++;
      if (length > end - s || length > size - d) return false;
      if (length >= BULK) {
        src.copy(dst, d, s, s + length);
        d += length;
        s += length;
      } else {
        for (const stop = s + length; s < stop; ) dst[d++] = src[s++] as number;
      }
      continue;
    }
    const offsetBytes = kind === 3 ? 4 : kind;
    if (offsetBytes > end - s) return false;
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    let offset = src[s] as number;
    if (kind === 1) offset |= (tag >>> 5) << 8;
    else if (kind === 2) offset |= (src[s + 1] as number) << 8;
    else offset = src.readUInt32LE(s);
    s += offsetBytes;
    if (offset === 0 || offset > d || length > size - d) return false;
    d = copyMatch(dst, d, offset, length);
  }
  return d === size;
}

/** Raw snappy never grows beyond this. */
function rawBound(length: number): number {
  return 32 + length + Math.ceil(length / 6);
}

/** Folds `src[start..end)`, at most 64 KiB, and returns the position behind the last byte written. */
function encodeRaw(src: Buffer, start: number, end: number, dst: Buffer, dstStart: number): number {
  let d = dstStart;
  let rest = end - start;
  for (; rest >= 128; rest >>>= 7) dst[d++] = (rest & 0x7f) | 0x80;
  dst[d++] = rest;
  table.fill(0);
  const searchEnd = end - SEARCH_MARGIN;
  let anchor = start;
  let s = start;
  let misses = 0;
  while (s < searchEnd) {
    const sequence = word(src, s);
    const hash = Math.imul(sequence, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const from = (table[hash] as number) - 1 + start;
    table[hash] = s - start + 1;
    if (from < start || word(src, from) !== sequence) {
      s += 1 + (misses++ >>> 5);
      continue;
    }
    misses = 0;
    let matched = 4;
    while (s + matched < end && src[s + matched] === src[from + matched]) matched++;
    d = writeLiteral(src, anchor, s, dst, d);
    d = writeCopy(dst, d, s - from, matched);
    s += matched;
    anchor = s;
  }
  return writeLiteral(src, anchor, end, dst, d);
}

function writeLiteral(src: Buffer, from: number, to: number, dst: Buffer, position: number): number {
  let d = position;
  const length = to - from;
  if (length === 0) return d;
  const coded = length - 1;
  if (coded < 60) {
    dst[d++] = coded << 2;
  } else if (coded < 256) {
    dst[d++] = 60 << 2;
    dst[d++] = coded;
  } else {
    dst[d++] = 61 << 2;
    dst[d++] = coded & 0xff;
    dst[d++] = coded >>> 8;
  }
  if (length >= BULK) {
    src.copy(dst, d, from, to);
    return d + length;
  }
  for (let s = from; s < to; ) dst[d++] = src[s++] as number;
  return d;
}

function writeCopy(dst: Buffer, position: number, offset: number, matched: number): number {
  let d = position;
  let rest = matched;
  while (rest > 0) {
    // Never leave fewer than four bytes for the last copy: the short form cannot say less.
    const length = rest > 67 ? 64 : rest > 64 ? 60 : rest;
    if (length >= 4 && length < 12 && offset < 2048) {
      dst[d++] = 1 | ((length - 4) << 2) | ((offset >>> 8) << 5);
      dst[d++] = offset & 0xff;
    } else {
      dst[d++] = 2 | ((length - 1) << 2);
      dst[d++] = offset & 0xff;
      dst[d++] = offset >>> 8;
    }
    rest -= length;
  }
  return d;
}

function corrupt(message: string): CompressionError {
  return new CompressionError('corrupt', message);
}

function word(buf: Buffer, pos: number): number {
  return (
    (buf[pos] as number) |
    ((buf[pos + 1] as number) << 8) |
    ((buf[pos + 2] as number) << 16) |
    ((buf[pos + 3] as number) << 24)
  );
}
