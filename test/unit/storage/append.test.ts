import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildMessageSet } from '../../../protocol/batch/legacy.ts';
import type { BatchInput } from '../../../protocol/batch.ts';
import * as batch from '../../../protocol/batch.ts';
import { compress, prepareCompression } from '../../../protocol/compression/index.ts';
import { ErrorCode } from '../../../protocol/errors.ts';
import { isRefused, scanReplicated, targetCompression, validateAppend } from '../../../storage/append.ts';
import type {
  AppendConfig,
  AppendOptions,
  AppendPlan,
  AppendRefusal,
} from '../../../storage/append-types.ts';
import { defaultLogConfig } from '../../../storage/log-config.ts';
import { batchVector, vectorBytes } from '../protocol/batch-vectors.ts';

const nowMs = 1_700_000_000_000;

beforeAll(async () => {
  await prepareCompression();
});

function options(config: Partial<AppendConfig> = {}, others: Partial<AppendOptions> = {}): AppendOptions {
  return {
    topicPartition: 'orders-0',
    config: { ...defaultLogConfig, ...config },
    origin: 'client',
    nextOffset: 500,
    leaderEpoch: 9,
    nowMs,
    ...others,
  };
}

const three: BatchInput = {
  records: [
    { key: Buffer.from('a'), value: Buffer.from('1'), timestampMs: nowMs - 5 },
    { key: Buffer.from('b'), value: null, timestampMs: nowMs + 7 },
    { key: Buffer.from('c'), value: Buffer.from('3'), timestampMs: nowMs },
  ],
};

/** A batch of three records, its header changed by `change`, with the CRC of the result. */
function changed(change: (bytes: Buffer) => void, input: Partial<BatchInput> = {}): Buffer {
  const bytes = batch.buildBatch({ ...three, ...input });
  change(bytes);
  batch.refreshCrc(bytes);
  return bytes;
}

function accepted(result: AppendPlan | AppendRefusal): AppendPlan {
  if (isRefused(result)) throw new Error(`refused with ${result.errorCode}: ${result.reason}`);
  return result;
}

function refused(result: AppendPlan | AppendRefusal): AppendRefusal {
  if (!isRefused(result)) throw new Error('accepted');
  return result;
}

const codeOf = (records: Buffer, given = options()) => validateAppend(records, given).errorCode;

const OFFSET = {
  attributes: 21,
  lastOffsetDelta: 23,
  maxTimestamp: 35,
  producerId: 43,
  baseSequence: 53,
  count: 57,
};

