// Record batches v2: the unit of Produce, Fetch, replication and of every log file (KIP-98, Kafka's
// DefaultRecordBatch). All integers big-endian.
//
//    0  baseOffset            int64   offset of the first record; set by the leader
//    8  batchLength           int32   bytes after this field
//   12  partitionLeaderEpoch  int32   set by the leader
//   16  magic                 int8    2
//   17  crc                   uint32  CRC-32C of everything from attributes to the end
//   21  attributes            int16   bits 0-2 codec, 3 timestamp type (1 = LogAppendTime), 4 transactional,
//                                     5 control, 6 baseTimestamp is a delete horizon (KIP-534)
//   23  lastOffsetDelta       int32
//   27  baseTimestamp         int64   of the first record, or the delete horizon
//   35  maxTimestamp          int64
//   43  producerId            int64   -1: none
//   51  producerEpoch         int16   -1: none
//   53  baseSequence          int32   -1: none
//   57  recordCount           int32
//   61  records               see batch/record.ts; compressed as one run when a codec is set
//
// Always true: readers take (buf, pos) with pos at baseOffset and trust that the header's 61 bytes are there;
// callers on untrusted bytes ask `checkBatchFrame` first. Base offset and leader epoch lie outside the CRC, so the
// leader patches them in place; every other setter renews the CRC or says that it does not.

import { readInt64, writeInt64 } from './batch/int64.ts';
import type { LogRecord, RecordInput } from './batch/record.ts';
import {
  InvalidRecordError,
  RecordCursor,
  recordBodySize,
  varlongSize,
  writeRecord,
} from './batch/record.ts';
import { compress, decompress } from './compression/index.ts';
import type { CompressionType } from './compression/types.ts';
import { COMPRESSION_TYPES } from './compression/types.ts';
import { crc32c } from './crc32c.ts';

/** Base offset and length: what precedes the bytes that `batchLength` counts. */
export const LOG_OVERHEAD = 12;
export const BATCH_HEADER_SIZE = 61;
export const MAGIC_V2 = 2;

/** Where a message of any magic has its magic byte. */
export const MAGIC_OFFSET = 16;
const LENGTH_OFFSET = 8;
const LEADER_EPOCH_OFFSET = 12;
const CRC_OFFSET = 17;
const ATTRIBUTES_OFFSET = 21;
const LAST_OFFSET_DELTA_OFFSET = 23;
const BASE_TIMESTAMP_OFFSET = 27;
const MAX_TIMESTAMP_OFFSET = 35;
const PRODUCER_ID_OFFSET = 43;
const PRODUCER_EPOCH_OFFSET = 51;
const BASE_SEQUENCE_OFFSET = 53;
const RECORD_COUNT_OFFSET = 57;

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;
const DELETE_HORIZON_BIT = 0x40;
const KEPT_BITS = CODEC_MASK | TRANSACTIONAL_BIT | CONTROL_BIT | DELETE_HORIZON_BIT;

export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_PARTITION_LEADER_EPOCH = -1;

export type TimestampType = 'CreateTime' | 'LogAppendTime';

/** A decompressed batch may not be larger than this, whatever its bytes claim. */
export const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;

// ---------------------------------------------------------------------------------------------------- reading

export function baseOffset(buf: Buffer, pos = 0): number {
  return readInt64(buf, pos);
}

export function batchLength(buf: Buffer, pos = 0): number {
  return buf.readInt32BE(pos + LENGTH_OFFSET);
}

/** The whole batch in bytes, base offset and length included. */
export function sizeInBytes(buf: Buffer, pos = 0): number {
  return LOG_OVERHEAD + buf.readInt32BE(pos + LENGTH_OFFSET);
}

export function partitionLeaderEpoch(buf: Buffer, pos = 0): number {
  return buf.readInt32BE(pos + LEADER_EPOCH_OFFSET);
}

export function magic(buf: Buffer, pos = 0): number {
  return buf.readInt8(pos + MAGIC_OFFSET);
}

export function crc(buf: Buffer, pos = 0): number {
  return buf.readUInt32BE(pos + CRC_OFFSET);
}

export function attributes(buf: Buffer, pos = 0): number {
  return buf.readInt16BE(pos + ATTRIBUTES_OFFSET);
}

export function lastOffsetDelta(buf: Buffer, pos = 0): number {
  return buf.readInt32BE(pos + LAST_OFFSET_DELTA_OFFSET);
}

export function lastOffset(buf: Buffer, pos = 0): number {
  return readInt64(buf, pos) + buf.readInt32BE(pos + LAST_OFFSET_DELTA_OFFSET);
}

