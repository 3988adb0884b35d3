import { describe, expect, test } from 'vitest';
import {
  baseOffset,
  isCrcValid,
  lastOffset,
  nextOffset,
  partitionLeaderEpoch,
  sizeInBytes,
} from '../../../protocol/batch.ts';
import type { Log } from '../../../storage/log.ts';
import type { LogConfig } from '../../../storage/log-config.ts';
import { LogManager } from '../../../storage/log-manager.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import type { WriteMode } from '../../../storage/stall-guard.ts';
import { StallGuards } from '../../../storage/stall-guard.ts';
import { append, batchOf, NOW_MS, seeded, smallConfig, TOPIC_ID } from '../../unit/storage/support.ts';

const plainConfig = { ...smallConfig, segmentBytes: 4096, indexIntervalBytes: 200, fileDeleteDelayMs: 0 };

const intervals = { retentionCheckMs: 1, recoveryPointMs: 1, startOffsetMs: 1, highWatermarkMs: 1 };

/** What was promised and what was ever written, so that a reopened log can be judged. */
class History {
  /** Bytes that were appended at each base offset, also by appends that a truncation undid later. */
  readonly written = new Map<number, Set<string>>();
  /** Bytes that were acknowledged after a sync and not truncated since, by base offset. */
  acknowledged = new Map<number, string>();
  startOffset = 0;
  /** Where the batches of the log begin now. */
  lastAppended: number[] = [];
  /** While the end or the start is being moved, both sides of the move are right. */
  floorWhileMoving = Number.POSITIVE_INFINITY;
}

interface Setup {
  readonly manager: LogManager;
  readonly advance: () => void;
}

function openManager(disk: MemoryDisk, config: LogConfig, mode: WriteMode = 'loop'): Setup {
  let nowMs = 0;
  const manager = LogManager.open({
    disk,
    clock: { wallMs: () => NOW_MS + nowMs, monotonicMs: () => nowMs },
    random: seeded(7),
    logDirs: ['/data'],
    intervals,
    stallGuards: new StallGuards(() => nowMs, mode),
    configOf: () => config,
    openProducers: openProducerState({ expirationMs: () => 86_400_000, isVerificationEnabled: () => false }),
    onDirectoryFailure: (_directory, cause) => {
      throw cause;
    },
  });
  return { manager, advance: () => (nowMs += 10) };
}

class Workload {
  readonly history = new History();
  readonly #random: () => number;
  readonly #log: Log;
  readonly #setup: Setup;
  #pending: [number, string][] = [];
  #epoch = 0;

  constructor(disk: MemoryDisk, seed: number, config: LogConfig, mode: WriteMode) {
    this.#random = seeded(seed);
    this.#setup = openManager(disk, config, mode);
    this.#log = this.#setup.manager.create('orders', 0, TOPIC_ID, config);
  }

  async run(stepCount: number): Promise<void> {
    for (let index = 0; index < stepCount; index++) await this.#step();
  }

