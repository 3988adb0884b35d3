import { beforeAll, describe, expect, test } from 'vitest';
import * as batch from '../../../protocol/batch.ts';
import { prepareCompression } from '../../../protocol/compression/index.ts';
import { COMPRESSION_TYPES } from '../../../protocol/compression/types.ts';
import {
  batchesOf,
  CompactedLog,
  compactedConfig,
  fetchAll,
  keyedBatch,
  LOG_DIR,
  readCommitted,
  shown,
} from './compaction-support.ts';
import { NOW_MS } from './support.ts';

const KINDS = (log: CompactedLog) => log.notes.map(({ kind }) => kind);

describe('compaction', () => {
  beforeAll(prepareCompression);

  test('keeps the latest record of each key, at its offset', async () => {
    const table = new CompactedLog();
    table.put({ a: '1', b: '1' });
    table.put({ a: '2', c: '1' });
    table.put({ b: '2' });
    await table.compact();
    expect(KINDS(table)).toEqual(['compacted']);
    const records = readCommitted(table.log);
    expect(shown(records)).toEqual(['a=2', 'c=1', 'b=2']);
    expect(records.map(({ offset }) => offset)).toEqual([2, 3, 4]);
    expect(table.log.logEndOffset).toBe(5);
    expect(table.log.logStartOffset).toBe(0);
  });

  test('leaves the active segment and what is not stable alone', async () => {
    const table = new CompactedLog();
    table.put({ a: '1' });
    table.roll();
    table.put({ a: '2' });
    await table.cleaner.cleanDirtiest();
    expect(shown(readCommitted(table.log))).toEqual(['a=1', 'a=2']);
    table.put({ t: '1' }, { producerId: 7, producerEpoch: 0, baseSequence: 0, transactional: true });
    table.roll();
    table.put({ a: '3' });
    table.roll();
    await table.cleaner.cleanDirtiest();
    // The open transaction began in the second segment, which therefore stays whole.
    expect(batchesOf(table.log)).toEqual(['0-0 data 1', '1-1 data 1', '2-2 data 1', '3-3 data 1']);
  });

  test('keeps base offset, last offset and sequence of a batch that loses records', async () => {
    const table = new CompactedLog();
    table.append(
      keyedBatch(
        [
          ['a', '1'],
          ['b', '1'],
          ['c', '1'],
        ],
        { producerId: 5, producerEpoch: 1, baseSequence: 10 },
      ),
    );
    table.append(
      keyedBatch([
        ['a', '2'],
        ['c', '2'],
      ]),
    );
    await table.compact();
    const [first] = [...fetchAll(table.log, 0, 5)].flatMap(({ batches }) => batches);
    expect(first).toBeDefined();
    if (first === undefined) return;
    expect([batch.baseOffset(first), batch.lastOffset(first), batch.recordCount(first)]).toEqual([0, 2, 1]);
    expect([batch.producerId(first), batch.baseSequence(first), batch.lastSequence(first)]).toEqual([
      5, 10, 12,
    ]);
  });

  test('keeps the last batch of an active producer, empty if need be, so that its retries are known', async () => {
    const table = new CompactedLog();
    const retry = () => keyedBatch([['a', '1']], { producerId: 5, producerEpoch: 1, baseSequence: 0 });
    table.append(retry());
    table.append(keyedBatch([['a', '2']]));
    await table.compact();
    expect(batchesOf(table.log)).toEqual(['0-0 data 0', '1-1 data 1']);
    await table.restart();
    expect(table.append(retry())).toMatchObject({ duplicate: true, baseOffset: 0 });
    const next = keyedBatch([['a', '3']], { producerId: 5, producerEpoch: 1, baseSequence: 1 });
    expect(table.append(next)).toMatchObject({ errorCode: 0, duplicate: false });
  });

  test.each(COMPRESSION_TYPES)('keeps the codec of a batch: %s', async (compression) => {
    const table = new CompactedLog();
    table.put({ a: '1', b: '1', c: '1' }, { compression });
    table.put({ b: '2' });
    await table.compact();
    expect(shown(readCommitted(table.log))).toEqual(['a=1', 'c=1', 'b=2']);
    const [first] = [...fetchAll(table.log, 0, 5)].flatMap(({ batches }) => batches);
    expect(first === undefined ? '' : batch.compressionType(first)).toBe(compression);
  });

  test('keeps headers and timestamps, also of LogAppendTime', async () => {
    for (const messageTimestampType of ['CreateTime', 'LogAppendTime'] as const) {
      const table = new CompactedLog({ config: { ...compactedConfig, messageTimestampType } });
      table.put({ a: '1', b: '1', c: '1', d: '1' });
      const before = readCommitted(table.log).filter(({ key }) => key?.toString() !== 'b');
      table.put({ b: '2' });
      await table.compact();
      expect(readCommitted(table.log).slice(0, 3)).toEqual(before);
    }
  });

  test('drops records without a key', async () => {
    const table = new CompactedLog();
    table.log.updateConfig({ ...compactedConfig, cleanupPolicy: ['delete'] });
    table.append(
      keyedBatch([
        [null, 'x'],
        ['a', '1'],
      ]),
    );
    table.log.updateConfig(compactedConfig);
    await table.compact();
    expect(shown(readCommitted(table.log))).toEqual(['a=1']);
  });

  test('keeps a tombstone for delete.retention.ms after it was first compacted', async () => {
    const table = new CompactedLog();
    table.put({ a: '1', b: '1' });
    table.put({ a: null });
    await table.compact();
    expect(shown(readCommitted(table.log))).toEqual(['b=1', 'a=']);
    const last = [...fetchAll(table.log, 0, 5)].flatMap(({ batches }) => batches).at(-1);
    expect(last === undefined ? null : batch.deleteHorizonMs(last)).toBe(NOW_MS + 1_000);
    table.nowMs += 999;
    table.put({ c: '1' });
    await table.compact();
    expect(shown(readCommitted(table.log))).toEqual(['b=1', 'a=', 'c=1']);
    // The horizon has not moved, and the record's own time has not either.
    expect(readCommitted(table.log)[1]?.timestampMs).toBe(NOW_MS);
    table.nowMs += 1;
    table.put({ d: '1' });
    await table.compact();
    expect(shown(readCommitted(table.log))).toEqual(['b=1', 'c=1', 'd=1']);
  });

  test('removes aborted data at once, and a marker only after its data', async () => {
    const table = new CompactedLog();
    const transaction = { producerId: 7, producerEpoch: 0, transactional: true };
    table.put({ a: '1' });
    table.put({ a: 'never', x: 'never' }, { ...transaction, baseSequence: 0 });
    table.marker(7, 0, false);
    table.put({ b: '1' }, { ...transaction, baseSequence: 2 });
    table.marker(7, 0, true);
    await table.compact();
    expect(shown(readCommitted(table.log))).toEqual(['a=1', 'b=1']);
    expect(batchesOf(table.log)).toEqual(['0-0 data 1', '3-3 marker 1', '4-4 data 1', '5-5 marker 1']);
    // Now the abort marker has nothing left before it: it gets its horizon, and goes after that.
    table.put({ c: '1' });
    await table.compact();
    expect(batchesOf(table.log)).toEqual([
      '0-0 data 1',
      '3-3 marker 1',
      '4-4 data 1',
      '5-5 marker 1',
      '6-6 data 1',
    ]);
    table.nowMs += 1_000;
    table.put({ d: '1' });
    await table.compact();
    expect(batchesOf(table.log)).toEqual([
      '0-0 data 1',
      '4-4 data 1',
      '5-5 marker 1',
      '6-6 data 1',
      '7-7 data 1',
    ]);
    expect(shown(readCommitted(table.log))).toEqual(['a=1', 'b=1', 'c=1', 'd=1']);
  });

  test('keeps the entry of an aborted transaction as long as a batch of it is there', async () => {
    const table = new CompactedLog();
    const transaction = { producerId: 7, producerEpoch: 0, transactional: true };
    table.put({ x: 'never' }, { ...transaction, baseSequence: 0 });
    table.marker(7, 0, false);
    table.put({ a: '1' });
    await table.compact();
    await table.restart();
    // The last data of the producer stays, without records.
    expect(batchesOf(table.log)).toEqual(['0-0 data 0', '1-1 marker 1', '2-2 data 1']);
    expect(table.log.files.segments.first.transactionIndex.entries).toMatchObject([
      { producerId: 7, firstOffset: 0 },
    ]);
  });

  test('joins small neighbours into one segment, within the sizes of one', async () => {
    const table = new CompactedLog();
    for (let index = 0; index < 40; index++) {
      table.put({ [`k${index}`]: 'x'.repeat(200) });
      table.roll();
    }
    expect(table.log.files.segments.all.length).toBe(41);
    await table.cleaner.cleanDirtiest();
    const sizes = table.log.files.segments.all.map(({ sizeBytes }) => sizeBytes);
    expect(sizes.length).toBeLessThan(6);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(compactedConfig.segmentBytes);
    expect(readCommitted(table.log).length).toBe(40);
  });

  test('goes on where the memory for keys was full', async () => {
    // Ten slots, of which nine are used.
    const table = new CompactedLog({ dedupeBufferBytes: 240 });
    for (let index = 0; index < 60; index++) table.put({ [`k${index % 20}`]: String(index) });
    table.roll();
    await table.cleaner.cleanDirtiest();
    const [note] = table.notes;
    expect(note).toMatchObject({ kind: 'compacted', fromOffset: 0, map: { endOffset: 9 } });
    await table.cleaner.cleanAll();
    expect(table.notes.length).toBeGreaterThan(2);
    expect(readCommitted(table.log).length).toBe(20);
  });

  test('takes batches that are larger than what is read at once', async () => {
    const table = new CompactedLog({
      config: { ...compactedConfig, segmentBytes: 1 << 26, maxMessageBytes: 1 << 25 },
    });
    table.put({ a: 'x'.repeat(3_000_000), b: 'y'.repeat(3_000_000) });
    table.put({ a: '2' });
    await table.compact();
    expect(readCommitted(table.log).map(({ value }) => value?.length)).toEqual([3_000_000, 1]);
  });

  test('leaves a log with a damaged batch alone, and compacts the others', async () => {
    const table = new CompactedLog();
    table.put({ a: '1' });
    table.put({ a: '2' });
    table.roll();
    const other = table.manager.create('other', 0, 'q1w2e3r4t5y6u7i8o9p0Ax', compactedConfig);
    for (const value of ['1', '2']) {
      other.appendAsLeader(keyedBatch([['a', value]]), { leaderEpoch: 0, origin: 'client', nowMs: NOW_MS });
    }
    void other.flushStaged();
    other.updateHighWatermark(2);
    other.roll(NOW_MS);
    const file = table.disk.open(`${table.log.dir}/00000000000000000000.log`, false);
    file.write([Buffer.from([0xff])], 70);
    await table.cleaner.cleanAll();
    expect(table.notes.map(({ topic, kind }) => `${topic} ${kind}`).sort()).toEqual([
      'other compacted',
      'table uncleanable',
    ]);
    expect(shown(readCommitted(other))).toEqual(['a=2']);
    await table.cleaner.cleanAll();
    expect(table.notes.length).toBe(2);
    expect(table.disk.list(table.log.dir).filter(({ name }) => name.endsWith('.cleaned'))).toEqual([]);
  });

  test('waits for min.compaction.lag.ms and min.cleanable.dirty.ratio, and not beyond max.compaction.lag.ms', async () => {
    const table = new CompactedLog({ config: { ...compactedConfig, minCompactionLagMs: 500 } });
    table.put({ a: '1' });
    table.put({ a: '2' });
    await table.compact();
    expect(table.notes).toEqual([]);
    table.nowMs += 1_000;
    await table.cleaner.cleanDirtiest();
    expect(KINDS(table)).toEqual(['compacted']);
    const patient = { ...compactedConfig, minCleanableDirtyRatio: 0.99, maxCompactionLagMs: 5_000 };
    table.log.updateConfig(patient);
    table.put({ a: '3' });
    await table.compact();
    expect(KINDS(table)).toEqual(['compacted']);
    table.nowMs += 5_001;
    await table.cleaner.cleanDirtiest();
    expect(KINDS(table)).toEqual(['compacted', 'compacted']);
    expect(shown(readCommitted(table.log))).toEqual(['a=3']);
  });

  test('applies retention where delete is in the policy', async () => {
    const config: typeof compactedConfig = {
      ...compactedConfig,
      cleanupPolicy: ['compact', 'delete'],
      retentionMs: 10_000,
    };
    const table = new CompactedLog({ config });
    table.put({ a: 'x'.repeat(3_000) });
    table.roll();
    table.nowMs += 20_000;
    table.put({ b: 'x'.repeat(3_000) });
    table.roll();
    await table.cleaner.cleanAll();
    const kept = readCommitted(table.log, table.log.logStartOffset);
    expect(kept.map(({ key }) => key?.toString())).toEqual(['b']);
    expect(table.log.logStartOffset).toBe(1);
  });

  test('a log that is cut during its compaction keeps its segments, and its checkpoint goes back', async () => {
    const table = new CompactedLog();
    for (let index = 0; index < 10; index++) table.put({ a: String(index) });
    await table.compact();
    const directory = table.manager.directories[0];
    expect(directory?.cleanerOffset(table.log)).toBe(10);
    for (let index = 0; index < 300; index++) table.put({ a: String(index) });
    table.roll();
    const cleaning = table.cleaner.cleanDirtiest();
    await Promise.resolve();
    table.log.truncateTo(5, table.nowMs);
    await cleaning;
    expect(KINDS(table)).toEqual(['compacted', 'postponed']);
    expect(directory?.cleanerOffset(table.log)).toBe(5);
    expect(table.disk.list(table.log.dir).filter(({ name }) => /cleaned|swap/.test(name))).toEqual([]);
  });

  test('a log that is deleted during its compaction is let go', async () => {
    const table = new CompactedLog();
    for (let index = 0; index < 300; index++) table.put({ a: String(index) });
    table.roll();
    const cleaning = table.cleaner.cleanDirtiest();
    await Promise.resolve();
    table.manager.delete('table', 0);
    await cleaning;
    expect(KINDS(table)).toEqual(['postponed']);
  });

  test('a full disk postpones the compaction and costs nothing else', async () => {
    const table = new CompactedLog();
    for (let index = 0; index < 100; index++) table.put({ a: String(index) });
    table.roll();
    table.disk.onOperation = (operation, path) =>
      operation === 'write' && path.endsWith('.cleaned') ? { errno: 'ENOSPC' } : undefined;
    await table.cleaner.cleanAll();
    expect(KINDS(table)).toEqual(['postponed']);
    expect(table.log.isOffline).toBe(false);
    table.disk.onOperation = undefined;
    await table.cleaner.cleanAll();
    expect(shown(readCommitted(table.log))).toEqual(['a=99']);
  });

  test('a disk that fails under the compaction takes the directory offline', async () => {
    const table = new CompactedLog();
    for (let index = 0; index < 100; index++) table.put({ a: String(index) });
    table.roll();
    table.disk.onOperation = (operation, path) =>
      operation === 'write' && path.endsWith('.cleaned') ? { errno: 'EIO' } : undefined;
    await table.cleaner.cleanAll();
    expect(table.log.isOffline).toBe(true);
    expect(table.manager.directoryAt(LOG_DIR)?.isOnline).toBe(false);
    expect(KINDS(table)).toEqual(['postponed']);
  });
});
