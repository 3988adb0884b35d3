/** The cleaner's threads: how many, what each may take, and what other settings do to them. */

import { describe, expect, test } from 'vitest';
import type { CleanerNote } from '../../../storage/cleaner.ts';
import { Cleaner } from '../../../storage/cleaner.ts';
import { systemTimer } from '../../../storage/clock.ts';
import { SlicedCompaction } from '../../../storage/compaction-slices.ts';
import type {
  CompactionEngine,
  CompactionJob,
  CompactionStatistics,
  MapSummary,
  SourceSegment,
} from '../../../storage/compaction-types.ts';
import { CompactionAborted } from '../../../storage/compaction-types.ts';
import { CleanedSegment } from '../../../storage/compaction-writer.ts';
import type { Log } from '../../../storage/log.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { Throttle, throttleAccount } from '../../../storage/throttle.ts';
import { until } from '../../helpers/until.ts';
import {
  CompactedLog,
  compactedConfig,
  keyedBatch,
  readCommitted,
  testSettings,
} from './compaction-support.ts';
import { NOW_MS } from './support.ts';

const OTHER_ID = 'q1w2e3r4t5y6u7i8o9p0Ax';

/** Tells what it is asked for, and begins nothing before it is let. */
class HeldEngine implements CompactionEngine {
  static jobs: CompactionJob[] = [];
  static engines: HeldEngine[] = [];
  readonly #engine: SlicedCompaction;
  #release: () => void = () => {};
  #abort: (error: Error) => void = () => {};

  constructor(disk: MemoryDisk) {
    this.#engine = new SlicedCompaction(disk, () => Promise.resolve());
    HeldEngine.engines.push(this);
  }

  async begin(job: CompactionJob): Promise<MapSummary> {
    HeldEngine.jobs.push(job);
    await new Promise<void>((resolve, reject) => {
      this.#release = resolve;
      this.#abort = reject;
    });
    return this.#engine.begin(job);
  }

  release(): void {
    this.#release();
  }

  cleanGroup(group: readonly SourceSegment[]): Promise<CompactionStatistics> {
    return this.#engine.cleanGroup(group);
  }

  async close(): Promise<void> {
    this.#abort(new CompactionAborted());
    await this.#engine.close();
  }
}

/** Two dirty logs and a cleaner whose engines wait. */
function setUp(settings: Partial<typeof testSettings>) {
  HeldEngine.jobs = [];
  HeldEngine.engines = [];
  const table = new CompactedLog();
  const other = table.manager.create('other', 0, OTHER_ID, compactedConfig);
  for (const log of [table.log, other]) makeDirty(log);
  const current = { ...testSettings, ...settings };
  const notes: CleanerNote[] = [];
  const cleaner = new Cleaner({
    logs: table.manager,
    disk: table.disk,
    clock: { wallMs: () => table.nowMs, monotonicMs: () => table.nowMs },
    settings: () => ({ ...current }),
    makeEngine: () => new HeldEngine(table.disk),
    onNote: (note) => notes.push(note),
    onThreadDeath: (_, error) => {
      throw error;
    },
  });
  return { table, other, cleaner, notes, current };
}

function makeDirty(log: Log): void {
  for (const value of ['1', '2']) {
    log.appendAsLeader(keyedBatch([['a', value]]), { leaderEpoch: 0, origin: 'client', nowMs: NOW_MS });
  }
  expect(log.flushStaged()).toBeNull();
  log.updateHighWatermark(log.logEndOffset);
  log.roll(NOW_MS);
}

