import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  ControlType,
  controlKey,
  controlTypeOf,
  endTxnCoordinatorEpoch,
  endTxnMarkerValue,
} from '../../../protocol/batch/control.ts';
import { readInt64, writeInt64 } from '../../../protocol/batch/int64.ts';
import { RecordCursor, varlongSize, writeVarlong } from '../../../protocol/batch/record.ts';
import * as batch from '../../../protocol/batch.ts';
import { prepareCompression } from '../../../protocol/compression/index.ts';
import type { CompressionType } from '../../../protocol/compression/types.ts';
import { batchVector, batchVectors, vectorBytes, vectorRecords } from './batch-vectors.ts';

beforeAll(async () => {
  await prepareCompression();
});

const v2Vectors = batchVectors.filter((vector) => vector.magic === 2);

describe('Batches made by Kafka', () => {
  test.each(v2Vectors)('$name is read as its header and records', (vector) => {
    const bytes = vectorBytes(vector);
    expect(batch.checkBatchFrame(bytes)).toBe('ok');
    expect(batch.sizeInBytes(bytes)).toBe(bytes.length);
    expect(batch.isCrcValid(bytes)).toBe(true);
    expect(batch.magic(bytes)).toBe(2);
    expect(batch.baseOffset(bytes)).toBe(vector.baseOffset);
    expect(batch.lastOffset(bytes)).toBe(vector.records.at(-1)?.offset);
    expect(batch.partitionLeaderEpoch(bytes)).toBe(vector.leaderEpoch);
    expect(batch.producerId(bytes)).toBe(vector.producerId);
    expect(batch.hasProducerId(bytes)).toBe(vector.producerId >= 0);
    expect(batch.producerEpoch(bytes)).toBe(vector.producerEpoch);
    expect(batch.baseSequence(bytes)).toBe(vector.baseSequence);
    expect(batch.isTransactional(bytes)).toBe(vector.transactional);
    expect(batch.isControl(bytes)).toBe(false);
    expect(batch.compressionType(bytes)).toBe(vector.codec);
    expect(batch.recordCount(bytes)).toBe(vector.records.length);
    expect(batch.deleteHorizonMs(bytes)).toBe(null);
    const appendMs = vector.appendTimeMs ?? null;
    expect(batch.timestampType(bytes)).toBe(appendMs === null ? 'CreateTime' : 'LogAppendTime');
    const latest = Math.max(...vector.records.map((record) => record.timestampMs));
    expect(batch.maxTimestamp(bytes)).toBe(appendMs ?? latest);
    expect(batch.firstTimestamp(bytes)).toBe(vector.records[0]?.timestampMs);
    const expected = vectorRecords(vector).map((record) => ({
      ...record,
      timestampMs: appendMs ?? record.timestampMs,
    }));
    expect([...batch.iterateRecords(bytes)]).toEqual(expected);
  });

  test.each(v2Vectors.filter((vector) => vector.codec === 'none'))(
    '$name is built with the same bytes',
    (vector) => {
      const built = batch.buildBatch({
        records: vectorRecords(vector),
        baseOffset: vector.baseOffset,
        leaderEpoch: vector.leaderEpoch,
        producerId: vector.producerId,
        producerEpoch: vector.producerEpoch,
        baseSequence: vector.baseSequence ?? -1,
        transactional: vector.transactional ?? false,
        ...(typeof vector.appendTimeMs === 'number' ? { logAppendTimeMs: vector.appendTimeMs } : {}),
      });
      expect(built.toString('hex')).toBe(vector.hex);
    },
  );

  test('the range of a batch without records is kept, byte for byte', () => {
    const vector = batchVector('empty');
    const built = batch.buildBatch({
      records: [],
      baseOffset: vector.baseOffset,
      lastOffset: vector.lastOffset ?? 0,
      leaderEpoch: vector.leaderEpoch,
      producerId: vector.producerId,
      producerEpoch: vector.producerEpoch,
      baseSequence: vector.baseSequence ?? -1,
      maxTimestampMs: vector.maxTimestampMs ?? -1,
      transactional: true,
    });
    expect(built.toString('hex')).toBe(vector.hex);
    expect([...batch.iterateRecords(built)]).toEqual([]);
    expect(batch.lastOffset(built)).toBe(29);
  });

  test.each(['commit', 'abort'] as const)('a %s marker is built with the same bytes', (outcome) => {
    const vector = batchVector(`${outcome} marker`);
    const type = outcome === 'commit' ? ControlType.COMMIT : ControlType.ABORT;
    const built = batch.buildBatch({
      records: [{ key: controlKey(type), value: endTxnMarkerValue(vector.coordinatorEpoch ?? 0) }],
      baseOffset: vector.baseOffset,
      timestampMs: vector.timestampMs ?? 0,
      leaderEpoch: vector.leaderEpoch,
      producerId: vector.producerId,
      producerEpoch: vector.producerEpoch,
      transactional: true,
      control: true,
    });
    expect(built.toString('hex')).toBe(vector.hex);
    const [record] = [...batch.iterateRecords(vectorBytes(vector))];
    expect(controlTypeOf(record?.key ?? null)).toBe(type);
    expect(endTxnCoordinatorEpoch(record?.value ?? null)).toBe(12);
    expect(batch.isControl(built)).toBe(true);
  });
});

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)));
const anyRecord = fc.record({
  timestampMs: fc.integer({ min: 0, max: 2 ** 50 }),
  key: bytesOrNull,
  value: bytesOrNull,
  headers: fc.array(fc.record({ key: fc.string(), value: bytesOrNull }), { maxLength: 4 }),
});