  async #step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.55) this.#append();
    else if (dice < 0.65) await this.#log.flushStaged();
    else if (dice < 0.8) await this.#sync();
    else if (dice < 0.85) this.#log.roll(NOW_MS);
    else if (dice < 0.9) await this.#tick();
    else if (dice < 0.95) await this.#truncate();
    else this.#moveStart();
  }

  #append(): void {
    if (this.#random() < 0.1) this.#epoch++;
    const values = Array.from({ length: 1 + Math.floor(this.#random() * 3) }, () =>
      'v'.repeat(Math.floor(this.#random() * 300)),
    );
    const before = this.#log.logEndOffset;
    const timestampMs = NOW_MS + Math.floor(this.#random() * 1000);
    // Offset and epoch are put in place in it.
    const batch = batchOf(values, timestampMs);
    this.#log.appendAsLeader(batch, { leaderEpoch: this.#epoch, origin: 'client', nowMs: NOW_MS });
    const bytes = batch.toString('latin1');
    if (this.#random() < 0.7) void this.#log.flushStaged();
    const known = this.history.written.get(before) ?? new Set();
    this.history.written.set(before, known.add(bytes));
    this.#pending.push([before, bytes]);
    this.history.lastAppended.push(before);
  }

  async #sync(): Promise<void> {
    const covered = this.#pending;
    this.#pending = [];
    await this.#log.sync();
    for (const [offset, bytes] of covered) this.history.acknowledged.set(offset, bytes);
    expect(this.#log.syncedEndOffset).toBe(this.#log.logEndOffset);
  }

  async #tick(): Promise<void> {
    this.#setup.advance();
    await this.#setup.manager.tick();
  }

  async #truncate(): Promise<void> {
    const offsets = [...this.history.written.keys()].filter(
      (offset) => offset >= this.#log.logStartOffset && offset < this.#log.logEndOffset,
    );
    const offset = offsets[Math.floor(this.#random() * offsets.length)];
    if (offset === undefined) return;
    // What is left of a batch that starts here may have been written at another time.
    const held = this.history.lastAppended.findLast((start) => start <= offset);
    const target = held ?? offset;
    const kept = new Map([...this.history.acknowledged].filter(([offset]) => offset < target));
    // From the first change on, what lies above may or may not be there.
    this.history.acknowledged = kept;
    this.#pending = this.#pending.filter(([offset]) => offset < target);
    try {
      this.#log.truncateTo(offset, NOW_MS);
    } catch (error) {
      // A write that an earlier truncation has given up is still under way.
      expect(error).toMatchObject({ errno: 'EBUSY' });
      await this.#log.sync();
      this.#log.truncateTo(offset, NOW_MS);
    }
    this.history.lastAppended = this.history.lastAppended.filter((start) => start < target);
    expect(this.#log.logEndOffset).toBe(target);
  }

  #moveStart(): void {
    this.#log.updateHighWatermark(this.#log.logEndOffset);
    const offset = Math.floor(
      this.#log.logStartOffset + this.#random() * (this.#log.logEndOffset - this.#log.logStartOffset),
    );
    this.history.startOffset = Math.max(this.history.startOffset, offset);
    this.#log.maybeIncrementLogStartOffset(offset);
    this.#log.deleteOldSegments(NOW_MS);
  }
}

interface Cut {
  readonly disk: MemoryDisk;
  readonly acknowledged: ReadonlyMap<number, string>;
  readonly startOffset: number;
}

/** Runs a workload and cuts the power before every change it makes to the disk. */
async function cutEverywhere(
  seed: number,
  config: LogConfig,
  mode: WriteMode,
): Promise<{ cuts: Cut[]; history: History }> {
  const disk = new MemoryDisk({ trackSync: true });
  disk.makeDirectory('/data');
  disk.syncDirectoryNow('/');
  const workload = new Workload(disk, seed, config, mode);
  const random = seeded(seed + 1000);
  const cuts: Cut[] = [];
  disk.onOperation = (operation) => {
    if (operation === 'read' || operation === 'open') return undefined;
    cuts.push({
      disk: disk.powerCut(random),
      acknowledged: new Map(workload.history.acknowledged),
      startOffset: workload.history.startOffset,
    });
    return undefined;
  };
  await workload.run(120);
  return { cuts, history: workload.history };
}

async function judge(cut: Cut, history: History, config: LogConfig): Promise<void> {
  const { manager } = openManager(cut.disk, config);
  const found = manager.find('orders', 0, TOPIC_ID);
  const promised = [...cut.acknowledged].filter(([offset]) => offset >= cut.startOffset);
  if (found === undefined && promised.length === 0) return;
  expect(found).toBeDefined();
  const log = found ?? manager.create('orders', 0, TOPIC_ID, config);
  expect(log.topicId).toBe(TOPIC_ID);
  const stored = new Map<number, string>();
  let expected = log.logStartOffset;
  while (expected < log.logEndOffset) {
    const read = log.read(expected, { maxBytes: 1 << 20, minOneBatch: true });
    expect(read.errorCode).toBe(0);
    const records = read.records[0] ?? Buffer.alloc(0);
    expect(records.length).toBeGreaterThan(0);
    for (let at = 0; at < records.length; at += sizeInBytes(records, at)) {
      expect(isCrcValid(records, at)).toBe(true);
      expect(baseOffset(records, at)).toBeLessThanOrEqual(expected);
      expect(lastOffset(records, at)).toBeGreaterThanOrEqual(expected);
      const bytes = records.toString('latin1', at, at + sizeInBytes(records, at));
      expect(history.written.get(baseOffset(records, at))?.has(bytes)).toBe(true);
      // What was deleted before the cut may be back, its epochs are not.
      if (baseOffset(records, at) >= cut.startOffset)
        expect(epochOf(log, baseOffset(records, at))).toBe(partitionLeaderEpoch(records, at));
      stored.set(baseOffset(records, at), bytes);
      expected = nextOffset(records, at);
    }
  }
  for (const [offset, bytes] of promised) expect(stored.get(offset) === bytes).toBe(true);
  checkEveryOffset(log, stored);
  expect(append(log, ['after'], 99).errorCode).toBe(0);
  await manager.close();
}

/** The leader epoch that the log believes to have written `offset`. */
const epochOf = (log: Log, offset: number): number | undefined =>
  log.epochs.findLast(({ startOffset }) => startOffset <= offset)?.epoch;

/** Each offset is found through the indexes. */
function checkEveryOffset(log: Log, stored: ReadonlyMap<number, string>): void {
  for (let offset = log.logStartOffset; offset < log.logEndOffset; offset++) {
    const read = log.read(offset, { maxBytes: 1, minOneBatch: true });
    const records = read.records[0] ?? Buffer.alloc(0);
    expect(baseOffset(records)).toBeLessThanOrEqual(offset);
    expect(lastOffset(records)).toBeGreaterThanOrEqual(offset);
    expect(stored.has(baseOffset(records))).toBe(true);
  }
}

describe.each([
  [false, 'loop'],
  [true, 'loop'],
  [false, 'pool'],
  [true, 'pool'],
] as const)('power cuts, segments preallocated: %s, written from the %s', (preallocate, mode) => {
  const config = { ...plainConfig, preallocate };

  test.each([1, 2, 3, 4, 5, 19])(
    'before every change on the disk, acknowledged records survive and nothing torn is served (seed %i)',
    async (seed) => {
      const { cuts, history } = await cutEverywhere(seed, config, mode);
      expect(cuts.length).toBeGreaterThan(150);
      for (const cut of cuts) await judge(cut, history, config);
    },
  );

  test('what is cut off a segment when it is closed does not come back behind records that were acknowledged', async () => {
    const disk = new MemoryDisk({ trackSync: true });
    disk.makeDirectory('/data');
    disk.syncDirectoryNow('/');
    const { manager } = openManager(disk, config, mode);
    const log = manager.create('orders', 0, TOPIC_ID, config);
    append(log, ['first'], 0);
    await log.sync();
    // All in one turn: nothing in the background comes between.
    log.roll(NOW_MS);
    append(log, ['second'], 0);
    log.files.syncNow();
    const random = seeded(1);
    for (let cut = 0; cut < 40; cut++) {
      const reopened = openManager(disk.powerCut(random), config).manager.find('orders', 0, TOPIC_ID);
      expect(reopened?.logEndOffset).toBe(2);
    }
  });
});