describe('threads of the cleaner', () => {
  test('work on different logs at the same time, and share what the settings give', async () => {
    const settings = { threads: 2, dedupeBufferBytes: 3 << 20, ioBufferBytes: 1 << 18, maxLoad: 0.5 };
    const { cleaner, notes, table, other } = setUp(settings);
    const round = cleaner.cleanAll();
    await until(() => HeldEngine.jobs.length === 2);
    expect(HeldEngine.jobs.map(({ directory }) => directory).sort()).toEqual(
      [other.dir, table.log.dir].sort(),
    );
    const [first, second] = HeldEngine.jobs.map(({ share }) => share);
    expect(first).toMatchObject({ dedupeBufferBytes: 3 << 19, ioBufferBytes: 1 << 16, maxLoad: 0.5 });
    expect(second?.throttleAccount).toBe(first?.throttleAccount);
    for (const engine of HeldEngine.engines) engine.release();
    await round;
    expect(notes.map((note) => note.kind)).toEqual(['compacted', 'compacted']);
    expect(new Set(notes.map((note) => (note.kind === 'compacted' ? note.thread : -1)))).toEqual(
      new Set([0, 1]),
    );
    for (const log of [table.log, other]) expect(readCommitted(log).length).toBe(1);
    expect(cleaner.threads.map(({ last }) => last?.statistics.recordsWritten)).toEqual([1, 1]);
  });

  test('one thread takes one log after the other', async () => {
    const { cleaner, notes } = setUp({ threads: 1 });
    const round = cleaner.cleanAll();
    for (let count = 1; count <= 2; count++) {
      await until(() => HeldEngine.jobs.length === count);
      HeldEngine.engines[0]?.release();
    }
    await round;
    expect(HeldEngine.engines.length).toBe(1);
    expect(notes.length).toBe(2);
  });

  test('other settings end what is under way, and the new threads begin it again with them', async () => {
    const { cleaner, notes, current, table } = setUp({ threads: 1, backoffMs: 3_600_000 });
    cleaner.start(systemTimer);
    await until(() => HeldEngine.jobs.length === 1);
    Object.assign(current, { threads: 2, ioMaxBytesPerSecond: 1e9, backoffMs: 1 });
    await cleaner.reconfigure();
    expect(notes).toEqual([]);
    await until(() => HeldEngine.jobs.length === 3);
    expect(HeldEngine.jobs.slice(1).map(({ share }) => share.ioMaxBytesPerSecond)).toEqual([1e9, 1e9]);
    for (const engine of HeldEngine.engines.slice(1)) engine.release();
    await until(() => notes.length === 2);
    expect(readCommitted(table.log).length).toBe(1);
    await cleaner.stop();
  });

  test('a shorter log.cleaner.backoff.ms takes effect while a thread waits', async () => {
    const { cleaner, current, table, notes } = setUp({ backoffMs: 3_600_000 });
    cleaner.start(systemTimer);
    for (let count = 1; count <= 2; count++) {
      await until(() => HeldEngine.jobs.length === count);
      HeldEngine.engines[0]?.release();
    }
    await until(() => notes.length === 2);
    makeDirty(table.log);
    Object.assign(current, { backoffMs: 1 });
    await cleaner.reconfigure();
    await until(() => HeldEngine.jobs.length === 3);
    HeldEngine.engines.at(-1)?.release();
    await until(() => notes.length === 3);
    await cleaner.stop();
  });

  test('logs that are left alone are counted until they are deleted', async () => {
    const table = new CompactedLog();
    makeDirty(table.log);
    table.disk.open(`${table.log.dir}/00000000000000000000.log`, false).write([Buffer.from([0xff])], 70);
    const bytes = table.log.files.segments.first.sizeBytes;
    await table.cleaner.cleanAll();
    expect(table.cleaner.uncleanable()).toEqual([{ directory: '/data', partitions: 1, bytes }]);
    table.manager.delete('table', 0);
    expect(table.cleaner.uncleanable()).toEqual([{ directory: '/data', partitions: 0, bytes: 0 }]);
  });
});

