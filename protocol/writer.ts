/**
 * Where messages are written: one growing buffer, cut into chunks only where record batches are put in between.
 *
 * ```
 *   slab (64 KiB, shared by messages one after another)
 *   ┌──────────────┬───────────────────────────┬──────────────┐
 *   │ given out    │ start … position          │ free         │
 *   └──────────────┴───────────────────────────┴──────────────┘
 *                    ^ the chunk being written
 * ```
 *
 * What always holds: bytes that were given out by `finish` are never written again; `position - start` survives
 * growth, while `buffer`, `view`, `start` and `position` may all change in any call that may need room.
 */
import { assert } from './assert.ts';
import { ErrorCode, KafkaError } from './errors.ts';
import { MAX_STRING_BYTES } from './field.ts';
import type { Uuid } from './uuid.ts';
import { unsignedVarintSize, writeUnsignedVarint } from './varint.ts';

const SLAB_BYTES = 65_536;
/** A message begins in the current slab only if this much is left of it. */
const MIN_FREE_BYTES = 1_024;
/** Record batches up to this size are cheaper to copy than to hand to the socket as a chunk of their own. */
const MAX_COPIED_RECORDS_BYTES = 1_024;
/** Up to this length a loop over the characters beats the call into the runtime. */
const MAX_LOOP_CHARS = 24;
/** Longest string whose compact length surely fits one byte: 3 bytes per character, plus one. */
const MAX_ONE_BYTE_CHARS = 42;

const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** Bytes that `putString` and `putCompactString` may need at most. */
export function stringRoom(text: string): number {
  return text.length * 3 + 5;
}

function putUtf8(buffer: Buffer, position: number, text: string): number {
  const length = text.length;
  if (length > MAX_LOOP_CHARS) {
    return position + buffer.write(text, position, 'utf8');
  }
  for (let index = 0; index < length; index++) {
    const char = text.charCodeAt(index);
    if (char >= 0x80) {
      return position + buffer.write(text, position, 'utf8');
    }
    buffer[position + index] = char;
  }
  return position + length;
}

function checkStringBytes(byteCount: number): void {
  if (byteCount > MAX_STRING_BYTES) {
    throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, 'A string is too long for the protocol.');
  }
}

/** Writes an int16 length and UTF-8; returns the position behind them. */
export function putString(buffer: Buffer, position: number, text: string): number {
  const end = putUtf8(buffer, position + 2, text);
  const byteCount = end - position - 2;
  checkStringBytes(byteCount);
  buffer[position] = byteCount >> 8;
  buffer[position + 1] = byteCount;
  return end;
}

/** Writes an unsigned varint of the length + 1, and UTF-8; returns the position behind them. */
export function putCompactString(buffer: Buffer, position: number, text: string): number {
  if (text.length <= MAX_ONE_BYTE_CHARS) {
    const end = putUtf8(buffer, position + 1, text);
    buffer[position] = end - position;
    return end;
  }
  const byteCount = Buffer.byteLength(text, 'utf8');
  checkStringBytes(byteCount);
  return putUtf8(buffer, writeUnsignedVarint(buffer, position, byteCount + 1), text);
}

/** Writes an int64, saturated at the ends of the range: Long.MAX, which a number can't hold, must not turn negative. */
export function putInt64(view: DataView, position: number, value: number): void {
  if (value >= TWO_63) {
    view.setInt32(position, 0x7fffffff);
    view.setInt32(position + 4, -1);
    return;
  }
  const saturated = Math.max(value, -TWO_63);
  const high = Math.floor(saturated / TWO_32);
  view.setInt32(position, high);
  view.setUint32(position + 4, saturated - high * TWO_32);
}

export function putInt64Exact(view: DataView, position: number, value: bigint | number): void {
  if (typeof value === 'number') {
    putInt64(view, position, value);
    return;
  }
  const floored = value < MIN_INT64 ? MIN_INT64 : value;
  view.setBigInt64(position, floored > MAX_INT64 ? MAX_INT64 : floored);
}

export function putUuid(buffer: Buffer, position: number, uuid: Uuid): void {
  assert(uuid.length === 22, 'The text of a UUID has 22 characters.');
  buffer.write(uuid, position, 16, 'base64url');
}

