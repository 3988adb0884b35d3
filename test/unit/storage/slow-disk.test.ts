import { describe, expect, test } from 'vitest';
import { baseOffset, buildBatch } from '../../../protocol/batch.ts';
import type { DiskError } from '../../../storage/disk.ts';
import { Log } from '../../../storage/log.ts';
import type { LogConfig } from '../../../storage/log-config.ts';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import { StagingPool } from '../../../storage/staging.ts';
import type { WriteMode } from '../../../storage/stall-guard.ts';
import { CALM_MS, MANY_HELD_BYTES, MAX_HELD_BYTES, StallGuards } from '../../../storage/stall-guard.ts';
import { HeldDisk, settled } from './held-disk.ts';
import { append, batchOf, DIRECTORY, NOW_MS, openLog, readAll, smallConfig, TOPIC_ID } from './support.ts';

const config = { ...smallConfig, segmentBytes: 1 << 20 };
const FIRST_FILE = `${DIRECTORY}/00000000000000000000.log`;
const EIO = 'EIO';
const ENOSPC = 'ENOSPC';

/** A log whose writes go through the pool, and wait there until the test lets them go. */
function openHeld(changes: Partial<LogConfig> = {}, mode: WriteMode = 'pool', nowMs = () => 0) {
  const memory = new MemoryDisk();
  memory.makeDirectory(DIRECTORY);
  const disk = new HeldDisk(memory);
  const failures: DiskError[] = [];
  const guards = new StallGuards(nowMs, mode);
  const log = new Log(
    { topic: 'orders', partition: 0, topicId: TOPIC_ID, directory: DIRECTORY },
    { ...config, ...changes },
    NEW_LOG,
    {
      disk,
      stagingPool: new StagingPool(),
      stallGuards: guards,
      openProducers: openProducerState({
        expirationMs: () => 86_400_000,
        isVerificationEnabled: () => false,
      }),
      random: () => 0,
      onFailure: (_log, error) => failures.push(error),
      beforeTruncation: () => {},
    },
    NOW_MS,
  );
  return { memory, disk, log, failures, guard: guards.of('/data') };
}

/** Flushes, and notes how that ends: '' or the name of the error. */
function flushed(log: Log): string[] {
  const told: string[] = [];
  log.flushStaged()?.then(
    () => told.push(''),
    ({ errno }: DiskError) => told.push(errno),
  );
  return told;
}

const offsetsIn = (log: Log): number[] => readAll(log).map((batch) => baseOffset(batch));

const idempotent = (log: Log, sequence: number, leaderEpoch = 0) =>
  log.appendAsLeader(
    buildBatch({
      records: [{ value: Buffer.from(`s${sequence}`) }],
      timestampMs: NOW_MS,
      producerId: 5,
      producerEpoch: 0,
      baseSequence: sequence,
    }),
    { leaderEpoch, origin: 'client', nowMs: NOW_MS },
  );

/** Reopens what is in the files now, as a process that comes after a kill. */
const afterKill = (memory: MemoryDisk): Log => openLog(memory, config).log;