describe('the memory for keys', () => {
  test.each([
    [0.5, 5],
    [0.9, 9],
    // One slot stays empty, whatever the factor says.
    [2, 9],
  ])('of ten slots is filled by a factor of %d up to %d keys', async (maxLoad, keys) => {
    const table = new CompactedLog({ dedupeBufferBytes: 240, settings: { maxLoad } });
    for (let index = 0; index < 60; index++) table.put({ [`k${index % 20}`]: String(index) });
    table.roll();
    await table.cleaner.cleanDirtiest();
    expect(table.notes[0]).toMatchObject({ kind: 'compacted', map: { endOffset: keys, keys } });
    await table.cleaner.cleanAll();
    expect(readCommitted(table.log).length).toBe(20);
  });
});

describe('a compacted segment', () => {
  test.each([10_000, 100])(
    'keeps nothing of the memory that a batch came in (buffer of %d bytes)',
    (writeBytes) => {
      const disk = new MemoryDisk();
      disk.makeDirectory('/data');
      const parts = { baseOffset: 0, indexIntervalBytes: 4096, segmentIndexBytes: 1024, writeBytes };
      const segment = new CleanedSegment({ disk, directory: '/data', ...parts });
      const batch = keyedBatch([['a', 'x'.repeat(80)]]);
      const expected = Buffer.from(batch);
      segment.append(batch);
      batch.fill(0);
      expect(segment.finish()).toBe(expected.length);
      const read = Buffer.alloc(expected.length);
      disk.open('/data/00000000000000000000.log.cleaned', false).read(read, 0);
      expect(read).toEqual(expected);
    },
  );
});

describe('the bound of log.cleaner.io.max.bytes.per.second', () => {
  test('is one for all that share an account', () => {
    const account = throttleAccount();
    const [a, b] = [new Throttle(1000, account), new Throttle(1000, account)];
    expect(a.delayMs(500, 0n)).toBe(500);
    expect(b.delayMs(500, 0n)).toBe(1000);
    // What was not used is not saved up.
    expect(a.delayMs(500, 10_000_000n)).toBe(500);
  });

  test('may be none, and may let nothing through', () => {
    expect(new Throttle(Number.MAX_VALUE, throttleAccount()).delayMs(1e9, 0n)).toBe(0);
    expect(new Throttle(Number.NaN, throttleAccount()).delayMs(1e9, 0n)).toBe(0);
    expect(new Throttle(0, throttleAccount()).delayMs(1, 0n)).toBeGreaterThan(86_400_000);
    expect(new Throttle(-1, throttleAccount()).delayMs(1, 0n)).toBeGreaterThan(86_400_000);
  });

  test('counts what is read for the keys, read to be copied, and written', async () => {
    const delays: number[] = [];
    const table = new CompactedLog({ settings: { ioMaxBytesPerSecond: 1e6 } });
    for (const value of ['1', '2', '3']) table.put({ a: value, [`b${value}`]: 'x'.repeat(1000) });
    table.roll();
    table.cleaner = new Cleaner({
      logs: table.manager,
      disk: table.disk,
      clock: { wallMs: () => table.nowMs, monotonicMs: () => table.nowMs },
      settings: () => ({ ...testSettings, ioMaxBytesPerSecond: 1e6 }),
      makeEngine: () =>
        new SlicedCompaction(table.disk, (delayMs) => {
          delays.push(delayMs);
          return Promise.resolve();
        }),
      onNote: (note) => table.notes.push(note),
      onThreadDeath: () => {},
    });
    await table.cleaner.cleanAll();
    const [note] = table.notes;
    if (note?.kind !== 'compacted') throw new Error('it was not compacted');
    const bytes = note.map.bytesRead + note.statistics.bytesRead + note.statistics.bytesWritten;
    // The account goes by a true clock, and nothing waits here: the last wait is for all of them, but for what passed.
    expect(Math.max(...delays)).toBeLessThanOrEqual(bytes / 1000 + 0.001);
    expect(Math.max(...delays)).toBeGreaterThan(0);
  });
});
