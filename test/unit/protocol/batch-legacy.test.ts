import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  buildMessageSet,
  crc32,
  downConvert,
  readLegacyMessage,
  unfoldLegacy,
} from '../../../protocol/batch/legacy.ts';
import { buildBatch } from '../../../protocol/batch.ts';
import { batchVector, batchVectors, vectorBytes, vectorRecords } from './batch-vectors.ts';

const vectors = batchVectors.filter((vector) => vector.magic === 0 || vector.magic === 1);
const MIB = 1024 * 1024;

/** Every record of a message set, wrappers unfolded. */
function readAll(set: Buffer) {
  const records = [];
  for (let pos = 0; pos < set.length; pos += 12 + set.readInt32BE(pos + 8)) {
    const message = readLegacyMessage(set, pos);
    expect(message?.isCrcValid).toBe(true);
    if (message !== null) records.push(...unfoldLegacy(message, MIB));
  }
  return records;
}

describe('Message sets made by Kafka', () => {
  test.each(vectors)('$name is read with absolute offsets and its timestamps', (vector) => {
    const appendMs = vector.appendTimeMs ?? null;
    const expected = vectorRecords(vector).map(({ offset, timestampMs, key, value }) => ({
      offset,
      key,
      value,
      magic: vector.magic,
      codec: 0,
      isCrcValid: true,
      timestampMs: vector.magic === 0 ? -1 : (appendMs ?? timestampMs),
      timestampType: appendMs === null ? 'CreateTime' : 'LogAppendTime',
    }));
    expect(readAll(vectorBytes(vector))).toEqual(expected);
  });

  test.each(vectors.filter((vector) => vector.codec === 'none'))(
    '$name is built with the same bytes',
    (vector) => {
      const built = buildMessageSet({
        magic: vector.magic === 0 ? 0 : 1,
        records: vectorRecords(vector),
        compression: 'none',
        logAppendTimeMs: vector.appendTimeMs ?? null,
      });
      expect(built.toString('hex')).toBe(vector.hex);
    },
  );

  test.each(vectors.filter((vector) => vector.codec !== 'none'))(
    '$name is built as a wrapper of the same content',
    (vector) => {
      const built = buildMessageSet({
        magic: vector.magic === 0 ? 0 : 1,
        records: vectorRecords(vector),
        compression: vector.codec ?? 'none',
        logAppendTimeMs: vector.appendTimeMs ?? null,
      });
      const bytes = vectorBytes(vector);
      expect(readAll(built)).toEqual(readAll(bytes));
      expect(built.readInt8(17)).toBe(bytes.readInt8(17));
      expect(built.readBigInt64BE(0)).toBe(bytes.readBigInt64BE(0));
      if (vector.magic === 1) expect(built.readBigInt64BE(18)).toBe(bytes.readBigInt64BE(18));
    },
  );
});

describe('Down-conversion', () => {
  test('makes a message set of batches, without headers, control batches and records before the fetch', () => {
    const records = vectorRecords(batchVector('magic 1 none'));
    const data = buildBatch({ records, baseOffset: 10 });
    const control = vectorBytes(batchVector('commit marker'));
    const converted = downConvert(Buffer.concat([control, data, data.subarray(0, 70)]), 1, 11);
    expect(
      converted.equals(buildMessageSet({ magic: 1, records: records.slice(1), compression: 'none' })),
    ).toBe(true);
    expect(downConvert(data, 0, 0).toString('hex')).toBe(batchVector('magic 0 none').hex);
  });

  test('keeps the codec, the append time and all records of a compressed batch', () => {
    const gzip = vectorBytes(batchVector('log append time gzip'));
    const read = readAll(downConvert(gzip, 1, 12));
    expect(read.map((record) => record.offset)).toEqual([10, 11, 12]);
    expect(read.every((record) => record.timestampType === 'LogAppendTime')).toBe(true);
    expect(() => downConvert(vectorBytes(batchVector('mixed zstd')), 1, 0)).toThrow('older message formats');
  });
});

describe('Legacy messages', () => {
  test('have the CRC of zip', () => {
    expect(crc32(Buffer.from('123456789'), 0, 9)).toBe(0xcbf43926);
  });

  test('of any bytes are read or refused, with no other error', () => {
    const head = vectorBytes(batchVector('magic 1 gzip'));
    fc.assert(
      fc.property(fc.nat(head.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(head);
        bytes[at] = byte;
        bytes.writeInt32BE(head.length - 12, 8);
        const message = readLegacyMessage(bytes, 0);
        if (message === null) return;
        try {
          unfoldLegacy(message, MIB);
        } catch (error) {
          expect(['InvalidRecordError', 'CompressionError']).toContain((error as Error).name);
        }
      }),
      { numRuns: 500 },
    );
  });
});
