/**
 * A cursor over bytes that someone else sent, and the primitives that the compiled decoders share with it.
 *
 * What always holds: nothing is read beyond `end`; a length is checked against the bytes that remain before
 * anything of that length is made; every defect throws `MalformedMessage` and nothing else.
 */
import { MalformedMessage } from './errors.ts';
import { EMPTY_BYTES, MAX_STRING_BYTES } from './field.ts';
import type { Uuid } from './uuid.ts';
import type { Cursor } from './varint.ts';
import { readUnsignedVarint, readVarint, readVarlong } from './varint.ts';

const TWO_32 = 2 ** 32;

/** Lists longer than this grow as they are read, so that a claimed length alone allocates little. */
export const MAX_PREALLOCATED = 65_536;

/**
 * Most list elements that one message may have in all. Kafka has no such limit, but then a request of 100 MB that is
 * all empty strings becomes objects of many times that size; more than this no honest peer sends.
 */
export const MAX_ELEMENTS = 4_194_304;

/** The state of a decoder: where it stands, and how many elements it may still make. */
export interface DecodeCursor extends Cursor {
  elementsLeft: number;
}

export function malformed(what: string, where: string): never {
  throw new MalformedMessage(`${where}: ${what}`);
}

export class Reader implements DecodeCursor {
  readonly buffer: Buffer;
  readonly end: number;
  position: number;
  elementsLeft: number = MAX_ELEMENTS;

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = position;
    this.end = Math.min(end, buffer.length);
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Moves over `byteCount` bytes and returns where they began. */
  skip(byteCount: number): number {
    const start = this.position;
    if (byteCount < 0 || byteCount > this.end - start) {
      throw new MalformedMessage('The message is cut off.');
    }
    this.position = start + byteCount;
    return start;
  }

  /** Any byte but 0 is true, as for Kafka. */
  bool(): boolean {
    return this.buffer.readInt8(this.skip(1)) !== 0;
  }

  int8(): number {
    return this.buffer.readInt8(this.skip(1));
  }

  int16(): number {
    return this.buffer.readInt16BE(this.skip(2));
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.skip(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.skip(4));
  }

  /** Exact up to 2^53, rounded beyond. */
  int64(): number {
    const start = this.skip(8);
    return this.buffer.readInt32BE(start) * TWO_32 + this.buffer.readUInt32BE(start + 4);
  }

  int64Exact(): bigint {
    return this.buffer.readBigInt64BE(this.skip(8));
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.skip(8));
  }

  uuid(): Uuid {
    const start = this.skip(16);
    return this.buffer.toString('base64url', start, start + 16);
  }

  unsignedVarint(): number {
    return readUnsignedVarint(this.buffer, this, this.end);
  }

  varint(): number {
    return readVarint(this.buffer, this, this.end);
  }

  varlong(): number {
    return readVarlong(this.buffer, this, this.end);
  }

  /** The length of a string: negative means null. */
  stringLength(compact: boolean): number {
    return compact ? (this.unsignedVarint() - 1) | 0 : this.int16();
  }

  /** The length of bytes, records or a list: negative means null. */
  length(compact: boolean): number {
    return compact ? (this.unsignedVarint() - 1) | 0 : this.int32();
  }

  /** A string whose length has been read. Bytes that are not UTF-8 become U+FFFD. */
  text(byteCount: number): string {
    if (byteCount > MAX_STRING_BYTES) {
      throw new MalformedMessage('A string is longer than 32767 bytes.');
    }
    const start = this.skip(byteCount);
    return this.buffer.toString('utf8', start, start + byteCount);
  }

  /** A view of the next bytes, which lives no longer than the frame. */
  view(byteCount: number): Buffer {
    const start = this.skip(byteCount);
    return this.buffer.subarray(start, start + byteCount);
  }

  /** A copy of the next bytes. */
  copy(byteCount: number): Buffer {
    const start = this.skip(byteCount);
    return copyBytes(this.buffer, start, byteCount);
  }
}

/** A copy that shares no memory with the frame. */
export function copyBytes(buffer: Buffer, start: number, byteCount: number): Buffer {
  if (byteCount === 0) {
    return EMPTY_BYTES;
  }
  const copy = Buffer.allocUnsafe(byteCount);
  buffer.copy(copy, 0, start, start + byteCount);
  return copy;
}