describe('An accepted batch', () => {
  test('gets its offsets and epoch in place, with its CRC untouched', () => {
    const records = batch.buildBatch(three);
    const crc = batch.crc(records);
    const plan = accepted(validateAppend(records, options()));
    expect(plan).toEqual({
      errorCode: 0,
      records,
      baseOffset: 500,
      lastOffset: 502,
      maxTimestampMs: nowMs + 7,
      offsetOfMaxTimestamp: 502,
      logAppendTimeMs: -1,
      recordCount: 3,
      isConverted: false,
    });
    expect(plan.records).toBe(records);
    expect(batch.baseOffset(records)).toBe(500);
    expect(batch.partitionLeaderEpoch(records)).toBe(9);
    expect(batch.crc(records)).toBe(crc);
    expect(batch.isCrcValid(records)).toBe(true);
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'of codec %s is passed through unfolded only to look',
    (codec) => {
      const records = batch.buildBatch({ ...three, compression: codec });
      const section = Buffer.from(records.subarray(61));
      const plan = accepted(validateAppend(records, options()));
      expect(plan.records.subarray(61).equals(section)).toBe(true);
      expect(plan.maxTimestampMs).toBe(nowMs + 7);
      expect(batch.lastOffset(plan.records)).toBe(502);
    },
  );

  test('has a wrong max timestamp recomputed, and meaningless attribute bits then cleared', () => {
    for (const compression of ['none', 'gzip'] as const) {
      const records = changed(
        (bytes) => {
          bytes.writeBigInt64BE(99n, OFFSET.maxTimestamp);
          bytes.writeInt16BE(bytes.readInt16BE(OFFSET.attributes) | 0x80, OFFSET.attributes);
        },
        { compression },
      );
      const plan = accepted(validateAppend(records, options()));
      expect(batch.maxTimestamp(plan.records)).toBe(nowMs + 7);
      expect(batch.attributes(plan.records) & 0x80).toBe(0);
      expect(batch.isCrcValid(plan.records)).toBe(true);
    }
  });

  test('gets the append time on a topic of that type', () => {
    for (const compression of ['none', 'lz4'] as const) {
      const records = batch.buildBatch({ ...three, compression });
      const plan = accepted(validateAppend(records, options({ messageTimestampType: 'LogAppendTime' })));
      expect(plan).toMatchObject({
        logAppendTimeMs: nowMs,
        maxTimestampMs: nowMs,
        offsetOfMaxTimestamp: 502,
      });
      expect(batch.timestampType(plan.records)).toBe('LogAppendTime');
      expect(batch.isCrcValid(plan.records)).toBe(true);
      expect([...batch.iterateRecords(plan.records)].map((record) => record.timestampMs)).toEqual([
        nowMs,
        nowMs,
        nowMs,
      ]);
    }
  });

  test('may claim LogAppendTime with a timestamp in range: the claim is cleared', () => {
    const plan = accepted(validateAppend(batch.buildBatch({ ...three, logAppendTimeMs: nowMs }), options()));
    expect(batch.timestampType(plan.records)).toBe('CreateTime');
    expect(plan.maxTimestampMs).toBe(nowMs);
  });

  test('may lack timestamps', () => {
    const plan = accepted(validateAppend(batch.buildBatch({ records: [{ value: null }] }), options()));
    expect(plan.maxTimestampMs).toBe(-1);
  });

  test('may be followed by a cut one, which is left out', () => {
    const one = batch.buildBatch(three);
    for (const tail of [Buffer.alloc(11, 255), one.subarray(0, 70), Buffer.concat([one.subarray(0, 16)])]) {
      const records = Buffer.concat([batch.buildBatch(three), tail]);
      expect(accepted(validateAppend(records, options())).records.length).toBe(one.length);
    }
  });

  test('and no batch at all is nothing to append', () => {
    for (const records of [Buffer.alloc(0), batch.buildBatch(three).subarray(0, 80)]) {
      expect(validateAppend(records, options())).toMatchObject({
        errorCode: 0,
        baseOffset: -1,
        lastOffset: -1,
      });
    }
  });
});

describe('A refused batch', () => {
  const refusals: [string, number, Buffer, boolean][] = [
    ['a flipped bit', ErrorCode.CORRUPT_MESSAGE, flipLast(batch.buildBatch(three)), false],
    ['a size below any message', ErrorCode.CORRUPT_MESSAGE, sized(13), false],
    ['a size below its header', ErrorCode.CORRUPT_MESSAGE, sized(40), false],
    ['an unknown magic', ErrorCode.CORRUPT_MESSAGE, withByte(16, 3), false],
    ['another batch behind it', ErrorCode.INVALID_RECORD, Buffer.concat([one(), one()]), true],
    ['a base offset', ErrorCode.INVALID_RECORD, batch.buildBatch({ ...three, baseOffset: 1 }), true],
    ['a last offset before its first', ErrorCode.INVALID_RECORD, withInt32(OFFSET.lastOffsetDelta, -1), true],
    ['a last offset beyond its count', ErrorCode.INVALID_RECORD, withInt32(OFFSET.lastOffsetDelta, 3), true],
    ['a count beyond its records', ErrorCode.INVALID_RECORD, counted(4), true],
    ['a count below its records', ErrorCode.INVALID_RECORD, counted(2), true],
    ['no records', ErrorCode.INVALID_RECORD, batch.buildBatch({ records: [] }), true],
    ['control records', ErrorCode.INVALID_RECORD, batch.buildBatch({ ...three, control: true }), true],
    [
      'a producer id without a sequence',
      ErrorCode.INVALID_RECORD,
      batch.buildBatch({ ...three, producerId: 5 }),
      true,
    ],
    ['an unknown codec', ErrorCode.UNKNOWN_SERVER_ERROR, coded(5), true],
    ['bytes that its codec cannot unfold', ErrorCode.UNKNOWN_SERVER_ERROR, coded(1), true],
    ['gaps inside a compressed batch', ErrorCode.UNKNOWN_SERVER_ERROR, gaps('gzip'), true],
  ];

  function one(): Buffer {
    return batch.buildBatch(three);
  }

  function flipLast(bytes: Buffer): Buffer {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return bytes;
  }

  function sized(size: number): Buffer {
    const bytes = one();
    bytes.writeInt32BE(size, 8);
    return bytes;
  }

  function withByte(at: number, byte: number): Buffer {
    return changed((bytes) => {
      bytes[at] = byte;
    });
  }

  function withInt32(at: number, value: number): Buffer {
    return changed((bytes) => bytes.writeInt32BE(value, at));
  }

  function counted(count: number): Buffer {
    return changed((bytes) => {
      bytes.writeInt32BE(count, OFFSET.count);
      bytes.writeInt32BE(count - 1, OFFSET.lastOffsetDelta);
    });
  }

  function coded(codec: number): Buffer {
    return changed((bytes) => bytes.writeInt16BE(codec, OFFSET.attributes));
  }

  function gaps(compression: 'gzip' | 'none'): Buffer {
    const records = [
      { value: null, offset: 0 },
      { value: null, offset: 5 },
    ];
    return changed((bytes) => bytes.writeInt32BE(1, OFFSET.lastOffsetDelta), { records, compression });
  }

  test.each(refusals)(
    'with %s answers code %i and is left as it was',
    (_what, code, records, hasLogStartOffset) => {
      const before = Buffer.from(records);
      const refusal = refused(validateAppend(records, options()));
      expect(refusal).toMatchObject({
        errorCode: code,
        errorMessage: null,
        recordErrors: [],
        hasLogStartOffset,
      });
      expect(records.equals(before)).toBe(true);
    },
  );

  test('with gaps that no codec hides is accepted, as in Kafka', () => {
    expect(codeOf(gaps('none'))).toBe(0);
  });

  test('larger than max.message.bytes answers MESSAGE_TOO_LARGE, whatever else is wrong', () => {
    const records = one();
    expect(codeOf(records, options({ maxMessageBytes: records.length }))).toBe(0);
    const large = flipLast(one());
    const refusal = refused(validateAppend(large, options({ maxMessageBytes: large.length - 1 })));
    expect(refusal).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE, hasLogStartOffset: false });
  });

  test('larger than a segment answers RECORD_LIST_TOO_LARGE', () => {
    const records = one();
    const refusal = refused(validateAppend(records, options({ segmentBytes: records.length - 1 })));
    expect(refusal).toMatchObject({ errorCode: ErrorCode.RECORD_LIST_TOO_LARGE, hasLogStartOffset: false });
    expect(batch.baseOffset(records)).toBe(0);
  });

  test('that unfolds beyond the limit answers MESSAGE_TOO_LARGE', () => {
    const records = batch.buildBatch({ records: [{ value: Buffer.alloc(200_000) }], compression: 'gzip' });
    expect(codeOf(records, options({}, { maxUnfoldedBytes: 100_000 }))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(codeOf(records, options({}, { maxUnfoldedBytes: 300_000 }))).toBe(0);
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'of %s that would be held whole to be rebuilt answers MESSAGE_TOO_LARGE beyond 32 times the limit of messages',
    (compression) => {
      const target = compression === 'gzip' ? 'lz4' : 'gzip';
      const limits = { maxMessageBytes: 20_000 };
      const rebuilt = options({ ...limits, compressionType: target });
      const large = { records: [{ value: Buffer.alloc(650_000), timestampMs: nowMs }], compression };
      const small = { records: [{ value: Buffer.alloc(200_000), timestampMs: nowMs }], compression };
      const many = { records: Array(3000).fill({ value: null, timestampMs: nowMs }), compression };
      const isKept = compression !== 'snappy';
      if (isKept) expect(codeOf(batch.buildBatch(large), options(limits))).toBe(0);
      expect(codeOf(batch.buildBatch(many), options(limits))).toBe(0);
      expect(codeOf(batch.buildBatch(small), rebuilt)).toBe(0);
      for (const input of [large, many]) {
        expect(codeOf(batch.buildBatch(input), rebuilt)).toBe(ErrorCode.MESSAGE_TOO_LARGE);
      }
    },
  );

  test('of old messages is held to the same', () => {
    const given = options({ maxMessageBytes: 20_000 });
    const set = (count: number, bytes: number): Buffer =>
      buildMessageSet({
        magic: 1,
        records: Array.from({ length: count }, (_, offset) => ({
          offset,
          timestampMs: nowMs,
          key: null,
          value: Buffer.alloc(bytes),
        })),
        compression: 'gzip',
      });
    expect(codeOf(set(3, 50_000), given)).toBe(0);
    expect(codeOf(set(3, 220_000), given)).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(codeOf(set(3000, 1), given)).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  });

  test('in which record after record is refused is refused for the first of them', () => {
    const records = Array(60_000).fill({ value: null, timestampMs: nowMs });
    const given = options({ cleanupPolicy: ['compact'] });
    const refusal = refused(validateAppend(batch.buildBatch({ records, compression: 'lz4' }), given));
    expect(refusal.errorCode).toBe(ErrorCode.INVALID_RECORD);
    expect(refusal.recordErrors).toHaveLength(50_000);
  });

  test('with two lz4 frames is refused, because Java reads the first only', () => {
    const frames = Buffer.concat(
      [0, 1].map((delta) => compress('lz4', Buffer.from([14, 0, 0, delta * 2, 1, 2, 0x78, 0]))),
    );
    const header = batch.buildBatch({ records: [{ value: null }, { value: null }] }).subarray(0, 61);
    const records = Buffer.concat([header, frames]);
    records.writeInt32BE(records.length - 12, 8);
    records.writeInt16BE(3, OFFSET.attributes);
    batch.refreshCrc(records);
    expect(codeOf(records)).toBe(ErrorCode.INVALID_RECORD);
  });
});

describe('Record errors', () => {
  test('name every record without a key on a compacted topic', () => {
    const records = [
      { value: null },
      { key: Buffer.from('k') },
      { value: null },
      { value: null },
      { value: null },
    ];
    for (const compression of ['none', 'zstd'] as const) {
      const refusal = refused(
        validateAppend(
          batch.buildBatch({ records, compression }),
          options({ cleanupPolicy: ['compact', 'delete'] }),
        ),
      );
      expect(refusal.errorCode).toBe(ErrorCode.INVALID_RECORD);
      expect(refusal.recordErrors.map((error) => error.batchIndex)).toEqual([0, 2, 3, 4]);
      expect(refusal.recordErrors[0]?.batchIndexErrorMessage).toContain('orders-0');
      expect(refusal.errorMessage).toContain('4 records');
      expect(refusal.hasLogStartOffset).toBe(true);
    }
  });

  test('name records before and after the allowed times, and outrank missing keys', () => {
    const given = options({
      messageTimestampBeforeMaxMs: 100,
      messageTimestampAfterMaxMs: 10,
      cleanupPolicy: ['compact'],
    });
    const key = Buffer.from('k');
    const times = [nowMs - 101, nowMs - 100, nowMs + 10, nowMs + 11, -1];
    const records = [...times.map((timestampMs) => ({ key, timestampMs })), { timestampMs: nowMs }];
    const refusal = refused(validateAppend(batch.buildBatch({ records }), given));
    expect(refusal.errorCode).toBe(ErrorCode.INVALID_TIMESTAMP);
    expect(refusal.recordErrors.map((error) => error.batchIndex)).toEqual([0, 3, 5]);
    expect(refusal.recordErrors[0]?.batchIndexErrorMessage).toContain(String(nowMs - 101));
  });

  test('refuse LogAppendTime claims where timestamps are not checked', () => {
    const records = batch.buildBatch({ ...three, logAppendTimeMs: nowMs });
    const refusal = refused(validateAppend(records, options({ messageTimestampType: 'LogAppendTime' })));
    expect(refusal.errorCode).toBe(ErrorCode.INVALID_TIMESTAMP);
    expect(refusal.recordErrors.length).toBe(3);
  });
});

describe('A topic with a codec of its own', () => {
  test.each(['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    '%s has batches rebuilt in it',
    (target) => {
      const input: BatchInput = {
        ...three,
        producerId: 7,
        producerEpoch: 2,
        baseSequence: 40,
        transactional: true,
      };
      for (const source of ['none', 'gzip', 'lz4'] as const) {
        const plan = accepted(
          validateAppend(
            batch.buildBatch({ ...input, compression: source }),
            options({ compressionType: target }),
          ),
        );
        const expectedCodec = target === 'uncompressed' ? 'none' : target;
        expect(plan.isConverted).toBe(expectedCodec !== source);
        expect(batch.compressionType(plan.records)).toBe(expectedCodec);
        expect(batch.isCrcValid(plan.records)).toBe(true);
        expect(batch.partitionLeaderEpoch(plan.records)).toBe(9);
        expect(batch.producerId(plan.records)).toBe(7);
        expect(batch.producerEpoch(plan.records)).toBe(2);
        expect(batch.baseSequence(plan.records)).toBe(40);
        expect(batch.isTransactional(plan.records)).toBe(true);
        expect([...batch.iterateRecords(plan.records)]).toEqual([
          ...batch.iterateRecords(batch.buildBatch({ ...input, baseOffset: 500 })),
        ]);
      }
    },
  );

  test('leaves control batches as they are', () => {
    const marker = vectorBytes(batchVector('commit marker'));
    const plan = accepted(
      validateAppend(marker, options({ compressionType: 'gzip' }, { origin: 'coordinator' })),
    );
    expect(plan.isConverted).toBe(false);
    expect(batch.baseOffset(plan.records)).toBe(500);
  });

  test('has the size of what was rebuilt checked again', () => {
    const records = batch.buildBatch({ records: [{ value: Buffer.alloc(5000) }], compression: 'gzip' });
    const given = options({ compressionType: 'uncompressed', maxMessageBytes: 1000 });
    expect(codeOf(records, given)).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  });

  test('is told from producer and uncompressed', () => {
    expect(targetCompression('lz4', { compressionType: 'producer' })).toBe('lz4');
    expect(targetCompression('lz4', { compressionType: 'uncompressed' })).toBe('none');
    expect(targetCompression('lz4', { compressionType: 'gzip' })).toBe('gzip');
  });
});

describe('Older message formats', () => {
  test.each(['magic 0 none', 'magic 1 none', 'magic 0 lz4', 'magic 1 gzip', 'magic 1 snappy'])(
    '%s becomes one batch',
    (name) => {
      const vector = batchVector(name);
      const plan = accepted(validateAppend(vectorBytes(vector), options()));
      expect(plan).toMatchObject({ isConverted: true, baseOffset: 500, lastOffset: 502, recordCount: 3 });
      expect(batch.compressionType(plan.records)).toBe(vector.codec);
      expect(batch.isCrcValid(plan.records)).toBe(true);
      const records = [...batch.iterateRecords(plan.records)];
      expect(records.map((record) => record.key?.toString() ?? null)).toEqual(['k1', null, 'k3']);
      expect(records[0]?.timestampMs).toBe(vector.magic === 0 ? -1 : 1_600_000_000_000);
    },
  );

  test('are checked as batches are', () => {
    const compacted = options({ cleanupPolicy: ['compact'] });
    const refusal = refused(validateAppend(vectorBytes(batchVector('magic 1 gzip')), compacted));
    expect(refusal.recordErrors.map((error) => error.batchIndex)).toEqual([1]);
    const flipped = vectorBytes(batchVector('magic 1 none'));
    flipped[20] = (flipped[20] ?? 0) ^ 1;
    expect(codeOf(flipped)).toBe(ErrorCode.CORRUPT_MESSAGE);
    const mixed = Buffer.concat([
      vectorBytes(batchVector('magic 1 none')),
      vectorBytes(batchVector('magic 0 none')),
    ]);
    expect(codeOf(mixed)).toBe(ErrorCode.INVALID_RECORD);
    const wrappers = vectorBytes(batchVector('magic 1 gzip'));
    expect(codeOf(Buffer.concat([wrappers, wrappers]))).toBe(ErrorCode.INVALID_RECORD);
  });

  test('with a damaged inner message answer CORRUPT_MESSAGE', () => {
    const inner = buildMessageSet({
      magic: 1,
      compression: 'none',
      records: [{ offset: 0, timestampMs: 5, key: null, value: Buffer.from('v') }],
    });
    inner[inner.length - 1] = 0;
    const wrapper = buildMessageSet({
      magic: 1,
      compression: 'none',
      records: [{ offset: 0, timestampMs: 5, key: null, value: compress('gzip', inner) }],
    });
    const set = Buffer.from(wrapper);
    set[17] = 1;
    expect(codeOf(set)).toBe(ErrorCode.CORRUPT_MESSAGE);
  });
});

describe('Other origins', () => {
  test('a coordinator may write control batches and leave sequences out', () => {
    const marker = vectorBytes(batchVector('abort marker'));
    expect(codeOf(marker, options({}, { origin: 'coordinator' }))).toBe(0);
    const commit = batch.buildBatch({ ...three, producerId: 7, producerEpoch: 0, transactional: true });
    expect(codeOf(commit, options({}, { origin: 'coordinator' }))).toBe(0);
  });

  test('the Raft leader keeps its offsets and may append several batches', () => {
    const records = Buffer.concat([
      batch.buildBatch({ ...three, baseOffset: 500, leaderEpoch: 9 }),
      batch.buildBatch({ ...three, baseOffset: 503, leaderEpoch: 9 }),
    ]);
    const before = Buffer.from(records);
    const plan = accepted(validateAppend(records, options({}, { origin: 'raft' })));
    expect(plan).toMatchObject({
      baseOffset: 500,
      lastOffset: 505,
      maxTimestampMs: nowMs + 7,
      offsetOfMaxTimestamp: 502,
    });
    expect(records.equals(before)).toBe(true);
  });

  test('the Raft leader must write its epoch, ascending offsets, and none before the end', () => {
    const at = (baseOffset: number, leaderEpoch = 9) =>
      batch.buildBatch({ ...three, baseOffset, leaderEpoch });
    const raft = options({}, { origin: 'raft' });
    expect(codeOf(at(500, 8), raft)).toBe(ErrorCode.INVALID_RECORD);
    expect(codeOf(at(499), raft)).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(codeOf(Buffer.concat([at(503), at(500)]), raft)).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
  });

  test('a follower takes what has valid CRCs and ascending offsets, of any size', () => {
    const records = Buffer.concat([
      batch.buildBatch({ ...three, baseOffset: 7, leaderEpoch: 1 }),
      batch.buildBatch({ ...three, baseOffset: 20, leaderEpoch: 2 }),
    ]);
    expect(scanReplicated(records, 'orders-0')).toMatchObject({
      validBytes: records.length,
      batchCount: 2,
      firstOffset: 7,
      lastOffset: 22,
      lastLeaderEpoch: 2,
      offsetOfMaxTimestamp: 9,
      recordCount: 6,
    });
    const swapped = Buffer.concat([
      records.subarray(records.length / 2),
      records.subarray(0, records.length / 2),
    ]);
    expect(scanReplicated(swapped, 'orders-0')).toMatchObject({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR });
    records[70] = (records[70] ?? 0) ^ 1;
    expect(scanReplicated(records, 'orders-0')).toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE });
  });
});

describe('Any bytes', () => {
  test('are accepted or refused, never more', () => {
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
    const bases = codecs.map((compression) => batch.buildBatch({ ...three, compression }));
    const change = fc.record({ at: fc.nat(160), byte: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.constantFrom(...bases),
        fc.array(change, { maxLength: 3 }),
        fc.boolean(),
        (base, changes, sealed) => {
          const records = Buffer.from(base);
          for (const { at, byte } of changes) if (at < records.length) records[at] = byte;
          if (sealed && batch.sizeInBytes(records) === records.length) batch.refreshCrc(records);
          const result = validateAppend(records, options());
          if (isRefused(result) || result.baseOffset < 0) return;
          expect(result.lastOffset - result.baseOffset + 1).toBe(result.recordCount);
          expect(batch.isCrcValid(result.records)).toBe(true);
          expect([...batch.iterateRecords(result.records)].length).toBe(result.recordCount);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
