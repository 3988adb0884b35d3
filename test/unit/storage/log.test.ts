import { describe, expect, test } from 'vitest';
import { ControlType, controlKey, endTxnMarkerValue } from '../../../protocol/batch/control.ts';
import { baseOffset, buildBatch, iterateRecords } from '../../../protocol/batch.ts';
import type { Log } from '../../../storage/log.ts';
import type { LogConfig } from '../../../storage/log-config.ts';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { append, batchOf, DIRECTORY, NOW_MS, openLog, readAll, smallConfig } from './support.ts';

const opened = (change: Partial<LogConfig> = {}): { disk: MemoryDisk; log: Log } => {
  const disk = new MemoryDisk();
  return { disk, log: openLog(disk, { ...smallConfig, ...change }).log };
};

const segmentsOf = (disk: MemoryDisk): number[] =>
  disk
    .list(DIRECTORY)
    .filter(({ name }) => name.endsWith('.log'))
    .map(({ name }) => Number(name.slice(0, 20)));

const marker = (producerId: number, type: ControlType) =>
  buildBatch({
    records: [{ key: controlKey(type), value: endTxnMarkerValue(0) }],
    timestampMs: NOW_MS,
    producerId,
    producerEpoch: 0,
    transactional: true,
    control: true,
  });

const transactional = (producerId: number, sequence: number) =>
  buildBatch({
    records: [{ value: Buffer.from('t') }],
    timestampMs: NOW_MS,
    producerId,
    producerEpoch: 0,
    baseSequence: sequence,
    transactional: true,
  });

describe('rolling', () => {
  test('begins a new segment when a batch would pass segment.bytes, named by its first offset', () => {
    const { disk, log } = opened({ segmentBytes: 400 });
    for (let index = 0; index < 5; index++) append(log, ['x'.repeat(100)]);
    expect(segmentsOf(disk)).toEqual([0, 2, 4]);
    expect(readAll(log).map((batch) => baseOffset(batch))).toEqual([0, 1, 2, 3, 4]);
  });

  test('goes by the time between records: segment.ms less the jitter', () => {
    const { disk, log } = opened({ segmentMs: 1000 });
    append(log, ['a'], 0, NOW_MS);
    append(log, ['b'], 0, NOW_MS + 1000);
    append(log, ['c'], 0, NOW_MS + 1001);
    expect(segmentsOf(disk)).toEqual([0, 2]);
  });

  test('comes when an index has no slot left', () => {
    const { disk, log } = opened({ segmentIndexBytes: 36, indexIntervalBytes: 0 });
    for (let index = 0; index < 9; index++) append(log, [`${index}`], 0, NOW_MS + index);
    expect(segmentsOf(disk).length).toBeGreaterThan(2);
    expect(readAll(log).length).toBe(9);
  });

  test('comes before an offset that the index could not hold', () => {
    const { disk, log } = opened();
    append(log, ['a']);
    const far = buildBatch({
      records: [{ value: Buffer.from('far') }],
      baseOffset: 2 ** 31 + 5,
      timestampMs: NOW_MS,
    });
    expect(log.appendAsFollower(far, NOW_MS).errorCode).toBe(0);
    expect(segmentsOf(disk)).toEqual([0, 2 ** 31 + 5]);
    expect(readAll(log).map((batch) => baseOffset(batch))).toEqual([0, 2 ** 31 + 5]);
  });

  test('leaves a producer snapshot, trimmed indexes, and a recovery point that follows', async () => {
    const { disk, log } = opened({ segmentBytes: 400 });
    for (let index = 0; index < 3; index++) append(log, ['x'.repeat(100)]);
    await log.flush();
    expect(log.recoveryPoint).toBe(3);
    expect(disk.status(`${DIRECTORY}/00000000000000000002.snapshot`)).not.toBeNull();
    expect(disk.status(`${DIRECTORY}/00000000000000000000.timeindex`)?.sizeBytes).toBe(12);
    expect(disk.status(`${DIRECTORY}/00000000000000000002.timeindex`)?.sizeBytes).toBe(1020);
  });
});

