import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baseOffset, isCrcValid, lastOffset, partitionLeaderEpoch } from '../../../protocol/batch.ts';
import type { Log } from '../../../storage/log.ts';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import type { WriteMode } from '../../../storage/stall-guard.ts';
import { append, NOW_MS, openLog, readAll, smallConfig } from './support.ts';

/** The log as a list: one entry for each batch. */
interface ModelBatch {
  readonly base: number;
  readonly last: number;
  readonly epoch: number;
  readonly timestampMs: number;
}

class Model {
  batches: ModelBatch[] = [];
  start = 0;
  end = 0;

  epochEnd(epoch: number, log: Log): { epoch: number; endOffset: number } {
    const starts = log.epochs;
    expect(starts.map((entry) => entry.startOffset)).toEqual(
      [...starts].map((entry) => entry.startOffset).sort((a, b) => a - b),
    );
    const higher = starts.find((entry) => entry.epoch > epoch);
    if (epoch === starts.at(-1)?.epoch) return { epoch, endOffset: this.end };
    if (higher === undefined) return { epoch: -1, endOffset: -1 };
    const floor = starts.filter((entry) => entry.epoch <= epoch).at(-1);
    return { epoch: floor?.epoch ?? epoch, endOffset: higher.startOffset };
  }
}

type Step =
  | { kind: 'append'; count: number; bytes: number; epochStep: number; ageMs: number }
  | { kind: 'flush' | 'roll' | 'sync' | 'reopen' | 'crash' | 'tidy' }
  | { kind: 'truncate' | 'start' | 'read'; at: number }
  | { kind: 'restart'; ahead: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 5 }),
      bytes: fc.constantFrom(1, 50, 900, 5000, 70_000),
      epochStep: fc.constantFrom(0, 0, 0, 0, 1, 3),
      ageMs: fc.integer({ min: 0, max: 1000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('flush', 'roll', 'sync', 'reopen', 'crash', 'tidy') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('truncate', 'start', 'read'),
      at: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('restart' as const), ahead: fc.integer({ min: 0, max: 50 }) }),
  },
) as fc.Arbitrary<Step>;

class Run {
  readonly disk = new MemoryDisk();
  readonly model = new Model();
  readonly config = { ...smallConfig, segmentBytes: 100_000, fileDeleteDelayMs: 0 };
  readonly mode: WriteMode;
  log: Log;
  epoch = 0;

  constructor(mode: WriteMode) {
    this.mode = mode;
    this.log = openLog(this.disk, this.config, NEW_LOG, mode).log;
  }

  /** The end of a turn: on the pool a write is now under way, and others may come before it has ended. */
  endTurn(): void {
    if (this.mode === 'pool') void this.log.flushStaged();
  }

  async apply(next: Step): Promise<void> {
    const { model } = this;
    switch (next.kind) {
      case 'append':
        return this.#append(next);
      case 'flush':
        return this.#flush();
      case 'roll':
        return this.log.roll(NOW_MS);
      case 'sync':
        return this.log.sync();
      case 'tidy':
        return this.log.tidy(NOW_MS);
      case 'reopen':
        return this.#reopen(true);
      case 'crash':
        return this.#reopen(false);
      case 'truncate':
        return await this.#truncate(Math.floor(next.at * (model.end + 2)));
      case 'start': {
        this.log.updateHighWatermark(model.end);
        const offset = Math.floor(next.at * (model.end + 1));
        const moved = this.log.maybeIncrementLogStartOffset(offset);
        expect(moved).toBe(offset > model.start);
        model.start = Math.max(model.start, offset);
        this.log.deleteOldSegments(NOW_MS);
        return undefined;
      }
      case 'restart': {
        const offset = model.end + next.ahead;
        this.log.truncateFullyAndStartAt(offset, NOW_MS);
        Object.assign(model, { batches: [], start: offset, end: offset });
        return undefined;
      }
      case 'read':
        return this.#readFrom(Math.floor(next.at * (model.end + 1)));
    }
  }

