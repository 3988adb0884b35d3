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

import { SnappyBlock } from './block-decoder.ts';
import type { CompressionError, Pieces, UnfoldOptions } from './types.ts';
import { corrupt, PIECE_BYTES, tooLarge } from './types.ts';

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_MAGIC_WORD = XERIAL_MAGIC.readInt32BE(0);
const XERIAL_HEADER_SIZE = 16;
const XERIAL_VERSION = 1;
const CHUNK_SIZE = 32 * 1024;

/** The densest element is a copy of 64 bytes in three. */
const MAX_RATIO = 22;

const HASH_BITS = 13;
/** Literals and far copies of this length and more are moved by memmove, shorter ones by a loop. */
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

/** The content of both shapes: of raw snappy in steps, of xerial chunk by chunk. */
export class SnappyPieces implements Pieces {
  readonly #maxHeldBytes: number;
  readonly #isXerial: boolean;
  #bytes: Buffer;
  #position = 0;
  /** Of the chunks up to this one. */
  #leftBytes: number;
  /** The raw snappy under way. */
  #raw: RawSnappy | null = null;

  constructor(bytes: Buffer, maxBytes: number, options: UnfoldOptions) {
    this.#bytes = bytes;
    this.#leftBytes = maxBytes;
    this.#maxHeldBytes = options.maxHeldBytes ?? maxBytes;
    this.#isXerial = startsWithXerialHeader(bytes, 0);
    if (!this.#isXerial) this.#begin(bytes.length);
  }

  next(): Buffer | null {
    for (;;) {
      if (this.#raw === null && !this.#nextChunk()) return null;
      const piece = this.#raw?.next(this.#bytes) ?? null;
      if (piece !== null) return piece;
      this.#endRaw();
      if (!this.#isXerial) return null;
    }
  }

  moveTo(bytes: Buffer): void {
    this.#bytes = bytes;
  }

  close(): void {
    this.#endRaw();
  }

  /** Steps into the chunk that comes, over headers; false at the end. */
  #nextChunk(): boolean {
    const bytes = this.#bytes;
    if (!this.#isXerial) return false;
    while (startsWithXerialHeader(bytes, this.#position)) {
      if (bytes.length - this.#position < XERIAL_HEADER_SIZE) throw corrupt('a snappy header is cut');
      this.#position += XERIAL_HEADER_SIZE;
    }
    if (this.#position === bytes.length) return false;
    if (bytes.length - this.#position < 4) throw corrupt('a snappy chunk is cut');
    const size = bytes.readInt32BE(this.#position);
    this.#position += 4;
    if (size < 0 || size > bytes.length - this.#position) throw corrupt('a snappy chunk is cut');
    this.#begin(this.#position + size);
    return true;
  }

  #begin(end: number): void {
    const raw = new RawSnappy(this.#bytes, this.#position, end, this.#maxHeldBytes);
    if (raw.contentBytes > this.#leftBytes) throw tooLarge('snappy data unfolds to more than is allowed');
    this.#leftBytes -= raw.contentBytes;
    this.#position = end;
    this.#raw = raw;
  }

  #endRaw(): void {
    this.#raw?.close();
    this.#raw = null;
  }
}

/** One length and the elements behind it. */
class RawSnappy {
  /** As claimed; not more than so few bytes can hold. */
  readonly contentBytes: number;
  readonly #start: number;
  readonly #end: number;
  readonly #maxHeldBytes: number;
  readonly #block: SnappyBlock;
  #givenBytes = 0;
  /** Set once a copy reached back further than any writer's do: all content is then kept. */
  #far: FarSnappy | null = null;

  constructor(bytes: Buffer, position: number, end: number, maxHeldBytes: number) {
    let at = position;
    let length = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= end || scale > 2 ** 28) throw corrupt('a snappy length is cut');
      const byte = bytes[at++] as number;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    if (length > (end - at) * MAX_RATIO) throw corrupt('snappy data claims more than it can hold');
    this.contentBytes = length;
    this.#start = at;
    this.#end = end;
    this.#maxHeldBytes = maxHeldBytes;
    this.#block = new SnappyBlock(at, end, length);
  }

  /** The next piece; null at the end. */
  next(bytes: Buffer): Buffer | null {
    const piece = this.#far === null ? this.#near(bytes) : this.#far.next(bytes);
    this.#givenBytes += piece?.length ?? 0;
    return piece;
  }

  close(): void {
    this.#block.close();
    this.#far = null;
  }

  #near(bytes: Buffer): Buffer | null {
    const block = this.#block;
    if (block.leftBytes === 0) {
      if (block.position !== this.#end) throw damaged();
      return null;
    }
    switch (block.step(bytes)) {
      case 'damaged':
        throw damaged();
      case 'reaches too far back':
        return this.#goFar(bytes);
      case 'piece':
        if (block.position === this.#end && block.leftBytes > 0) throw damaged();
        return block.piece;
    }
  }

  #goFar(bytes: Buffer): Buffer | null {
    this.#block.close();
    if (this.contentBytes > this.#maxHeldBytes)
      throw tooLarge('snappy data refers back through more than is kept');
    this.#far = new FarSnappy(this.#start, this.#end, this.contentBytes, this.#givenBytes);
    return this.#far.next(bytes);
  }
}

/** Raw snappy whose copies reach back anywhere: nobody writes it, and its format allows it. */
class FarSnappy {
  readonly #end: number;
  readonly #content: Buffer;
  #position: number;
  #filled = 0;
  #given: number;

  /** `given` bytes of the content are not wanted any more. */
  constructor(start: number, end: number, contentBytes: number, given: number) {
    this.#position = start;
    this.#end = end;
    this.#content = Buffer.allocUnsafeSlow(contentBytes);
    this.#given = given;
  }

  next(bytes: Buffer): Buffer | null {
    const target = Math.min(this.#given + PIECE_BYTES, this.#content.length);
    const elements = { position: this.#position, filled: this.#filled };
    if (!decodeElements(bytes, this.#end, this.#content, elements, target)) throw damaged();
    this.#position = elements.position;
    this.#filled = elements.filled;
    const isOver = this.#position === this.#end;
    if (isOver !== (this.#filled === this.#content.length)) throw damaged();
    const piece = this.#content.subarray(this.#given, this.#filled);
    this.#given = this.#filled;
    return piece.length === 0 ? null : piece;
  }
}

function startsWithXerialHeader(bytes: Buffer, pos: number): boolean {
  if (bytes.length - pos < XERIAL_MAGIC.length) return false;
  if (bytes.readInt32BE(pos) !== XERIAL_MAGIC_WORD) return false;
  return bytes.compare(XERIAL_MAGIC, 0, XERIAL_MAGIC.length, pos, pos + XERIAL_MAGIC.length) === 0;
}

/** How far the elements of a block have been read, and how much of its content they made. */
export type ElementsRead = { position: number; filled: number };

/**
 * Goes on reading elements of `src`, up to `end`, into `dst` until it holds `target` bytes or there are no more. False
 * when they are damaged or go beyond `dst`. Moves `read`.
 */
export function decodeElements(
  src: Buffer,
  end: number,
  dst: Buffer,
  read: ElementsRead,
  target: number,
): boolean {
  const size = dst.length;
  let s = read.position;
  let d = read.filled;
  while (s < end && d < target) {
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
  read.position = s;
  read.filled = d;
  return true;
}

/** Repeats `length` bytes from `offset` bytes back; the ranges may overlap. */
function copyMatch(dst: Buffer, position: number, offset: number, length: number): number {
  let d = position;
  const stop = d + length;
  if (length >= BULK && offset >= length) {
    dst.copyWithin(d, d - offset, d - offset + length);
    return stop;
  }
  if (length >= BULK && offset === 1) {
    dst.fill(dst[d - 1] as number, d, stop);
    return stop;
  }
  for (let from = d - offset; d < stop; ) dst[d++] = dst[from++] as number;
  return d;
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

function damaged(): CompressionError {
  return corrupt('snappy data is damaged');
}

function word(buf: Buffer, pos: number): number {
  return (
    (buf[pos] as number) |
    ((buf[pos + 1] as number) << 8) |
    ((buf[pos + 2] as number) << 16) |
    ((buf[pos + 3] as number) << 24)
  );
}