/** The offset after the batch. */
export function nextOffset(buf: Buffer, pos = 0): number {
  return lastOffset(buf, pos) + 1;
}

/** The timestamp that deltas count from. After a compaction it may be a delete horizon instead, see that bit. */
export function firstTimestamp(buf: Buffer, pos = 0): number {
  return readInt64(buf, pos + BASE_TIMESTAMP_OFFSET);
}

export function maxTimestamp(buf: Buffer, pos = 0): number {
  return readInt64(buf, pos + MAX_TIMESTAMP_OFFSET);
}

export function producerId(buf: Buffer, pos = 0): number {
  return readInt64(buf, pos + PRODUCER_ID_OFFSET);
}

export function hasProducerId(buf: Buffer, pos = 0): boolean {
  return buf.readInt32BE(pos + PRODUCER_ID_OFFSET) >= 0;
}

export function producerEpoch(buf: Buffer, pos = 0): number {
  return buf.readInt16BE(pos + PRODUCER_EPOCH_OFFSET);
}

export function baseSequence(buf: Buffer, pos = 0): number {
  return buf.readInt32BE(pos + BASE_SEQUENCE_OFFSET);
}

/** The sequence of the last record: it wraps from 2^31-1 to 0. */
export function lastSequence(buf: Buffer, pos = 0): number {
  const base = baseSequence(buf, pos);
  return base === NO_SEQUENCE ? NO_SEQUENCE : incrementSequence(base, lastOffsetDelta(buf, pos));
}

/** `sequence` advanced by `increment`, wrapping from 2^31-1 to 0. */
export function incrementSequence(sequence: number, increment: number): number {
  const sum = sequence + increment;
  return sum > 0x7fffffff ? sum - 0x80000000 : sum;
}

export function recordCount(buf: Buffer, pos = 0): number {
  return buf.readInt32BE(pos + RECORD_COUNT_OFFSET);
}

export function isTransactional(buf: Buffer, pos = 0): boolean {
  return (attributes(buf, pos) & TRANSACTIONAL_BIT) !== 0;
}

export function isControl(buf: Buffer, pos = 0): boolean {
  return (attributes(buf, pos) & CONTROL_BIT) !== 0;
}

/** The codec's number, 0 to 7; 5 to 7 are not defined. */
export function compressionId(buf: Buffer, pos = 0): number {
  return attributes(buf, pos) & CODEC_MASK;
}

/** The codec, or null for a number that no codec has. */
export function compressionType(buf: Buffer, pos = 0): CompressionType | null {
  return COMPRESSION_TYPES[compressionId(buf, pos)] ?? null;
}

export function timestampType(buf: Buffer, pos = 0): TimestampType {
  return (attributes(buf, pos) & LOG_APPEND_TIME_BIT) !== 0 ? 'LogAppendTime' : 'CreateTime';
}

/** When tombstones of this batch may go, or null where no compaction has set it. */
export function deleteHorizonMs(buf: Buffer, pos = 0): number | null {
  return (attributes(buf, pos) & DELETE_HORIZON_BIT) !== 0 ? firstTimestamp(buf, pos) : null;
}

// ---------------------------------------------------------------------------------------------------- checking

/** `ok`; `short`: the bytes end before the batch does; `corrupt`: no batch can begin with these bytes. */
export type FrameCheck = 'ok' | 'short' | 'corrupt';

/** Whether a whole v2 batch lies in `buf[pos..end)`, judged by length and magic only. */
export function checkBatchFrame(buf: Buffer, pos = 0, end = buf.length): FrameCheck {
  if (end - pos < MAGIC_OFFSET + 1) return 'short';
  if (magic(buf, pos) !== MAGIC_V2) return 'corrupt';
  if (sizeInBytes(buf, pos) < BATCH_HEADER_SIZE) return 'corrupt';
  return sizeInBytes(buf, pos) > end - pos ? 'short' : 'ok';
}

/** The CRC that the batch's bytes should have. */
export function computeCrc(buf: Buffer, pos = 0): number {
  return crc32c(buf, pos + ATTRIBUTES_OFFSET, pos + sizeInBytes(buf, pos));
}

/** Whether the stored CRC agrees with the bytes. Needs a batch that `checkBatchFrame` finds `ok`. */
export function isCrcValid(buf: Buffer, pos = 0): boolean {
  return crc(buf, pos) === computeCrc(buf, pos);
}

// ---------------------------------------------------------------------------------------------------- in place

export function setBaseOffset(buf: Buffer, pos: number, offset: number): void {
  writeInt64(buf, pos, offset);
}

