/** Batches that scenarios send: good ones, and good ones with one thing wrong. */
import type { RecordInput } from '../../../protocol/batch/record.ts';
import type { BatchInput } from '../../../protocol/batch.ts';
import * as batch from '../../../protocol/batch.ts';

/** An hour back and more, the same for both brokers. */
export const T0 = Date.now() - 3_600_000;

export const bytes = (text: string): Buffer => Buffer.from(text);

export const record = (index: number, more: RecordInput = {}): RecordInput => ({
  timestampMs: T0 + index,
  key: bytes(`key-${index}`),
  value: bytes(`value-${index}-`.repeat(5)),
  ...more,
});

export const records = (count: number, more: RecordInput = {}): RecordInput[] =>
  Array.from({ length: count }, (_, index) => record(index, more));

export const makeBatch = (more: Partial<BatchInput> = {}): Buffer =>
  batch.buildBatch({ records: records(3), ...more });

/** A batch with something changed in its header, its CRC right again. */
export function changed(source: Buffer, change: (copy: Buffer) => void, keepsCrc = false): Buffer {
  const copy = Buffer.from(source);
  change(copy);
  if (!keepsCrc) batch.refreshCrc(copy);
  return copy;
}

const HEADER = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

const int64 = (at: number, value: number) => (copy: Buffer) => copy.writeBigInt64BE(BigInt(value), at);
const int32 = (at: number, value: number) => (copy: Buffer) => copy.writeInt32BE(value, at);
const int16 = (at: number, value: number) => (copy: Buffer) => copy.writeInt16BE(value, at);

/** Each is a batch that no well-behaved producer sends. */
export function oddBatches(): Record<string, Buffer> {
  const good = makeBatch();
  const zipped = makeBatch({ compression: 'gzip' });
  const of = (change: (copy: Buffer) => void) => changed(good, change);
  const flipped = (at: number) => changed(good, (copy) => (copy[at] = (copy[at] ?? 0) ^ 1), true);
  return {
    'wrong crc': flipped(HEADER.crc),
    'damaged body': flipped(70),
    'base offset 5': of(int64(HEADER.baseOffset, 5)),
    'base offset -1': of(int64(HEADER.baseOffset, -1)),
    'leader epoch 7': of(int32(HEADER.leaderEpoch, 7)),
    'magic 1': of((copy) => copy.writeInt8(1, HEADER.magic)),
    'magic 3': of((copy) => copy.writeInt8(3, HEADER.magic)),
    'magic -1': of((copy) => copy.writeInt8(-1, HEADER.magic)),
    'codec 5': of(int16(HEADER.attributes, 5)),
    'codec 7': of(int16(HEADER.attributes, 7)),
    'gzip that is none': of(int16(HEADER.attributes, 1)),
    'snappy that is none': of(int16(HEADER.attributes, 2)),
    'lz4 that is none': of(int16(HEADER.attributes, 3)),
    'zstd that is none': of(int16(HEADER.attributes, 4)),
    'none that is gzip': changed(zipped, int16(HEADER.attributes, 0)),
    'log append time': of(int16(HEADER.attributes, 8)),
    'log append time, gzip': changed(zipped, int16(HEADER.attributes, 9)),
    'unknown attribute bits': of(int16(HEADER.attributes, 0x7f80)),
    'delete horizon': of(int16(HEADER.attributes, 0x40)),
    control: of(int16(HEADER.attributes, 0x20)),
    'control and transactional': of(int16(HEADER.attributes, 0x30)),
    'transactional without producer': of(int16(HEADER.attributes, 0x10)),
    'delta one more': of(int32(HEADER.lastOffsetDelta, 3)),
    'delta one less': of(int32(HEADER.lastOffsetDelta, 1)),
    'delta -1': of(int32(HEADER.lastOffsetDelta, -1)),
    'delta max': of(int32(HEADER.lastOffsetDelta, 0x7fffffff)),
    'max timestamp too large': of(int64(HEADER.maxTimestamp, T0 + 1_000)),
    'max timestamp too small': of(int64(HEADER.maxTimestamp, 0)),
    'max timestamp -1': of(int64(HEADER.maxTimestamp, -1)),
    'first timestamp -5': of(int64(HEADER.firstTimestamp, -5)),
    'count one more': of(int32(HEADER.recordCount, 4)),
    'count one less': of(int32(HEADER.recordCount, 2)),
    'count 0': of(int32(HEADER.recordCount, 0)),
    'count -1': of(int32(HEADER.recordCount, -1)),
    'count and delta one more': changed(of(int32(HEADER.recordCount, 4)), int32(HEADER.lastOffsetDelta, 3)),
    'count and delta one less': changed(of(int32(HEADER.recordCount, 2)), int32(HEADER.lastOffsetDelta, 1)),
    'count and delta one less, gzip': changed(
      changed(zipped, int32(HEADER.recordCount, 2)),
      int32(HEADER.lastOffsetDelta, 1),
    ),
    'count and delta one more, gzip': changed(
      changed(zipped, int32(HEADER.recordCount, 4)),
      int32(HEADER.lastOffsetDelta, 3),
    ),
    'empty batch': batch.buildBatch({ records: [] }),
    'producer id without epoch': of(int64(HEADER.producerId, 90_001)),
    'producer without sequence': changed(
      of(int64(HEADER.producerId, 90_002)),
      int16(HEADER.producerEpoch, 0),
    ),
    'producer id -2': changed(of(int64(HEADER.producerId, -2)), int32(HEADER.baseSequence, 0)),
    'offset gap': makeBatch({ records: [record(0, { offset: 0 }), record(1, { offset: 2 })] }),
    'offset gap, gzip': makeBatch({
      compression: 'gzip',
      records: [record(0, { offset: 0 }), record(1, { offset: 2 })],
    }),
    'first offset not 0': makeBatch({ records: [record(0, { offset: 1 }), record(1, { offset: 2 })] }),
    'offsets fall': makeBatch({
      records: [record(0, { offset: 1 }), record(1, { offset: 0 })],
      lastOffset: 1,
    }),
    'timestamp -1': makeBatch({ records: records(2, { timestampMs: -1 }) }),
    'timestamp -2': makeBatch({ records: records(2, { timestampMs: -2 }) }),
    'timestamp -2, gzip': makeBatch({ compression: 'gzip', records: records(2, { timestampMs: -2 }) }),
    'timestamps fall': makeBatch({ records: [record(9), record(2), record(5)] }),
    'cut in its header': good.subarray(0, 30),
    'cut in its first bytes': good.subarray(0, 11),
    'cut in its body': good.subarray(0, good.length - 1),
    'length 0': of(int32(HEADER.length, 0)),
    'length -1': of(int32(HEADER.length, -1)),
    'length 13': of(int32(HEADER.length, 13)),
    'length 14': of(int32(HEADER.length, 14)),
    'length 48': of(int32(HEADER.length, 48)),
    'length too large': changed(good, int32(HEADER.length, good.length), true),
    'trailing byte': Buffer.concat([good, Buffer.alloc(1)]),
    'trailing half batch': Buffer.concat([good, good.subarray(0, 61)]),
    'trailing zeros': Buffer.concat([good, Buffer.alloc(40)]),
    'two batches': Buffer.concat([good, good]),
    'second batch has magic 9': Buffer.concat([
      good,
      changed(good, (copy) => copy.writeInt8(9, HEADER.magic)),
    ]),
    'trailing bytes in gzip': changed(
      Buffer.concat([zipped, Buffer.alloc(5)]),
      int32(HEADER.length, zipped.length + 5 - 12),
    ),
    nothing: Buffer.alloc(0),
  };
}