describe('A built batch', () => {
  test('gives back its records whatever the codec', () => {
    const codec = fc.constantFrom<CompressionType>('none', 'gzip', 'snappy', 'lz4', 'zstd');
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), codec, (records, compression) => {
        const built = batch.buildBatch({ records, baseOffset: 1000, compression });
        expect(batch.isCrcValid(built)).toBe(true);
        expect([...batch.iterateRecords(built)]).toEqual(
          records.map((record, index) => ({ ...record, offset: 1000 + index })),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('is patched in place without a new CRC', () => {
    const built = batch.buildBatch({ records: [{ value: Buffer.from('a') }, { value: Buffer.from('b') }] });
    const crc = batch.crc(built);
    batch.setBaseOffset(built, 0, 2 ** 40);
    batch.setPartitionLeaderEpoch(built, 0, 7);
    expect(batch.crc(built)).toBe(crc);
    expect(batch.isCrcValid(built)).toBe(true);
    expect(batch.lastOffset(built)).toBe(2 ** 40 + 1);
    expect(batch.nextOffset(built)).toBe(2 ** 40 + 2);
    batch.setLastOffset(built, 0, 99);
    expect(batch.baseOffset(built)).toBe(98);
  });

  test('gets a new CRC with a new max timestamp, and loses attribute bits that mean nothing', () => {
    const built = batch.buildBatch({
      records: [{ value: null }],
      timestampMs: 5,
      transactional: true,
      control: true,
    });
    built.writeInt16BE(batch.attributes(built) | 0x4080, 21);
    batch.refreshCrc(built);
    const before = Buffer.from(built);
    batch.setMaxTimestamp(built, 0, 'CreateTime', 5);
    expect(built.equals(before)).toBe(true);
    batch.setMaxTimestamp(built, 0, 'LogAppendTime', 9);
    expect(batch.isCrcValid(built)).toBe(true);
    expect(batch.attributes(built)).toBe(0x38);
    expect([...batch.iterateRecords(built)][0]?.timestampMs).toBe(9);
    batch.setMaxTimestamp(built, 0, 'CreateTime', 5);
    expect(batch.timestampType(built)).toBe('CreateTime');
  });

  test('carries a delete horizon in place of its base timestamp', () => {
    const built = batch.buildBatch({ records: [{ timestampMs: 1000, value: null }], deleteHorizonMs: 5000 });
    expect(batch.deleteHorizonMs(built)).toBe(5000);
    expect([...batch.iterateRecords(built)][0]?.timestampMs).toBe(1000);
  });

  test('wraps its sequence behind 2^31-1', () => {
    const vector = vectorBytes(batchVector('idempotent'));
    expect(batch.baseSequence(vector)).toBe(2147483646);
    expect(batch.lastSequence(vector)).toBe(0);
    expect(batch.incrementSequence(2147483647, 1)).toBe(0);
    expect(batch.incrementSequence(5, 0)).toBe(5);
  });
});

describe('Damaged batches', () => {
  test('a run of batches ends before a cut one', () => {
    const one = vectorBytes(batchVector('gaps'));
    const run = Buffer.concat([one, one, one.subarray(0, one.length - 1)]);
    expect([...batch.batchPositions(run)]).toEqual([0, one.length]);
    expect(batch.checkBatchFrame(run, 2 * one.length)).toBe('short');
    expect(batch.checkBatchFrame(run.subarray(0, 16))).toBe('short');
  });

  test('bytes of another magic, or with a length below the header, are corrupt', () => {
    const bytes = vectorBytes(batchVector('gaps'));
    bytes.writeInt32BE(48, 8);
    expect(batch.checkBatchFrame(bytes)).toBe('corrupt');
    bytes.writeInt32BE(-1, 8);
    expect(batch.checkBatchFrame(bytes)).toBe('corrupt');
    expect(batch.checkBatchFrame(vectorBytes(batchVector('magic 1 none')))).toBe('corrupt');
  });

  test('every flipped bit behind the CRC is seen by the CRC', () => {
    const bytes = vectorBytes(batchVector('transactional'));
    for (let bit = 21 * 8; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(batch.isCrcValid(damaged)).toBe(false);
    }
  });

  test('any bytes in the place of records are read or refused, with no other error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: -1, max: 5 }), (noise, count) => {
        const bytes = Buffer.concat([vectorBytes(batchVector('gaps')).subarray(0, 61), noise]);
        bytes.writeInt32BE(bytes.length - 12, 8);
        bytes.writeInt32BE(count, 57);
        try {
          expect([...batch.iterateRecords(bytes)].length).toBe(count);
        } catch (error) {
          expect(error).toMatchObject({ name: 'InvalidRecordError' });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a record that claims more than its batch holds is a problem, not an allocation', () => {
    const bytes = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]);
    const cursor = new RecordCursor(bytes, 0, bytes.length);
    expect(cursor.next()).toBe(false);
    expect(cursor.problem).not.toBe(null);
  });
});

describe('Int64 and varints', () => {
  test('safe integers survive, and values beyond saturate', () => {
    const buf = Buffer.alloc(8);
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        writeInt64(buf, 0, value);
        expect(readInt64(buf, 0)).toBe(value);
        expect(buf.readBigInt64BE()).toBe(BigInt(value));
      }),
    );
    writeInt64(buf, 0, 2 ** 63);
    expect(buf.readBigInt64BE()).toBe(2n ** 63n - 1n);
    writeInt64(buf, 0, -(2 ** 64));
    expect(buf.readBigInt64BE()).toBe(-(2n ** 63n));
  });

  test('a varint has the size that is foretold, for every power of two', () => {
    const buf = Buffer.alloc(10);
    for (let bits = 0; bits < 52; bits++) {
      for (const value of [2 ** bits, 2 ** bits - 1, -(2 ** bits), -(2 ** bits) - 1]) {
        expect(writeVarlong(buf, 0, value)).toBe(varlongSize(value));
      }
    }
    expect(writeVarlong(buf, 0, 150)).toBe(2);
    expect(buf.subarray(0, 2).toString('hex')).toBe('ac02');
  });
});
