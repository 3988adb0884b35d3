import { describe, expect, test } from 'vitest';
import { GroupSync } from '../../../storage/group-sync.ts';
import { defaultLogConfig } from '../../../storage/log-config.ts';
import type { LogFacts } from '../../../storage/retention.ts';
import {
  breachedByLogStart,
  breachedBySize,
  breachedByTime,
  decideRetention,
} from '../../../storage/retention.ts';
import { STAGING_CHUNK_BYTES, Staging, StagingPool } from '../../../storage/staging.ts';
import { StallGuard } from '../../../storage/stall-guard.ts';

const DAY = 86_400_000;
const NOW = 100 * DAY;

/** Three segments of 100 bytes, at offsets 0, 10 and 20, of which the last is active and ends at 30. */
const facts = (change: Partial<LogFacts> = {}): LogFacts => ({
  segments: [0, 10, 20].map((baseOffset) => ({
    baseOffset,
    sizeBytes: 100,
    largestTimestampMs: NOW - (30 - baseOffset) * DAY,
  })),
  logStartOffset: 0,
  highWatermark: 30,
  logEndOffset: 30,
  ...change,
});
const config = { ...defaultLogConfig, retentionMs: 15 * DAY };

describe('retention', () => {
  test('by time takes the front segments whose newest record is too old', () => {
    expect(breachedByTime(facts(), config, NOW)).toBe(2);
    expect(breachedByTime(facts(), { ...config, retentionMs: 40 * DAY }, NOW)).toBe(0);
    expect(breachedByTime(facts(), { ...config, retentionMs: DAY }, NOW)).toBe(3);
    expect(breachedByTime(facts(), { ...config, retentionMs: -1 }, NOW)).toBe(0);
  });

  test('by size takes segments as long as at least the limit remains', () => {
    const bySize = (retentionBytes: number) => breachedBySize(facts(), { ...config, retentionBytes });
    expect([-1, 0, 100, 150, 200, 201, 300, 1000].map(bySize)).toEqual([0, 3, 2, 1, 1, 0, 0, 0]);
  });

  test('by log start takes only segments that lie wholly below it, also in compacted topics', () => {
    const byStart = (logStartOffset: number) => breachedByLogStart(facts({ logStartOffset }));
    expect([0, 9, 10, 19, 20, 30].map(byStart)).toEqual([0, 0, 1, 1, 2, 2]);
    const compacted = { ...config, cleanupPolicy: ['compact'] as const };
    expect(decideRetention(facts({ logStartOffset: 10 }), compacted, NOW)).toMatchObject({ count: 1 });
    expect(decideRetention(facts(), compacted, NOW)).toBeNull();
  });

  test('never takes a record at or above the high watermark, nor an empty active segment', () => {
    const always = { ...config, retentionMs: 0 };
    expect(
      [0, 9, 10, 25, 30].map((highWatermark) => breachedByTime(facts({ highWatermark }), always, NOW)),
    ).toEqual([0, 0, 1, 2, 3]);
    const empty = { baseOffset: 30, sizeBytes: 0, largestTimestampMs: 0 };
    expect(breachedByTime(facts({ segments: [...facts().segments, empty] }), always, NOW)).toBe(3);
  });

  test('names its reason, in the order of log start, size, time', () => {
    expect(
      decideRetention(facts({ logStartOffset: 20 }), { ...config, retentionBytes: 0 }, NOW)?.reason,
    ).toBe('log start offset');
    expect(decideRetention(facts(), { ...config, retentionBytes: 0 }, NOW)?.reason).toBe('retention size');
    expect(decideRetention(facts(), config, NOW)?.reason).toBe('retention time');
  });
});

describe('group commit', () => {
  test('runs once for all who asked while a run was under way, and never two at a time', async () => {
    const ends: (() => void)[] = [];
    let runs = 0;
    const group = new GroupSync(() => {
      runs++;
      return new Promise((resolve) => ends.push(resolve));
    });
    const done: string[] = [];
    const wait = (name: string) => group.request().then(() => done.push(name));
    const all = [wait('a')];
    all.push(wait('b'), wait('c'));
    expect(runs).toBe(1);
    ends.shift()?.();
    await all[0];
    expect([done, runs]).toEqual([['a'], 2]);
    ends.shift()?.();
    await Promise.all(all);
    expect([done, runs]).toEqual([['a', 'b', 'c'], 2]);
  });

  test('fails all later requests once it has failed', async () => {
    let runs = 0;
    const group = new GroupSync(async () => {
      runs++;
      throw new Error('no');
    });
    await expect(group.request()).rejects.toThrow('no');
    await expect(group.request()).rejects.toThrow('no');
    expect(runs).toBe(1);
  });
});

describe('staging', () => {
  test('copies what it is given, over chunks, in order, and gives the chunks back', () => {
    const pool = new StagingPool();
    const staging = new Staging(pool, new StallGuard(() => 0));
    const borrowed = Buffer.alloc(40_000, 1);
    staging.add(borrowed);
    borrowed.fill(2);
    staging.add(borrowed);
    borrowed.fill(9);
    const parts = staging.parts(Buffer.from('end'));
    expect(staging.bytes).toBe(80_000);
    expect(
      Buffer.concat(parts).equals(
        Buffer.concat([Buffer.alloc(40_000, 1), Buffer.alloc(40_000, 2), Buffer.from('end')]),
      ),
    ).toBe(true);
    staging.clear();
    expect([staging.bytes, staging.parts(null)]).toEqual([0, []]);
    expect(pool.take().length).toBe(STAGING_CHUNK_BYTES);
  });

  test('lays records of any length in chunks of the pool, full ones but for the last', () => {
    const pool = new StagingPool();
    const staging = new Staging(pool, new StallGuard(() => 0));
    const lengths = [
      1,
      STAGING_CHUNK_BYTES - 1,
      STAGING_CHUNK_BYTES,
      3 * STAGING_CHUNK_BYTES + 7,
      100_000,
      0,
      5,
    ];
    const given = lengths.map((length, index) => Buffer.alloc(length, index + 1));
    for (const records of given) staging.add(records);
    const parts = staging.parts(null);
    const whole = Buffer.concat(given);
    expect(Buffer.concat(parts).equals(whole)).toBe(true);
    expect(parts.length).toBe(Math.ceil(whole.length / STAGING_CHUNK_BYTES));
    staging.clear();
    // What was written is there for the next.
    staging.add(whole);
    const memory = (chunks: readonly Uint8Array[]) => new Set(chunks.map(({ buffer }) => buffer));
    expect(memory(staging.parts(null))).toEqual(memory(parts));
  });
});
