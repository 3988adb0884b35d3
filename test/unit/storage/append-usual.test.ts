/**
 * Records of the usual shape are passed over (`RecordCursor.pass`); all others, and all refusals, are left to `next`. What
 * comes out must be what comes out when nothing is passed over.
 */
import { describe, expect, test, vi } from 'vitest';
import type { RecordInput } from '../../../protocol/batch/record.ts';
import { RecordCursor } from '../../../protocol/batch/record.ts';
import * as batch from '../../../protocol/batch.ts';
import { snappyCompress } from '../../../protocol/compression/snappy.ts';
import { isRefused, validateAppend } from '../../../storage/append.ts';
import type { AppendOptions } from '../../../storage/append-types.ts';
import { defaultLogConfig } from '../../../storage/log-config.ts';
import { seeded } from './support.ts';

const nowMs = 1_700_000_000_000;
const RECORD_COUNT_OFFSET = 57;

function append(records: Buffer, config: Partial<AppendOptions['config']> = {}): unknown {
  const result = validateAppend(Buffer.from(records), {
    topicPartition: 'orders-0',
    config: { ...defaultLogConfig, ...config },
    origin: 'client',
    nextOffset: 0x1234_5678_9abc,
    leaderEpoch: 7,
    nowMs,
  });
  return isRefused(result) ? result : { ...result, records: result.records.toString('hex') };
}

/** As `append`, with no record passed over. */
function appendWithCare(records: Buffer, config: Partial<AppendOptions['config']>): unknown {
  const pass = vi.spyOn(RecordCursor.prototype, 'pass').mockImplementation((index) => index);
  try {
    return append(records, config);
  } finally {
    pass.mockRestore();
  }
}

/** The indexes that passing over came to while `action` ran, for each piece of content. */
function countPassed(action: () => void): number[] {
  const pass = vi.spyOn(RecordCursor.prototype, 'pass');
  try {
    action();
    return pass.mock.results.map(({ value }) => value as number);
  } finally {
    pass.mockRestore();
  }
}

/** The batch with this in place of its records section, under another codec and with the CRC that it should have. */
function withSection(records: Buffer, codec: number, section: Buffer): Buffer {
  const made = Buffer.concat([records.subarray(0, batch.BATCH_HEADER_SIZE), section]);
  made.writeInt32BE(made.length - batch.LOG_OVERHEAD, 8);
  made.writeInt16BE((batch.attributes(made) & ~7) | codec, 21);
  batch.refreshCrc(made);
  return made;
}

type Chance = (probability: number) => boolean;

/** Lengths on both sides of where a number takes a byte more. */
const LENGTHS = [0, 1, 2, 62, 63, 64, 65, 100, 126, 127, 128, 129, 300];
const LONG = [8_190, 8_191, 8_192, 8_193, 20_000];

function recordsOf(random: () => number, chance: Chance): RecordInput[] {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const bytes = (): Buffer => Buffer.alloc(chance(0.01) ? one(LONG) : one(LENGTHS), 'some bytes');
  const keys = one(['none', 'some', 'all']);
  const spreadMs = one([0, 60, 130, 9_000, 20_000, 2 ** 33]);
  const headers = chance(0.2) ? 0.1 : 0;
  const count = chance(0.01) ? one([64, 65, 8_192, 8_194]) : 1 + Math.floor(random() * 40);
  return Array.from({ length: count }, () => ({
    key: keys === 'none' || (keys === 'some' && chance(0.1)) ? null : count > 1000 ? null : bytes(),
    value: chance(0.05) ? null : count > 1000 ? Buffer.alloc(3) : bytes(),
    timestampMs: chance(0.002) ? -1 : nowMs - spreadMs / 2 + Math.floor(random() * spreadMs),
    headers: chance(headers) ? [{ key: 'trace', value: chance(0.5) ? null : bytes() }] : [],
  }));
}

/** Some bytes are others, bits are flipped, bytes are missing or too many, mostly where there are numbers. */
function damage(section: Buffer, random: () => number, chance: Chance): Buffer {
  const at = (): number =>
    Math.floor(random() * (chance(0.5) ? Math.min(section.length, 24) : section.length));
  const kind = random();
  if (kind < 0.35) return section;
  const made = Buffer.from(section);
  if (kind < 0.55) made[at()] = Math.floor(random() * 256);
  else if (kind < 0.75) {
    const place = at();
    made[place] = (made[place] as number) ^ (1 << Math.floor(random() * 8));
  } else if (kind < 0.85) return made.subarray(0, Math.floor(random() * made.length));
  else if (kind < 0.92) {
    const place = at();
    return Buffer.concat([made.subarray(0, place), made.subarray(place + 1)]);
  } else {
    const place = at();
    return Buffer.concat([
      made.subarray(0, place),
      Buffer.from([chance(0.5) ? 0x80 : 0]),
      made.subarray(place),
    ]);
  }
  return made;
}