  async #flush(): Promise<void> {
    await this.log.flushStaged();
  }

  #append(next: Extract<Step, { kind: 'append' }>): void {
    const { model } = this;
    this.epoch += next.epochStep;
    const values = Array.from({ length: next.count }, (_, index) =>
      `${index}`.padEnd(next.bytes / next.count, 'x'),
    );
    const timestampMs = NOW_MS + next.ageMs;
    const result = append(this.log, values, this.epoch, timestampMs);
    expect(result).toMatchObject({
      errorCode: 0,
      baseOffset: model.end,
      lastOffset: model.end + next.count - 1,
    });
    model.batches.push({ base: model.end, last: model.end + next.count - 1, epoch: this.epoch, timestampMs });
    model.end += next.count;
  }

  async #reopen(clean: boolean): Promise<void> {
    const { log } = this;
    if (clean) await log.close();
    else {
      // The process dies, the machine lives: what was flushed stays.
      // What is under way would end in the next process's files here, as it never does.
      if (this.mode === 'pool') await log.sync();
      else void log.flushStaged();
      log.abandon();
    }
    const leftBy = {
      hadCleanShutdown: clean,
      recoveryPoint: log.recoveryPoint,
      logStartOffset: this.model.start,
      highWatermark: log.highWatermark,
      mayHaveGaps: false,
    };
    this.log = openLog(this.disk, this.config, leftBy, this.mode).log;
    expect(this.log.recovery.truncatedBytes).toBe(0);
    if (clean) expect(this.log.recovery.scannedSegments).toBe(0);
  }

  async #truncate(offset: number): Promise<void> {
    const { model } = this;
    const target = model.batches.find((batch) => batch.last >= offset)?.base ?? offset;
    try {
      this.log.truncateTo(target, NOW_MS);
    } catch (error) {
      // A write that an earlier truncation has given up is still under way.
      expect(error).toMatchObject({ errno: 'EBUSY' });
      await this.log.sync();
      this.log.truncateTo(target, NOW_MS);
    }
    if (target >= model.end) return;
    model.batches = model.batches.filter((batch) => batch.last < target);
    model.end = target;
    model.start = Math.min(model.start, target);
  }

  #readFrom(offset: number): void {
    const { model } = this;
    if (!this.#isFlushed()) return;
    for (const maxBytes of [0, 100, 4000, 1 << 20]) {
      const read = this.log.read(offset, { maxBytes, minOneBatch: true });
      if (offset < model.start) {
        expect(read.errorCode).toBe(1);
        continue;
      }
      expect(read.errorCode).toBe(0);
      const expected = model.batches.find((batch) => batch.last >= offset);
      const records = read.records[0];
      if (expected === undefined) expect(records).toBeUndefined();
      else expect(baseOffset(records ?? Buffer.alloc(0))).toBe(expected.base);
      if (records !== undefined && records.length > maxBytes) {
        expect(lastOffset(records)).toBe(expected?.last);
      }
    }
  }

  check(): void {
    const { log, model } = this;
    if (!this.#isFlushed()) {
      expect([log.logStartOffset, log.logEndOffset]).toEqual([model.start, model.end]);
      return;
    }
    expect([log.logStartOffset, log.logEndOffset]).toEqual([model.start, model.end]);
    expect(log.syncedEndOffset).toBeLessThanOrEqual(log.flushedEndOffset);
    expect(log.flushedEndOffset).toBeLessThanOrEqual(log.logEndOffset);
    const stored = readAll(log);
    expect(stored.every((batch) => isCrcValid(batch))).toBe(true);
    const visible = model.batches.filter((batch) => batch.last >= model.start);
    expect(
      stored.map((batch) => [baseOffset(batch), lastOffset(batch), partitionLeaderEpoch(batch)]),
    ).toEqual(visible.map((batch) => [batch.base, batch.last, batch.epoch]));
    for (let epoch = 0; epoch <= this.epoch + 1; epoch++) {
      expect(log.endOffsetForEpoch(epoch)).toEqual(model.epochEnd(epoch, log));
    }
    this.#checkTimes(visible);
  }

  /** What a write on the pool has not brought into the file can't be read. */
  #isFlushed(): boolean {
    return this.mode === 'loop' || this.log.flushedEndOffset === this.log.logEndOffset;
  }

  #checkTimes(visible: readonly ModelBatch[]): void {
    for (const timestampMs of [NOW_MS, NOW_MS + 500, NOW_MS + 1001]) {
      const expected = visible.find((batch) => batch.timestampMs >= timestampMs);
      const found = this.log.offsetForTimestamp(timestampMs);
      expect(found?.offset).toBe(
        expected === undefined ? undefined : Math.max(expected.base, this.model.start),
      );
    }
  }
}

describe('a log against a plain list', () => {
  test.each(['loop', 'pool'] as const)(
    'written from the %s: any run of appends, truncations, rolls, clean and hard restarts keeps offsets, bytes, epochs and times',
    async (mode) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
          const run = new Run(mode);
          for (const next of steps) {
            await run.apply(next);
            run.endTurn();
            run.check();
          }
          await run.apply({ kind: 'flush' });
          run.check();
        }),
        { numRuns: 300 },
      );
    },
  );
});