describe('a write on the thread pool', () => {
  test('leaves offsets assigned, and nothing readable or flushed before it has ended', async () => {
    const { disk, log } = openHeld();
    expect(append(log, ['a', 'b'])).toMatchObject({ errorCode: 0, baseOffset: 0, lastOffset: 1 });
    const told = flushed(log);
    expect(append(log, ['c'])).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(log).toMatchObject({ logEndOffset: 3, flushedEndOffset: 0 });
    expect(log.read(0, { maxBytes: 1000, minOneBatch: true })).toMatchObject({ errorCode: 0, bytes: 0 });
    await disk.next().release();
    expect(told).toEqual(['']);
    expect(log).toMatchObject({ logEndOffset: 3, flushedEndOffset: 2 });
    expect(offsetsIn(log)).toEqual([0]);
  });

  test('is followed by one that takes all that came meanwhile', async () => {
    const { disk, log } = openHeld();
    append(log, ['a']);
    const told = [flushed(log)];
    for (const value of ['b', 'c', 'd']) {
      append(log, [value]);
      told.push(flushed(log));
    }
    expect(disk.writes.length).toBe(1);
    await disk.next().release();
    expect(told).toEqual([[''], [], [], []]);
    expect(disk.writes.length).toBe(1);
    await disk.next().release();
    expect(told).toEqual([[''], [''], [''], ['']]);
    expect(disk.writes).toEqual([]);
    expect(offsetsIn(log)).toEqual([0, 1, 2, 3]);
  });

  test('has a copy of large batches, too: the memory they came in is used again at once', async () => {
    const { disk, log, memory } = openHeld();
    const batch = batchOf(['x'.repeat(200_000)]);
    log.appendAsLeader(batch, { leaderEpoch: 0, origin: 'client', nowMs: NOW_MS });
    const expected = Buffer.from(batch);
    batch.fill(0xdb);
    const told = flushed(log);
    await disk.next().release();
    expect(told).toEqual(['']);
    expect(readAll(log)[0]?.equals(expected)).toBe(true);
    expect(memory.status(FIRST_FILE)?.sizeBytes).toBe(expected.length);
  });

  test('is waited for by sync, which promises nothing before', async () => {
    const { disk, log } = openHeld();
    append(log, ['a']);
    let isSynced = false;
    const syncing = log.sync().then(() => {
      isSynced = true;
    });
    await settled();
    expect([isSynced, log.syncedEndOffset]).toEqual([false, 0]);
    await disk.next().release();
    await syncing;
    expect(log.syncedEndOffset).toBe(1);
  });

  test('is waited for by a close', async () => {
    const { disk, log, memory } = openHeld();
    append(log, ['a']);
    void flushed(log);
    append(log, ['b']);
    let isClosed = false;
    const closing = log.close().then(() => {
      isClosed = true;
    });
    await settled();
    expect(isClosed).toBe(false);
    await disk.next().release();
    await disk.next().release();
    await closing;
    expect(offsetsIn(afterKill(memory))).toEqual([0, 1]);
  });

  test('of a log that is given up ends for itself alone', async () => {
    const { disk, log, failures, guard } = openHeld();
    append(log, ['a']);
    const told = flushed(log);
    append(log, ['b']);
    log.abandon();
    await settled();
    expect(told).toEqual(['']);
    await disk.next().fail(EIO);
    expect([disk.writes, failures, guard.heldBytes]).toEqual([[], [], 0]);
  });
});