describe('reading', () => {
  test('gives whole batches within the limit, the first one whole even above it if asked', () => {
    const { log } = opened();
    for (let index = 0; index < 4; index++) append(log, ['x'.repeat(100)]);
    const size = log.sizeBytes / 4;
    const bytesOf = (maxBytes: number, minOneBatch: boolean) => log.read(1, { maxBytes, minOneBatch }).bytes;
    expect([
      bytesOf(0, true),
      bytesOf(size - 1, true),
      bytesOf(size * 2 + 1, true),
      bytesOf(9999, true),
    ]).toEqual([size, size, size * 2, size * 3]);
    expect([bytesOf(0, false), bytesOf(size - 1, false), bytesOf(size, false)]).toEqual([0, 0, size]);
    expect(log.read(1, { maxBytes: size * 2 + 1, minOneBatch: true }).availableBytes).toBe(size * 2 + 1);
  });

  test('stops below the bound given, at the batch that would cross it', () => {
    const { log } = opened();
    for (let index = 0; index < 3; index++) append(log, ['a', 'b']);
    const lastRead = (upTo: number) => log.read(0, { maxBytes: 9999, minOneBatch: true, upTo }).bytes;
    const size = log.sizeBytes / 3;
    expect([0, 1, 2, 3, 4, 5, 6].map(lastRead)).toEqual([0, 0, size, size, size * 2, size * 2, size * 3]);
  });

  test('outside the log is OFFSET_OUT_OF_RANGE, at its end nothing', () => {
    const { log } = opened();
    append(log, ['a', 'b']);
    const codeAt = (offset: number) => log.read(offset, { maxBytes: 10, minOneBatch: true }).errorCode;
    expect([-1, 0, 2, 3].map(codeAt)).toEqual([1, 0, 0, 1]);
  });

  test('gives memory that later appends and reads do not touch', () => {
    const { log } = opened();
    append(log, ['first']);
    const [records = Buffer.alloc(0)] = log.read(0, { maxBytes: 999, minOneBatch: true }).records;
    const before = Buffer.from(records);
    for (let index = 0; index < 50; index++) append(log, ['other']);
    readAll(log);
    expect(records.equals(before)).toBe(true);
    expect([...iterateRecords(records)].map((record) => record.value?.toString())).toEqual(['first']);
  });

  test('moves on to the next segment when the rest of one was cut off', () => {
    const { log } = opened({ segmentBytes: 300 });
    for (let index = 0; index < 4; index++) append(log, ['x'.repeat(100)]);
    expect(log.read(0, { maxBytes: 9999, minOneBatch: true }).bytes).toBeLessThan(log.sizeBytes);
    expect(readAll(log).length).toBe(4);
  });
});

describe('appending', () => {
  test('copies what it is given: the caller may reuse its buffer at once', () => {
    const { log } = opened();
    const shared = batchOf(['kept']);
    log.appendAsLeader(shared, { leaderEpoch: 0, origin: 'client', nowMs: NOW_MS });
    shared.fill(0xff);
    const [records = Buffer.alloc(0)] = readAll(log);
    expect([...iterateRecords(records)].map((record) => record.value?.toString())).toEqual(['kept']);
  });

  test('moves the three ends one after the other: appended, flushed, synced', async () => {
    const { log } = opened({ segmentBytes: 1 << 20 });
    append(log, ['a']);
    const ends = () => [log.logEndOffset, log.flushedEndOffset, log.syncedEndOffset];
    expect(ends()).toEqual([1, 0, 0]);
    void log.flushStaged();
    expect(ends()).toEqual([1, 1, 0]);
    append(log, ['b']);
    await log.sync();
    expect(ends()).toEqual([2, 2, 2]);
    append(log, ['x'.repeat(70_000)]);
    expect(ends()).toEqual([3, 3, 2]);
    log.syncNow();
    expect(ends()).toEqual([3, 3, 3]);
  });

  test('answers a producer that repeats itself with the first offsets, and appends nothing', () => {
    const { log } = opened();
    append(log, ['before']);
    const send = () =>
      log.appendAsLeader(transactional(9, 0), { leaderEpoch: 0, origin: 'client', nowMs: NOW_MS });
    expect(send()).toMatchObject({ errorCode: 0, baseOffset: 1, duplicate: false });
    expect(send()).toMatchObject({ errorCode: 0, baseOffset: 1, lastOffset: 1, duplicate: true });
    expect(log.logEndOffset).toBe(2);
  });

  test('as a follower refuses what does not follow, what is damaged, and leaves out a cut batch', () => {
    const { log } = opened();
    const at = (offset: number) =>
      buildBatch({ records: [{ value: null }], baseOffset: offset, timestampMs: NOW_MS });
    const two = Buffer.concat([at(0), at(1)]);
    expect(log.appendAsFollower(two.subarray(0, two.length - 1), NOW_MS)).toMatchObject({
      errorCode: 0,
      lastOffset: 0,
    });
    expect(log.appendAsFollower(at(0), NOW_MS).errorCode).toBe(1);
    const damaged = at(1);
    damaged.writeUInt8(damaged.readUInt8(65) ^ 1, 65);
    expect(log.appendAsFollower(damaged, NOW_MS).errorCode).toBe(2);
    expect(log.appendAsFollower(at(1), NOW_MS)).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(log.logEndOffset).toBe(2);
  });

  test('holds back the record that makes flush.messages unsynced ones until they are synced', async () => {
    const { log } = opened({ flushMessages: 3 });
    append(log, ['a', 'b']);
    void log.flushStaged();
    expect(log.settledEndOffset).toBe(2);
    append(log, ['c', 'd']);
    void log.flushStaged();
    expect(log.settledEndOffset).toBe(2);
    await log.sync();
    expect(log.settledEndOffset).toBe(4);
  });
});

