import { beforeAll, describe, expect, test } from 'vitest';
import { readLegacyMessage, unfoldLegacy } from '../../../../protocol/batch/legacy.ts';
import { buildBatch, sizeInBytes } from '../../../../protocol/batch.ts';
import { prepareCompression } from '../../../../protocol/compression/index.ts';
import type { CompressionType } from '../../../../protocol/compression/types.ts';
import { ErrorCode } from '../../../../protocol/errors.ts';
import { downConvertRead, legacyMagicOf } from '../../../../src/partition/down-conversion.ts';

const NOW_MS = 1_700_000_000_000;

const batchAt = (baseOffset: number, count: number, compression: CompressionType = 'none', valueBytes = 20) =>
  buildBatch({
    baseOffset,
    compression,
    records: Array.from({ length: count }, (_, index) => ({
      timestampMs: NOW_MS + index,
      key: Buffer.from(`k${index}`),
      value: Buffer.alloc(valueBytes, 'v'),
      headers: [{ key: 'h', value: Buffer.from('x') }],
    })),
  });

function offsetsOf(records: readonly Buffer[]): number[] {
  const bytes = Buffer.concat(records);
  const offsets: number[] = [];
  for (let pos = 0; bytes.length - pos >= 12 && bytes.length - pos >= sizeInBytes(bytes, pos); ) {
    const message = readLegacyMessage(bytes, pos);
    if (message === null) throw new Error('not a message');
    expect(message.isCrcValid).toBe(true);
    offsets.push(...unfoldLegacy(message, 1_000_000).map(({ offset }) => offset));
    pos += sizeInBytes(bytes, pos);
  }
  return offsets;
}

describe('down-conversion', () => {
  beforeAll(prepareCompression);

  test('is to format 0 up to Fetch 1, to format 1 up to Fetch 3, and none from 4 on', () => {
    expect([0, 1, 2, 3, 4, 16].map(legacyMagicOf)).toEqual([0, 0, 1, 1, null, null]);
  });

  test('begins with the record asked for where records are single, and with the batch where they are not', () => {
    const plain = downConvertRead([batchAt(10, 5)], 1, 12, 10_000);
    expect(offsetsOf(plain.records)).toEqual([12, 13, 14]);
    const folded = downConvertRead([batchAt(10, 5, 'gzip')], 1, 12, 10_000);
    expect(offsetsOf(folded.records)).toEqual([10, 11, 12, 13, 14]);
  });

  test('sends the first batch whole even if it grows, and no more than was asked for after it', () => {
    const [first, second] = [batchAt(0, 100, 'none', 0), batchAt(100, 100, 'none', 0)];
    const { records } = downConvertRead([first, second], 1, 0, first.length + second.length);
    const bytes = records.reduce((sum, { length }) => sum + length, 0);
    const firstConverted = Buffer.concat(downConvertRead([first], 1, 0, 0).records).length;
    expect(firstConverted).toBeGreaterThan(first.length);
    expect(bytes).toBe(Math.max(first.length + second.length, firstConverted));
    expect(offsetsOf(records).slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test('refuses a batch of zstd that comes first, and ends before one that comes later', () => {
    const zstd = batchAt(3, 3, 'zstd');
    expect(downConvertRead([zstd], 1, 0, 1_000)).toEqual({
      errorCode: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      records: [],
    });
    const mixed = downConvertRead([Buffer.concat([batchAt(0, 3), zstd])], 0, 0, 1_000);
    expect(mixed.errorCode).toBe(ErrorCode.NONE);
    expect(offsetsOf(mixed.records)).toEqual([0, 1, 2]);
  });

  test('leaves markers out, and tells a reader of markers alone that it can not go on', () => {
    const marker = buildBatch({
      baseOffset: 3,
      producerId: 1,
      producerEpoch: 0,
      transactional: true,
      control: true,
      records: [{ key: Buffer.from('0000000100000000', 'hex'), value: Buffer.alloc(6) }],
    });
    const both = downConvertRead([batchAt(0, 3), marker], 1, 0, 1_000);
    expect(offsetsOf(both.records)).toEqual([0, 1, 2]);
    const alone = Buffer.concat(downConvertRead([marker], 1, 3, 1_000).records);
    expect(alone.length).toBe(12);
    expect(alone.readInt32BE(8)).toBeGreaterThan(alone.length);
  });

  test('of nothing is nothing', () => {
    expect(downConvertRead([], 1, 0, 0)).toEqual({ errorCode: ErrorCode.NONE, records: [] });
  });

  test('answers an error for a batch whose records are damaged', () => {
    const batch = batchAt(0, 3);
    batch.writeInt8(127, 61);
    expect(downConvertRead([batch], 1, 0, 1_000).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
  });
});
