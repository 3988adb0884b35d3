// Message sets of magic 0 and 1: what Produce 0-2 may bring and Fetch 0-3 gets (Kafka's LegacyRecord and
// AbstractLegacyRecordBatch). Logs hold magic 2 only: these are converted on the way in and out. Big-endian.
//
//    0  offset      int64
//    8  size        int32   bytes after this field
//   12  crc         uint32  CRC-32 (zip) of everything from magic to the end
//   16  magic       int8    0 or 1
//   17  attributes  int8    bits 0-2 codec, 3 timestamp type (magic 1)
//   18  timestamp   int64   magic 1 only
//    .  key         int32 length (negative: null), bytes
//    .  value       int32 length (negative: null), bytes
//
// A message with a codec is a wrapper: its value unfolds to a message set, its offset is that of the last inner
// message, and with magic 1 the inner offsets are relative. Always true: nothing is read outside the given bytes.

import type { TimestampType } from '../batch.ts';
import {
  baseOffset,
  batchPositions,
  compressionType,
  firstTimestamp,
  isControl,
  maxTimestamp,
  recordCount,
  recordsSection,
  timestampType,
} from '../batch.ts';
import { compress, decompress } from '../compression/index.ts';
import { lz4Compress } from '../compression/lz4.ts';
import type { CompressionType } from '../compression/types.ts';
import { COMPRESSION_TYPES, CompressionError } from '../compression/types.ts';
import { readInt64, writeInt64 } from './int64.ts';
import { InvalidRecordError, RecordCursor } from './record.ts';

const SIZE_OFFSET = 8;
const CRC_OFFSET = 12;
const MAGIC_OFFSET = 16;
const ATTRIBUTES_OFFSET = 17;
const BODY_OFFSET = 18;
const LOG_OVERHEAD = 12;
/** Sizes with null key and null value, as the size field counts them. */
const MIN_SIZE_V0 = 14;
const MIN_SIZE_V1 = 22;

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME_BIT = 0x08;
const NO_TIMESTAMP = -1;

/** The magic values of message sets. */
export type LegacyMagic = 0 | 1;

/** One message. Key and value are views. */
export type LegacyMessage = {
  readonly offset: number;
  readonly magic: LegacyMagic;
  readonly codec: number;
  readonly timestampType: TimestampType;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly isCrcValid: boolean;
};