describe('a segment that goes while it is being synced', () => {
  test('leaves no index of its old name behind', async () => {
    const { disk, log } = opened({ segmentBytes: 400, retentionBytes: 400 });
    disk.onOperation = (operation, path) => {
      if (operation !== 'sync' || path !== `${DIRECTORY}/00000000000000000000.index`) return undefined;
      disk.onOperation = undefined;
      expect(log.deleteOldSegments(NOW_MS)).toBe(1);
      return undefined;
    };
    for (let index = 0; index < 6; index++) append(log, ['x'.repeat(100)]);
    log.updateHighWatermark(6);
    await log.flush();
    expect(segmentsOf(disk)).toEqual([2, 4]);
    const names = disk.list(DIRECTORY).map(({ name }) => name);
    expect(names.filter((name) => name.endsWith('.timeindex'))).toEqual([
      '00000000000000000002.timeindex',
      '00000000000000000004.timeindex',
    ]);
  });
});

describe('transactions', () => {
  test('hold the last stable offset back, and aborted ones are told to readers', () => {
    const { log } = opened();
    const write = (records: Buffer, origin: 'client' | 'coordinator') =>
      log.appendAsLeader(records, { leaderEpoch: 0, origin, nowMs: NOW_MS });
    write(transactional(1, 0), 'client');
    write(transactional(2, 0), 'client');
    log.updateHighWatermark(2);
    expect(log.lastStableOffset).toBe(0);
    expect(write(marker(1, ControlType.ABORT), 'coordinator').errorCode).toBe(0);
    log.updateHighWatermark(3);
    expect(log.lastStableOffset).toBe(1);
    write(marker(2, ControlType.COMMIT), 'coordinator');
    log.updateHighWatermark(4);
    expect(log.lastStableOffset).toBe(4);
    const read = log.read(0, { maxBytes: 9999, minOneBatch: true });
    expect(log.collectAbortedTransactions(read)).toEqual([{ producerId: 1, firstOffset: 0 }]);
  });

  test('are the same after a hard stop as they were before', () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk);
    const write = (records: Buffer, origin: 'client' | 'coordinator') =>
      log.appendAsLeader(records, { leaderEpoch: 0, origin, nowMs: NOW_MS });
    write(transactional(1, 0), 'client');
    write(marker(1, ControlType.ABORT), 'coordinator');
    write(transactional(2, 0), 'client');
    void log.flushStaged();
    log.abandon();
    const again = openLog(disk, smallConfig, { ...NEW_LOG, highWatermark: 3 }).log;
    again.updateHighWatermark(3);
    expect(again.lastStableOffset).toBe(2);
    const read = again.read(0, { maxBytes: 9999, minOneBatch: true });
    expect(again.collectAbortedTransactions(read)).toEqual([{ producerId: 1, firstOffset: 0 }]);
    const repeat = again.appendAsLeader(transactional(2, 0), {
      leaderEpoch: 0,
      origin: 'client',
      nowMs: NOW_MS,
    });
    expect(repeat).toMatchObject({ duplicate: true, baseOffset: 2 });
  });
});

describe('searching by time', () => {
  test('gives the first record at or after it, the newest by its batch, and nothing past the end', () => {
    const { log } = opened({ indexIntervalBytes: 100, segmentBytes: 1000 });
    for (let index = 0; index < 30; index++) append(log, ['x'.repeat(50), 'y'], 2, NOW_MS + index * 10);
    expect(log.offsetForTimestamp(0)).toEqual({ offset: 0, timestamp: NOW_MS, leaderEpoch: 2 });
    expect(log.offsetForTimestamp(NOW_MS + 101)).toEqual({
      offset: 22,
      timestamp: NOW_MS + 110,
      leaderEpoch: 2,
    });
    expect(log.offsetForTimestamp(NOW_MS + 291)).toBeNull();
    expect(log.offsetOfMaxTimestamp()).toEqual({ offset: 59, timestamp: NOW_MS + 290, leaderEpoch: 2 });
  });
});