describe('a write on the thread pool that fails', () => {
  test.each([
    ['before a byte', 0],
    ['in its midst', 20],
  ])('for want of space %s takes back all that came after the last good one', async (_name, bytesWritten) => {
    const { disk, log, memory, failures } = openHeld();
    expect(idempotent(log, 0, 1).errorCode).toBe(0);
    void flushed(log);
    await disk.next().release();
    const size = memory.status(FIRST_FILE)?.sizeBytes;
    const epochs = [...log.epochs];
    expect(idempotent(log, 1, 2)).toMatchObject({ errorCode: 0, baseOffset: 1 });
    const told = [flushed(log)];
    expect(idempotent(log, 2, 3)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    told.push(flushed(log));
    await disk.next().fail(ENOSPC, bytesWritten);
    expect(told).toEqual([[ENOSPC], [ENOSPC]]);
    expect(log).toMatchObject({ logEndOffset: 1, flushedEndOffset: 1, isOffline: false, epochs });
    expect(memory.status(FIRST_FILE)?.sizeBytes).toBe(size);
    expect(disk.writes).toEqual([]);
    // The producer's own retries come first again, and are no duplicates.
    expect(idempotent(log, 1, 2)).toMatchObject({ errorCode: 0, baseOffset: 1, duplicate: false });
    void flushed(log);
    await disk.next().release();
    expect(offsetsIn(log)).toEqual([0, 1]);
    expect(failures).toEqual([]);
  });

  test.each([
    ['before a byte', 0],
    ['in its midst', 20],
  ])('%s behind one that did not leaves what is in the file', async (_name, bytesWritten) => {
    const { disk, log, memory } = openHeld();
    idempotent(log, 0, 1);
    const told = [flushed(log)];
    idempotent(log, 1, 2);
    told.push(flushed(log));
    await disk.next().release();
    const size = memory.status(FIRST_FILE)?.sizeBytes;
    idempotent(log, 2, 3);
    told.push(flushed(log));
    await disk.next().fail(ENOSPC, bytesWritten);
    expect(told).toEqual([[''], [ENOSPC], [ENOSPC]]);
    expect(log).toMatchObject({ logEndOffset: 1, flushedEndOffset: 1, isOffline: false });
    expect(memory.status(FIRST_FILE)?.sizeBytes).toBe(size);
    expect(log.latestEpoch).toBe(2);
    expect(idempotent(log, 1, 2)).toMatchObject({ errorCode: 0, baseOffset: 1, duplicate: false });
    expect(idempotent(log, 0, 2)).toMatchObject({ duplicate: true, baseOffset: 0 });
    void flushed(log);
    await disk.next().release();
    expect(offsetsIn(log)).toEqual([0, 1]);
  });

  test('otherwise takes the log offline, and tells everybody who waits', async () => {
    const { disk, log, failures, guard } = openHeld();
    append(log, ['a']);
    const told = [flushed(log)];
    append(log, ['b']);
    told.push(flushed(log));
    const syncing = expect(log.sync()).rejects.toMatchObject({ errno: EIO });
    await disk.next().fail(EIO, 10);
    await syncing;
    expect(told).toEqual([[EIO], [EIO]]);
    expect([log.isOffline, failures.length, disk.writes, guard.heldBytes]).toEqual([true, 1, [], 0]);
    expect(append(log, ['c']).errorCode).toBe(56);
  });

  test('behind a directory that failed elsewhere is no news', async () => {
    const { disk, log, failures } = openHeld();
    append(log, ['a']);
    const told = flushed(log);
    await settled();
    log.markOffline({ errno: EIO } as DiskError);
    await disk.next().fail(EIO);
    expect([told, failures]).toEqual([[EIO], []]);
  });
});

describe('a roll while a write is under way', () => {
  const rolled = () => {
    const opened = openHeld({ segmentBytes: 200 });
    append(opened.log, ['a'.repeat(100)]);
    const told = [flushed(opened.log)];
    append(opened.log, ['b'.repeat(100)]);
    told.push(flushed(opened.log));
    append(opened.log, ['c'.repeat(100)]);
    told.push(flushed(opened.log));
    return { ...opened, told };
  };

  test('leaves each batch to the segment it belongs to, in order', async () => {
    const { disk, log, memory, told } = rolled();
    expect(log.segmentStarts().map((segment) => segment.baseOffset)).toEqual([0, 1, 2]);
    for (let ended = 0; ended < 3; ended++) {
      expect(disk.writes.map(({ path }) => path)).toEqual([`${DIRECTORY}/0000000000000000000${ended}.log`]);
      expect(told.flat().length).toBe(ended);
      await disk.next().release();
    }
    expect(told).toEqual([[''], [''], ['']]);
    expect(offsetsIn(log)).toEqual([0, 1, 2]);
    await log.sync();
    expect(offsetsIn(afterKill(memory))).toEqual([0, 1, 2]);
  });

  test('does not let the recovery point pass what is not written', async () => {
    const { disk, log } = rolled();
    await settled();
    expect([log.recoveryPoint, log.syncedEndOffset]).toEqual([0, 0]);
    await disk.next().release();
    await disk.next().release();
    await disk.next().release();
    await log.flush();
    expect(log.recoveryPoint).toBe(3);
  });

  test.each([0, 1, 2])('goes back with a write that fails (%i before it do not)', async (before) => {
    const { disk, log, memory, told } = rolled();
    for (let count = 0; count < before; count++) await disk.next().release();
    await disk.next().fail(ENOSPC, 10);
    expect(told.map(([end]) => end)).toEqual([0, 1, 2].map((place) => (place < before ? '' : ENOSPC)));
    expect(log).toMatchObject({ logEndOffset: before, flushedEndOffset: before, isOffline: false });
    expect(log.segmentStarts().at(-1)?.baseOffset).toBe(before);
    append(log, ['again'.repeat(20)]);
    void flushed(log);
    while (disk.writes.length > 0) await disk.next().release();
    expect(offsetsIn(log)).toEqual(Array.from({ length: before + 1 }, (_, offset) => offset));
    await log.sync();
    expect(offsetsIn(afterKill(memory)).length).toBe(before + 1);
  });
});

describe('a truncation while a write is under way', () => {
  test.each([1, 2])('to offset %i keeps what lies below, whatever the write does later', async (target) => {
    const { disk, log, memory } = openHeld();
    append(log, ['a']);
    void flushed(log);
    await disk.next().release();
    append(log, ['b']);
    const told = [flushed(log)];
    append(log, ['c']);
    told.push(flushed(log));
    const late = disk.next();
    log.truncateTo(target, NOW_MS);
    expect(log).toMatchObject({ logEndOffset: target, flushedEndOffset: target });
    append(log, ['new'], 7);
    const next = flushed(log);
    await settled();
    // The file was cut below it: nothing is written before it has ended.
    expect([disk.writes, next]).toEqual([[], []]);
    await late.release();
    await disk.next().release();
    expect(next).toEqual(['']);
    await log.sync();
    expect(offsetsIn(log)).toEqual(Array.from({ length: target + 1 }, (_, offset) => offset));
    expect(readAll(log).at(-1)?.toString('latin1')).toContain('new');
    expect(readAll(afterKill(memory)).map(String)).toEqual(readAll(log).map(String));
  });

  test('is not synced before the file was cut again', async () => {
    const { disk, log, memory } = openHeld();
    append(log, ['a']);
    void flushed(log);
    const late = disk.next();
    log.truncateTo(0, NOW_MS);
    let isSynced = false;
    const syncing = log.sync().then(() => {
      isSynced = true;
    });
    await settled();
    expect(isSynced).toBe(false);
    await late.release();
    await syncing;
    expect(memory.status(FIRST_FILE)?.sizeBytes).toBe(0);
  });

  test('of the whole log gives the write up', async () => {
    const { disk, log, failures } = openHeld();
    append(log, ['a']);
    const told = flushed(log);
    const late = disk.next();
    log.truncateFullyAndStartAt(0, NOW_MS);
    append(log, ['b']);
    void flushed(log);
    await disk.next().release();
    await late.fail(ENOSPC);
    expect([told, failures, offsetsIn(log)]).toEqual([[''], [], [0]]);
  });

  test('is refused while an earlier one is being waited for, and harms nothing', async () => {
    const { disk, log } = openHeld();
    append(log, ['a']);
    void flushed(log);
    append(log, ['b']);
    const late = disk.next();
    log.truncateTo(1, NOW_MS);
    append(log, ['c']);
    expect(() => log.truncateTo(1, NOW_MS)).toThrow('EBUSY');
    await late.release();
    void flushed(log);
    await disk.next().release();
    expect(offsetsIn(log)).toEqual([0, 1]);
    expect(log.truncateTo(1, NOW_MS)).toBe(true);
  });
});

describe('the guard of a log directory', () => {
  /** A log on a disk whose writes from the loop take as long as the test says. */
  function onClock() {
    const clock = { nowMs: 1_000, writeMs: 0 };
    const opened = openHeld({}, 'auto', () => clock.nowMs);
    opened.memory.onOperation = (operation, path) => {
      if (operation === 'write' && path.endsWith('.log')) clock.nowMs += clock.writeMs;
      return undefined;
    };
    return { ...opened, clock };
  }

  test('sends writes to the pool after one that took long, and back when one there was quick after a while', async () => {
    const { disk, log, clock } = onClock();
    append(log, ['a']);
    expect(log.flushStaged()).toBeNull();
    clock.writeMs = 500;
    append(log, ['b']);
    expect(log.flushStaged()).toBeNull();
    clock.writeMs = 0;
    append(log, ['c']);
    expect(flushed(log)).toEqual([]);
    expect(disk.writes.length).toBe(1);
    clock.nowMs += 400;
    await disk.next().release();
    clock.nowMs += CALM_MS - 1;
    append(log, ['d']);
    void flushed(log);
    await disk.next().release();
    // However long nothing is written, it is the pool that finds out.
    clock.nowMs += 100 * CALM_MS;
    append(log, ['e']);
    expect(flushed(log)).toEqual([]);
    await disk.next().release();
    append(log, ['f']);
    expect(log.flushStaged()).toBeNull();
    expect(disk.writes).toEqual([]);
    expect(offsetsIn(log)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('does not let a write from the loop overtake one on the pool', async () => {
    const { disk, log, clock } = onClock();
    clock.writeMs = 500;
    append(log, ['a'.repeat(70_000)]);
    clock.writeMs = 0;
    append(log, ['b']);
    void flushed(log);
    clock.nowMs += 10 * CALM_MS;
    append(log, ['c'.repeat(70_000)]);
    expect(log.flushedEndOffset).toBe(1);
    await disk.next().release();
    await disk.next().release();
    expect(offsetsIn(log)).toEqual([0, 1, 2]);
  });

  test('bounds what is kept in memory: beyond it appends are refused, and taken again when there is room', async () => {
    const { disk, log, guard } = openHeld({ segmentBytes: 1 << 30 });
    const value = 'x'.repeat(900_000);
    let appended = 0;
    while (append(log, [value]).errorCode === 0) {
      appended++;
      if (appended === 2) expect(log.isCrowded).toBe(false);
      expect(guard.heldBytes).toBeLessThanOrEqual(MAX_HELD_BYTES);
    }
    expect(append(log, [value]).errorCode).toBe(56);
    expect(appended * 900_000).toBeGreaterThan(MAX_HELD_BYTES - 1_000_000);
    expect([log.isCrowded, log.logEndOffset]).toEqual([true, appended]);
    void flushed(log);
    while (disk.writes.length > 0) await disk.next().release();
    expect(guard.heldBytes).toBe(0);
    expect(append(log, [value]).errorCode).toBe(0);
  });

  test('takes one batch that is larger than all that may be kept', () => {
    const { log } = openHeld({ segmentBytes: 1 << 30, maxMessageBytes: 1 << 30 });
    const half = 'x'.repeat(MAX_HELD_BYTES / 2);
    expect(append(log, [half, half, half]).errorCode).toBe(0);
    expect(append(log, ['b']).errorCode).toBe(56);
    expect(MANY_HELD_BYTES).toBeLessThan(MAX_HELD_BYTES);
  });
});