/** Moves the batch so that its last record gets `offset`. */
export function setLastOffset(buf: Buffer, pos: number, offset: number): void {
  writeInt64(buf, pos, offset - lastOffsetDelta(buf, pos));
}

export function setPartitionLeaderEpoch(buf: Buffer, pos: number, epoch: number): void {
  buf.writeInt32BE(epoch, pos + LEADER_EPOCH_OFFSET);
}

/**
 * Sets the timestamp type and the max timestamp, and renews the CRC if either changed. Attribute bits that mean
 * nothing are cleared then, as Kafka's DefaultRecordBatch#setMaxTimestamp does.
 */
export function setMaxTimestamp(buf: Buffer, pos: number, type: TimestampType, timestampMs: number): void {
  if (timestampType(buf, pos) === type && maxTimestamp(buf, pos) === timestampMs) return;
  const cleared = attributes(buf, pos) & KEPT_BITS;
  const value = type === 'LogAppendTime' ? cleared | LOG_APPEND_TIME_BIT : cleared;
  buf.writeInt16BE(value, pos + ATTRIBUTES_OFFSET);
  writeInt64(buf, pos + MAX_TIMESTAMP_OFFSET, timestampMs);
  refreshCrc(buf, pos);
}

/** Sets the producer's identity and renews the CRC. */
export function setProducer(buf: Buffer, pos: number, id: number, epoch: number, sequence: number): void {
  writeInt64(buf, pos + PRODUCER_ID_OFFSET, id);
  buf.writeInt16BE(epoch, pos + PRODUCER_EPOCH_OFFSET);
  buf.writeInt32BE(sequence, pos + BASE_SEQUENCE_OFFSET);
  refreshCrc(buf, pos);
}

/** Writes the CRC that the bytes have. */
export function refreshCrc(buf: Buffer, pos = 0): void {
  buf.writeUInt32BE(computeCrc(buf, pos), pos + CRC_OFFSET);
}

// ---------------------------------------------------------------------------------------------------- building

export type BatchInput = {
  readonly records: readonly RecordInput[];
  readonly baseOffset?: number;
  /** For compaction, which keeps a batch's range though records have gone. Default: the last record's offset. */
  readonly lastOffset?: number;
  readonly leaderEpoch?: number;
  readonly compression?: CompressionType;
  /** For gzip, lz4 and zstd; the codec's default otherwise. */
  readonly compressionLevel?: number;
  /** For records that bring no timestamp of their own. Default: none (-1). */
  readonly timestampMs?: number;
  /** For batches that keep a max timestamp without the record that had it. Default: the records' latest. */
  readonly maxTimestampMs?: number;
  /** Makes the batch LogAppendTime, with this as its max timestamp. */
  readonly logAppendTimeMs?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  readonly deleteHorizonMs?: number | null;
};

/** One whole batch, with CRC, as Kafka's MemoryRecordsBuilder would write it. */
export function buildBatch(input: BatchInput): Buffer {
  const base = input.baseOffset ?? 0;
  const count = input.records.length;
  const defaultMs = input.timestampMs ?? NO_TIMESTAMP;
  const horizonMs = input.deleteHorizonMs ?? null;
  const baseMs = horizonMs ?? input.records[0]?.timestampMs ?? defaultMs;
  let maxMs = NO_TIMESTAMP;
  let last = base + count - 1;
  let size = 0;
  const bodySizes = new Array<number>(count);
  input.records.forEach((record, index) => {
    const timestampMs = record.timestampMs ?? defaultMs;
    if (timestampMs > maxMs) maxMs = timestampMs;
    last = record.offset ?? base + index;
    const bodySize = recordBodySize(record, last - base, timestampMs - baseMs);
    bodySizes[index] = bodySize;
    size += varlongSize(bodySize) + bodySize;
  });
  const codec = input.compression ?? 'none';
  const compressed = codec !== 'none' && count > 0;
  const headerSize = compressed ? 0 : BATCH_HEADER_SIZE;
  const plain = Buffer.allocUnsafe(headerSize + size);
  let pos = headerSize;
  input.records.forEach((record, index) => {
    const delta = (record.offset ?? base + index) - base;
    const deltaMs = (record.timestampMs ?? defaultMs) - baseMs;
    pos = writeRecord(plain, pos, record, bodySizes[index] ?? 0, delta, deltaMs);
  });
  const batch = compressed ? withRoomForHeader(compress(codec, plain, input.compressionLevel)) : plain;
  writeHeader(
    batch,
    input,
    baseMs,
    input.logAppendTimeMs ?? input.maxTimestampMs ?? maxMs,
    (input.lastOffset ?? last) - base,
  );
  return batch;
}

