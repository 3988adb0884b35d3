import { describe, expect, test } from 'vitest';
import { baseOffset, buildBatch } from '../../../protocol/batch.ts';
import { DiskError } from '../../../storage/disk.ts';
import type { Log } from '../../../storage/log.ts';
import type { DiskFault, DiskOperation } from '../../../storage/memory-disk.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { append, DIRECTORY, NOW_MS, openLog, readAll, smallConfig } from './support.ts';

const config = { ...smallConfig, segmentBytes: 1 << 20 };
const LOG_FILE = `${DIRECTORY}/00000000000000000000.log`;

/** Fails the operations named, once each, with a part of a write done first. */
function failOnce(disk: MemoryDisk, operation: DiskOperation, fault: DiskFault, path = LOG_FILE): void {
  disk.onOperation = (seen, seenPath) => {
    if (seen !== operation || seenPath !== path) return undefined;
    disk.onOperation = undefined;
    return fault;
  };
}

const idempotent = (log: Log, sequence: number) =>
  log.appendAsLeader(
    buildBatch({
      records: [{ value: Buffer.from(`s${sequence}`) }],
      timestampMs: NOW_MS,
      producerId: 5,
      producerEpoch: 0,
      baseSequence: sequence,
    }),
    { leaderEpoch: 3, origin: 'client', nowMs: NOW_MS },
  );

const offsetsIn = (log: Log): number[] => readAll(log).map((batch) => baseOffset(batch));

describe('a write that finds the disk full', () => {
  const full: DiskFault = { errno: 'ENOSPC', bytesWritten: 30 };

  test('puts the end offset, the file, the epochs and the producers back, and the log goes on when there is room', () => {
    const disk = new MemoryDisk();
    const { log, failures } = openLog(disk, config);
    expect(idempotent(log, 0).errorCode).toBe(0);
    void log.flushStaged();
    const size = disk.status(LOG_FILE)?.sizeBytes;
    const epochs = [...log.epochs];
    append(log, ['lost'], 7);
    expect(idempotent(log, 1)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    failOnce(disk, 'write', full);
    expect(() => log.flushStaged()).toThrow(DiskError);
    expect(log).toMatchObject({ logEndOffset: 1, flushedEndOffset: 1, isOffline: false });
    expect(disk.status(LOG_FILE)?.sizeBytes).toBe(size);
    expect(log.epochs).toEqual(epochs);
    expect(idempotent(log, 1)).toMatchObject({ errorCode: 0, baseOffset: 1, duplicate: false });
    expect(offsetsIn(log)).toEqual([0, 1]);
    expect(failures).toEqual([]);
  });

  test('of a large batch throws from the append, and takes back what was staged before it', () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, config);
    append(log, ['kept']);
    void log.flushStaged();
    append(log, ['staged']);
    failOnce(disk, 'write', full);
    expect(() => append(log, ['x'.repeat(70_000)])).toThrow(DiskError);
    expect(log.logEndOffset).toBe(1);
    expect(append(log, ['y'.repeat(70_000)])).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(offsetsIn(log)).toEqual([0, 1]);
  });

  test('leaves readers what is in the file, and the error to those who wait for the flush', () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, config);
    append(log, ['written']);
    void log.flushStaged();
    append(log, ['staged']);
    disk.onOperation = (operation) => (operation === 'write' ? full : undefined);
    expect(log.read(0, { maxBytes: 1000, minOneBatch: true }).errorCode).toBe(0);
    expect(log.read(1, { maxBytes: 1000, minOneBatch: true })).toMatchObject({ errorCode: 0, bytes: 0 });
    expect(log.logEndOffset).toBe(2);
    expect(() => log.flushStaged()).toThrow(DiskError);
    expect(log.logEndOffset).toBe(1);
    disk.onOperation = undefined;
    append(log, ['again']);
    expect(offsetsIn(log)).toEqual([0, 1]);
  });

  test('of a volume that is really full keeps serving reads and takes appends again after retention', () => {
    const disk = new MemoryDisk({ capacityBytes: 40_000 });
    const { log } = openLog(disk, {
      ...config,
      segmentBytes: 8000,
      retentionBytes: 8000,
      fileDeleteDelayMs: 0,
    });
    let appended = 0;
    const fill = () => {
      for (;;) {
        append(log, ['z'.repeat(900)]);
        void log.flushStaged();
        appended++;
      }
    };
    expect(fill).toThrow(DiskError);
    expect(log.logEndOffset).toBe(appended);
    expect(offsetsIn(log).length).toBe(appended);
    log.updateHighWatermark(log.logEndOffset);
    expect(log.deleteOldSegments(NOW_MS)).toBeGreaterThan(0);
    return log.tidy(NOW_MS).then(() => {
      expect(append(log, ['room again']).errorCode).toBe(0);
      void log.flushStaged();
      expect(log.isOffline).toBe(false);
    });
  });
});

describe('a disk that fails', () => {
  test('in a write takes the log offline: nothing is appended or read any more', () => {
    const disk = new MemoryDisk();
    const { log, failures } = openLog(disk, config);
    append(log, ['one']);
    failOnce(disk, 'write', { errno: 'EIO' });
    expect(() => log.flushStaged()).toThrow(DiskError);
    expect(log.isOffline).toBe(true);
    expect(failures.map((error) => error.errno)).toEqual(['EIO']);
    expect(append(log, ['two']).errorCode).toBe(56);
    expect(log.read(0, { maxBytes: 10, minOneBatch: true }).errorCode).toBe(56);
  });

  test('in an fsync never lets that log be synced again, though a later fsync would succeed', async () => {
    const disk = new MemoryDisk();
    const { log, failures } = openLog(disk, config);
    append(log, ['one']);
    failOnce(disk, 'sync', { errno: 'EIO' });
    await expect(log.sync()).rejects.toThrow(DiskError);
    await expect(log.sync()).rejects.toThrow(DiskError);
    expect(log.syncedEndOffset).toBe(0);
    expect(failures.length).toBe(1);
    await expect(log.close()).rejects.toThrow(DiskError);
  });

  test('in an fsync fails every waiter, also those of the next group', async () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, config);
    append(log, ['one']);
    failOnce(disk, 'sync', { errno: 'EIO' });
    const first = log.sync();
    append(log, ['two']);
    const second = log.sync();
    await expect(first).rejects.toThrow(DiskError);
    await expect(second).rejects.toThrow(DiskError);
  });

  test('while rolling for want of descriptors refuses the append and goes on later', () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, { ...config, segmentBytes: 200 });
    append(log, ['one', 'two', 'three']);
    failOnce(disk, 'open', { errno: 'EMFILE' }, `${DIRECTORY}/00000000000000000003.log`);
    expect(() => append(log, ['x'.repeat(100)])).toThrow(DiskError);
    expect(log.logEndOffset).toBe(3);
    expect(append(log, ['x'.repeat(100)])).toMatchObject({ errorCode: 0, baseOffset: 3 });
    expect(offsetsIn(log)).toEqual([0, 3]);
  });
});