const CONFIGS: readonly Partial<AppendOptions['config']>[] = [
  {},
  { cleanupPolicy: ['compact'] },
  { messageTimestampType: 'LogAppendTime' },
  { messageTimestampBeforeMaxMs: 50, messageTimestampAfterMaxMs: 40 },
  { messageTimestampBeforeMaxMs: 5_000, messageTimestampAfterMaxMs: 2_000 },
  { messageTimestampBeforeMaxMs: 2 ** 63, messageTimestampAfterMaxMs: 2 ** 63 },
];

describe('Records of the usual shape', () => {
  test.each([1, 2, 3])('come to what they come to with care, sound and damaged (seed %i)', (seed) => {
    const random = seeded(seed);
    const chance: Chance = (probability) => random() < probability;
    const seen = { accepted: 0, refused: 0, passed: 0 };
    for (let round = 0; round < 15_000; round++) {
      const records = batch.buildBatch({
        records: recordsOf(random, chance),
        ...(chance(0.03) ? { logAppendTimeMs: nowMs } : {}),
      });
      if (chance(0.02)) records.writeInt32BE(Math.floor(random() * 40), RECORD_COUNT_OFFSET);
      // Base timestamps for which sums are rounded.
      if (chance(0.02)) records.writeBigInt64BE(2n ** 63n - 1n - BigInt(Math.floor(random() * 4096)), 27);
      const section = damage(records.subarray(batch.BATCH_HEADER_SIZE), random, chance);
      const isFolded = chance(0.1);
      const given = withSection(records, isFolded ? 2 : 0, isFolded ? snappyCompress(section) : section);
      const config = CONFIGS[Math.floor(random() * CONFIGS.length)] ?? {};
      let quick: unknown;
      const passed = countPassed(() => {
        quick = append(given, config);
      });
      expect(quick).toEqual(appendWithCare(given, config));
      seen.passed += passed.reduce((sum, count) => sum + count, 0);
      if ((quick as { errorCode: number }).errorCode === 0) seen.accepted++;
      else seen.refused++;
    }
    expect(seen.accepted).toBeGreaterThan(2000);
    expect(seen.refused).toBeGreaterThan(2000);
    expect(seen.passed).toBeGreaterThan(20_000);
  });

  test('end where the cursor ends, whatever lies behind', () => {
    const random = seeded(4);
    const chance: Chance = (probability) => random() < probability;
    let cut = 0;
    for (let round = 0; round < 10_000; round++) {
      const value = Buffer.alloc(Math.floor(random() * 12));
      const records = batch.buildBatch({
        records: Array.from({ length: 3 }, () => ({ value, timestampMs: nowMs })),
      });
      const around = Buffer.concat([records, chance(0.5) ? Buffer.alloc(30) : records]);
      const end = records.length - (chance(0.2) ? 0 : Math.floor(random() * 40));
      const start = batch.BATCH_HEADER_SIZE;
      if (end < start) continue;
      const quick = new RecordCursor(around, start, end);
      const passed = quick.pass(0, 4, 0, 0, false);
      const careful = new RecordCursor(around, start, end);
      for (let index = 0; index < passed; index++) expect(careful.next()).toBe(true);
      expect(quick.remaining).toBe(careful.remaining);
      if (passed < 3) cut++;
    }
    expect(cut).toBeGreaterThan(1000);
  });

  test('are passed over to the end of the batch', () => {
    const value = Buffer.alloc(100);
    const records = batch.buildBatch({
      records: Array.from({ length: 20_000 }, (_, index) => ({ value, timestampMs: nowMs + (index % 50) })),
    });
    const passed = countPassed(() => {
      expect(append(records, { maxMessageBytes: 1e7 })).toMatchObject({
        errorCode: 0,
        maxTimestampMs: nowMs + 49,
      });
    });
    expect(passed).toEqual([20_000]);
  });

  test('are not what has headers, gaps, another order, or timestamps and keys that are refused', () => {
    const usual: RecordInput = { key: Buffer.from('key'), value: Buffer.alloc(20), timestampMs: nowMs };
    const unusual: readonly RecordInput[] = [
      { ...usual, headers: [{ key: 'trace', value: null }] },
      { ...usual, offset: 5 },
      { ...usual, offset: 0 },
      { ...usual, timestampMs: nowMs + 41 },
      { ...usual, timestampMs: nowMs - 51 },
      { ...usual, key: null },
      { ...usual, value: Buffer.alloc(8_192) },
    ];
    const config = {
      cleanupPolicy: ['compact' as const],
      messageTimestampBeforeMaxMs: 50,
      messageTimestampAfterMaxMs: 40,
    };
    for (const record of unusual) {
      const records = batch.buildBatch({ records: [usual, record, usual], lastOffset: 2 });
      const passed = countPassed(() => {
        // Gaps in offsets that are counted right are let through, as by LogValidator.
        append(records, config);
      });
      expect(passed).toEqual([1]);
    }
  });
});