function withRoomForHeader(records: Buffer): Buffer {
  const batch = Buffer.allocUnsafe(BATCH_HEADER_SIZE + records.length);
  records.copy(batch, BATCH_HEADER_SIZE);
  return batch;
}

function writeHeader(
  batch: Buffer,
  input: BatchInput,
  baseMs: number,
  maxMs: number,
  lastDelta: number,
): void {
  let bits = COMPRESSION_TYPES.indexOf(input.compression ?? 'none');
  if (input.logAppendTimeMs !== undefined) bits |= LOG_APPEND_TIME_BIT;
  if (input.transactional === true) bits |= TRANSACTIONAL_BIT;
  if (input.control === true) bits |= CONTROL_BIT;
  if (typeof input.deleteHorizonMs === 'number') bits |= DELETE_HORIZON_BIT;
  writeInt64(batch, 0, input.baseOffset ?? 0);
  batch.writeInt32BE(batch.length - LOG_OVERHEAD, LENGTH_OFFSET);
  batch.writeInt32BE(input.leaderEpoch ?? NO_PARTITION_LEADER_EPOCH, LEADER_EPOCH_OFFSET);
  batch.writeInt8(MAGIC_V2, MAGIC_OFFSET);
  batch.writeInt16BE(bits, ATTRIBUTES_OFFSET);
  batch.writeInt32BE(lastDelta, LAST_OFFSET_DELTA_OFFSET);
  writeInt64(batch, BASE_TIMESTAMP_OFFSET, baseMs);
  writeInt64(batch, MAX_TIMESTAMP_OFFSET, maxMs);
  writeInt64(batch, PRODUCER_ID_OFFSET, input.producerId ?? NO_PRODUCER_ID);
  batch.writeInt16BE(input.producerEpoch ?? NO_PRODUCER_EPOCH, PRODUCER_EPOCH_OFFSET);
  batch.writeInt32BE(input.baseSequence ?? NO_SEQUENCE, BASE_SEQUENCE_OFFSET);
  batch.writeInt32BE(input.records.length, RECORD_COUNT_OFFSET);
  refreshCrc(batch, 0);
}

// ---------------------------------------------------------------------------------------------------- records

/**
 * The records section of a batch, decompressed where a codec is set (then a fresh Buffer), else a view.
 *
 * @throws {CompressionError} when the bytes do not unfold, the codec is unknown, or `maxBytes` is exceeded.
 */
export function recordsSection(buf: Buffer, pos = 0, maxBytes = MAX_DECOMPRESSED_BYTES): Buffer {
  const section = buf.subarray(pos + BATCH_HEADER_SIZE, pos + sizeInBytes(buf, pos));
  const id = compressionId(buf, pos);
  // Kafka's reader ends with the first lz4 frame: so do we, or a batch would mean two things.
  return id === 0 ? section : decompress(id, section, maxBytes, { firstFrameOnly: true });
}

/**
 * The records of one batch, in order. Keys and values are views into `buf`, or into the decompressed bytes.
 *
 * @throws {InvalidRecordError} when a record is malformed, or count and bytes disagree.
 * @throws {CompressionError} see `recordsSection`.
 */
export function* iterateRecords(
  buf: Buffer,
  pos = 0,
  maxBytes = MAX_DECOMPRESSED_BYTES,
): Generator<LogRecord> {
  const base = baseOffset(buf, pos);
  const baseMs = firstTimestamp(buf, pos);
  const appendMs = timestampType(buf, pos) === 'LogAppendTime' ? maxTimestamp(buf, pos) : null;
  const count = recordCount(buf, pos);
  if (count === 0) return;
  const section = recordsSection(buf, pos, maxBytes);
  const cursor = new RecordCursor(section, 0, section.length);
  let seen = 0;
  while (seen < count && cursor.next()) {
    seen++;
    const record = cursor.read(base, baseMs);
    yield appendMs === null ? record : { ...record, timestampMs: appendMs };
  }
  if (cursor.problem !== null) throw new InvalidRecordError(cursor.problem);
  if (seen !== count) throw new InvalidRecordError('a batch holds fewer records than it counts');
  if (cursor.remaining > 0) throw new InvalidRecordError('a batch holds bytes after its last record');
}

/** Positions of the batches in a run of whole batches; ends before a batch that is cut or no batch at all. */
export function* batchPositions(buf: Buffer, start = 0, end = buf.length): Generator<number> {
  let pos = start;
  while (checkBatchFrame(buf, pos, end) === 'ok') {
    yield pos;
    pos += sizeInBytes(buf, pos);
  }
}