const crcTable = new Int32Array(256).map((_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

/** CRC-32 as in zip, unsigned. */
export function crc32(buf: Buffer, start: number, end: number): number {
  let crc = -1;
  for (let pos = start; pos < end; pos++) {
    crc = (crc >>> 8) ^ (crcTable[(crc ^ (buf[pos] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

/**
 * The message at `pos`, which must lie in `buf` whole, or null when its key and value do not fit its size or its
 * magic is no legacy one.
 */
export function readLegacyMessage(buf: Buffer, pos: number): LegacyMessage | null {
  const size = buf.readInt32BE(pos + SIZE_OFFSET);
  const end = pos + LOG_OVERHEAD + size;
  if (size < MIN_SIZE_V0) return null;
  const magic = buf.readInt8(pos + MAGIC_OFFSET);
  if (magic !== 0 && magic !== 1) return null;
  if (magic === 1 && size < MIN_SIZE_V1) return null;
  const attributes = buf.readInt8(pos + ATTRIBUTES_OFFSET);
  const keyAt = pos + BODY_OFFSET + (magic === 1 ? 8 : 0);
  const valueAt = endOfNullable(buf, keyAt, end);
  if (valueAt < 0 || endOfNullable(buf, valueAt, end) < 0) return null;
  return {
    offset: readInt64(buf, pos),
    magic,
    codec: attributes & CODEC_MASK,
    timestampType: magic === 1 && (attributes & LOG_APPEND_TIME_BIT) !== 0 ? 'LogAppendTime' : 'CreateTime',
    timestampMs: magic === 1 ? readInt64(buf, pos + BODY_OFFSET) : NO_TIMESTAMP,
    key: nullableAt(buf, keyAt),
    value: nullableAt(buf, valueAt),
    isCrcValid: buf.readUInt32BE(pos + CRC_OFFSET) === crc32(buf, pos + MAGIC_OFFSET, end),
  };
}

/** The position behind the nullable bytes at `pos`, or -1 when they do not fit. */
function endOfNullable(buf: Buffer, pos: number, end: number): number {
  if (end - pos < 4) return -1;
  const length = buf.readInt32BE(pos);
  if (length < 0) return pos + 4;
  return length > end - pos - 4 ? -1 : pos + 4 + length;
}

function nullableAt(buf: Buffer, pos: number): Buffer | null {
  const length = buf.readInt32BE(pos);
  return length < 0 ? null : buf.subarray(pos + 4, pos + 4 + length);
}

/** What a message or record takes as an object, with a view each for key and value. */
export const HELD_RECORD_BYTES = 256;

/**
 * The messages that a message stands for: itself, or with a codec its inner ones, with absolute offsets and the
 * wrapper's timestamp type.
 *
 * @throws {InvalidRecordError} where Kafka finds an invalid record.
 * @throws {CompressionError} where the value does not unfold, or more than `maxBytes` would be held.
 */
export function unfoldLegacy(wrapper: LegacyMessage, maxBytes: number): LegacyMessage[] {
  if (wrapper.codec === 0) return [wrapper];
  if (wrapper.value === null) throw new InvalidRecordError('a compressed message has no value');
  if (COMPRESSION_TYPES[wrapper.codec] === 'zstd') {
    throw new InvalidRecordError('a message below magic 2 is compressed with zstd');
  }
  const set = decompress(wrapper.codec, wrapper.value, maxBytes, {
    ignoreHeaderChecksum: wrapper.magic === 0,
    firstFrameOnly: true,
  });
  const inner = readMessageSet(set, maxBytes);
  const last = inner.at(-1);
  if (last === undefined) throw new InvalidRecordError('a compressed message holds no messages');
  // Some versions of librdkafka leave the wrapper's offset 0.
  const base = wrapper.magic === 0 || wrapper.offset === 0 ? 0 : wrapper.offset - last.offset;
  if (base < 0) throw new InvalidRecordError("a wrapper's offset is below that of its last message");
  return inner.map((message) => {
    if (message.codec !== 0) throw new InvalidRecordError('a compressed message lies in another');
    const offset = base + message.offset;
    if (message.magic === 0) return { ...message, offset };
    const isAppendTime = wrapper.timestampType === 'LogAppendTime';
    const timestampMs = isAppendTime ? wrapper.timestampMs : message.timestampMs;
    return { ...message, offset, timestampMs, timestampType: wrapper.timestampType };
  });
}

/** The whole messages of a set, wrappers not unfolded; a cut last one is passed over. */
function readMessageSet(set: Buffer, maxBytes: number): LegacyMessage[] {
  const messages: LegacyMessage[] = [];
  for (let pos = 0; set.length - pos >= LOG_OVERHEAD; ) {
    const size = set.readInt32BE(pos + SIZE_OFFSET);
    if (size < MIN_SIZE_V0) throw new InvalidRecordError('a message is smaller than its header');
    if (size > set.length - pos - LOG_OVERHEAD) break;
    const message = readLegacyMessage(set, pos);
    if (message === null) throw new InvalidRecordError('a message is not well formed');
    messages.push(message);
    if (messages.length * HELD_RECORD_BYTES > Math.max(maxBytes, HELD_RECORD_BYTES)) {
      throw new CompressionError('too-large', 'a compressed message holds too many messages');
    }
    pos += LOG_OVERHEAD + size;
  }
  return messages;
}

export type LegacyRecordInput = {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
};

export type MessageSetInput = {
  readonly magic: LegacyMagic;
  readonly records: readonly LegacyRecordInput[];
  readonly compression: CompressionType;
  /** Makes the messages LogAppendTime, with this as their timestamp. */
  readonly logAppendTimeMs?: number | null;
};

/** A message set as Kafka's MemoryRecordsBuilder writes it: one wrapper when there is a codec. */
export function buildMessageSet(input: MessageSetInput): Buffer {
  const { magic, records, compression } = input;
  const appendMs = input.logAppendTimeMs ?? null;
  const first = records[0];
  const last = records.at(-1);
  if (first === undefined || last === undefined) return Buffer.alloc(0);
  const typeBit = magic === 1 && appendMs !== null ? LOG_APPEND_TIME_BIT : 0;
  if (compression === 'none') {
    return joinMessages(
      records.map((record) => ({ ...record, timestampMs: appendMs ?? record.timestampMs })),
      magic,
      typeBit,
    );
  }
  const base = magic === 1 ? first.offset : 0;
  const set = joinMessages(
    records.map((record) => ({ ...record, offset: record.offset - base })),
    magic,
    typeBit,
  );
  const value = compression === 'lz4' ? lz4Compress(set, magic === 0) : compress(compression, set);
  const timestampMs = appendMs ?? Math.max(NO_TIMESTAMP, ...records.map((record) => record.timestampMs));
  const wrapper = { offset: last.offset, timestampMs, key: null, value };
  return joinMessages([wrapper], magic, typeBit | COMPRESSION_TYPES.indexOf(compression));
}

function joinMessages(records: readonly LegacyRecordInput[], magic: LegacyMagic, attributes: number): Buffer {
  let size = 0;
  for (const { key, value } of records) size += messageSize(magic, key?.length ?? 0, value?.length ?? 0);
  const set = Buffer.allocUnsafe(size);
  let pos = 0;
  for (const record of records) pos = writeMessage(set, pos, magic, attributes, record);
  return set;
}

const messageSize = (magic: LegacyMagic, keyBytes: number, valueBytes: number): number =>
  BODY_OFFSET + (magic === 1 ? 8 : 0) + 8 + keyBytes + valueBytes;

/** Writes one message at `start`; returns where it ends. */
function writeMessage(
  set: Buffer,
  start: number,
  magic: LegacyMagic,
  attributes: number,
  record: LegacyRecordInput,
): number {
  let pos = start + BODY_OFFSET;
  if (magic === 1) {
    writeInt64(set, pos, record.timestampMs);
    pos += 8;
  }
  pos = writeNullable(set, pos, record.key);
  pos = writeNullable(set, pos, record.value);
  writeInt64(set, start, record.offset);
  set.writeInt32BE(pos - start - LOG_OVERHEAD, start + SIZE_OFFSET);
  set.writeInt8(magic, start + MAGIC_OFFSET);
  set.writeInt8(attributes, start + ATTRIBUTES_OFFSET);
  set.writeUInt32BE(crc32(set, start + MAGIC_OFFSET, pos), start + CRC_OFFSET);
  return pos;
}

function writeNullable(buf: Buffer, pos: number, bytes: Uint8Array | null): number {
  buf.writeInt32BE(bytes === null ? -1 : bytes.length, pos);
  if (bytes === null) return pos + 4;
  buf.set(bytes, pos + 4);
  return pos + 4 + bytes.length;
}

/** The most that the messages of one batch may come to, unfolded; a bomb of tiny records grows fivefold. */
const MAX_CONVERTED_BYTES = 256 * 1024 * 1024;

/**
 * Batches of magic 2 as a message set of an older magic, for Fetch 0-3 (Kafka's RecordsUtil#downConvert). Control
 * batches and headers are left out; of an uncompressed batch the records before `firstOffset` too. A cut last batch
 * is left out.
 *
 * @throws {CompressionError} see `downConvertBatch`. @throws {InvalidRecordError}
 */
export function downConvert(batches: Buffer, magic: LegacyMagic, firstOffset: number): Buffer {
  const sets: Buffer[] = [];
  for (const pos of batchPositions(batches)) sets.push(downConvertBatch(batches, pos, magic, firstOffset));
  return Buffer.concat(sets);
}

/**
 * The batch at `pos` alone, see `downConvert`. Nothing is kept per record: memory is the unfolded batch and the set.
 *
 * @throws {CompressionError} `unknown-codec` for zstd, which older readers cannot have (answer 76); `too-large`.
 * @throws {InvalidRecordError} when a batch's records are damaged.
 */
export function downConvertBatch(
  batches: Buffer,
  pos: number,
  magic: LegacyMagic,
  firstOffset: number,
): Buffer {
  if (isControl(batches, pos)) return Buffer.alloc(0);
  const compression = compressionType(batches, pos);
  if (compression === null || compression === 'zstd') {
    throw new CompressionError('unknown-codec', 'the codec does not exist in older message formats');
  }
  const section = recordsSection(batches, pos);
  const cursor = new RecordCursor(section, 0, section.length);
  const from = compression === 'none' ? firstOffset : 0;
  const measured = measure(cursor, batches, pos, magic, from);
  if (measured.count === 0) return Buffer.alloc(0);
  cursor.reset(section, 0, section.length);
  const isAppendTime = timestampType(batches, pos) === 'LogAppendTime';
  const typeBit = magic === 1 && isAppendTime ? LOG_APPEND_TIME_BIT : 0;
  const appendMs = isAppendTime ? maxTimestamp(batches, pos) : null;
  // Inside a wrapper of magic 1 offsets count from the first record.
  const innerBase = compression !== 'none' && magic === 1 ? measured.firstOffset : 0;
  const set = Buffer.allocUnsafe(measured.bytes);
  let end = 0;
  while (cursor.next()) {
    const record = cursor.read(baseOffset(batches, pos), firstTimestamp(batches, pos));
    if (record.offset < from) continue;
    const timestampMs = appendMs ?? record.timestampMs;
    end = writeMessage(set, end, magic, typeBit, {
      ...record,
      offset: record.offset - innerBase,
      timestampMs,
    });
  }
  if (compression === 'none') return set;
  const value = compression === 'lz4' ? lz4Compress(set, magic === 0) : compress(compression, set);
  const timestampMs = appendMs ?? measured.maxTimestampMs;
  const wrapper = { offset: measured.lastOffset, timestampMs, key: null, value };
  return joinMessages([wrapper], magic, typeBit | COMPRESSION_TYPES.indexOf(compression));
}

type Measured = {
  count: number;
  bytes: number;
  firstOffset: number;
  lastOffset: number;
  maxTimestampMs: number;
};

/** Walks the records from offset `from` on. @throws {InvalidRecordError} @throws {CompressionError} `too-large` */
function measure(
  cursor: RecordCursor,
  batches: Buffer,
  pos: number,
  magic: LegacyMagic,
  from: number,
): Measured {
  const measured = { count: 0, bytes: 0, firstOffset: -1, lastOffset: -1, maxTimestampMs: NO_TIMESTAMP };
  const base = baseOffset(batches, pos);
  const baseMs = firstTimestamp(batches, pos);
  let seen = 0;
  while (cursor.next()) {
    seen++;
    const offset = base + cursor.offsetDelta;
    if (offset < from) continue;
    if (measured.count === 0) measured.firstOffset = offset;
    measured.count++;
    measured.lastOffset = offset;
    measured.maxTimestampMs = Math.max(measured.maxTimestampMs, baseMs + cursor.timestampDeltaMs);
    measured.bytes += messageSize(magic, Math.max(0, cursor.keyLength), Math.max(0, cursor.valueLength));
    if (measured.bytes > MAX_CONVERTED_BYTES) {
      throw new CompressionError('too-large', 'a batch is too large in an older message format');
    }
  }
  if (cursor.problem !== null) throw new InvalidRecordError(cursor.problem);
  if (seen !== recordCount(batches, pos))
    throw new InvalidRecordError('a batch does not hold what it counts');
  return measured;
}