export class Writer {
  buffer: Buffer;
  view: DataView;
  /** Where the chunk being written begins. */
  start = 0;
  position = 0;
  #chunks: Buffer[] = [];

  constructor() {
    this.buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Begins a message. What an encoder that threw has left behind is passed over. */
  begin(): void {
    this.#chunks = [];
    if (this.buffer.length - this.position < MIN_FREE_BYTES || this.buffer.length > SLAB_BYTES) {
      this.#replace(SLAB_BYTES);
      this.position = 0;
    }
    this.start = this.position;
  }

  /** Ends the message and gives out its chunks. */
  finish(): Buffer[] {
    this.#cut();
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  /** Makes room for `byteCount` bytes after `position`. */
  reserve(byteCount: number): void {
    if (this.position + byteCount > this.buffer.length) {
      this.grow(byteCount);
    }
  }

  /** As `reserve`, for when it is known that there is no room. */
  grow(byteCount: number): void {
    const old = this.buffer;
    const used = this.position - this.start;
    this.#replace(Math.max(SLAB_BYTES, (used + byteCount) * 2));
    old.copy(this.buffer, 0, this.start, this.position);
    this.start = 0;
    this.position = used;
  }

  #replace(byteCount: number): void {
    this.buffer = Buffer.allocUnsafeSlow(byteCount);
    this.view = new DataView(this.buffer.buffer);
  }

  #cut(): void {
    if (this.position > this.start) {
      this.#chunks.push(this.buffer.subarray(this.start, this.position));
      this.start = this.position;
    }
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int8(value: number): void {
    this.reserve(1);
    this.view.setInt8(this.position, value);
    this.position += 1;
  }

  /** Serves uint16 too: only the low 16 bits are taken. */
  int16(value: number): void {
    this.reserve(2);
    this.view.setInt16(this.position, value);
    this.position += 2;
  }

  int32(value: number): void {
    this.reserve(4);
    this.view.setInt32(this.position, value);
    this.position += 4;
  }

  int64(value: bigint | number): void {
    this.reserve(8);
    putInt64Exact(this.view, this.position, value);
    this.position += 8;
  }

  float64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.position, value);
    this.position += 8;
  }

  uuid(value: Uuid): void {
    this.reserve(16);
    putUuid(this.buffer, this.position, value);
    this.position += 16;
  }

  unsignedVarint(value: number): void {
    this.reserve(5);
    this.position = writeUnsignedVarint(this.buffer, this.position, value);
  }

  string(value: string, compact: boolean): void {
    this.reserve(stringRoom(value));
    const put = compact ? putCompactString : putString;
    this.position = put(this.buffer, this.position, value);
  }

  /** The length of bytes, records or a list; -1 stands for null. */
  length(count: number, compact: boolean): void {
    if (compact) {
      this.unsignedVarint(count + 1);
    } else {
      this.int32(count);
    }
  }

  bytes(value: Uint8Array, compact: boolean): void {
    this.length(value.length, compact);
    this.raw(value);
  }

  /** The bytes as they are, without a length. */
  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  /** Record batches: copied when small, else given out as they are, between two chunks of this writer. */
  records(value: Buffer | readonly Buffer[] | null, compact: boolean): void {
    if (value === null) {
      this.length(-1, compact);
      return;
    }
    const parts = Buffer.isBuffer(value) ? [value] : (value as readonly Buffer[]);
    const byteCount = parts.reduce((sum, part) => sum + part.length, 0);
    this.length(byteCount, compact);
    if (byteCount <= MAX_COPIED_RECORDS_BYTES) {
      parts.forEach((part) => {
        this.raw(part);
      });
      return;
    }
    this.#cut();
    this.#chunks.push(...parts);
  }

  /**
   * Puts the size of what was written since `mark` into the byte left free there, and makes room when the size needs
   * more than that byte. `mark` counts from `start`. No record batches may have been written in between.
   */
  patchSize(mark: number): void {
    const size = this.position - this.start - mark - 1;
    const extra = unsignedVarintSize(size) - 1;
    if (extra > 0) {
      this.reserve(extra);
      const from = this.start + mark + 1;
      this.buffer.copyWithin(from + extra, from, this.position);
      this.position += extra;
    }
    writeUnsignedVarint(this.buffer, this.start + mark, size);
  }
}
