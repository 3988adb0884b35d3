import { describe, expect, test } from 'vitest';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { append, DIRECTORY, NOW_MS, openLog, readAll, smallConfig } from './support.ts';

const config = { ...smallConfig, preallocate: true };
const sizeOf = (disk: MemoryDisk, base: number) =>
  disk.status(`${DIRECTORY}/${String(base).padStart(20, '0')}.log`)?.sizeBytes;

describe('preallocate', () => {
  test('gives a segment its full length at once, and takes what is not used when it is closed', async () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, config);
    log.makeFiles();
    expect(sizeOf(disk, 0)).toBe(config.segmentBytes);
    append(log, ['a', 'b']);
    expect(log.flushStaged()).toBeNull();
    expect(sizeOf(disk, 0)).toBe(config.segmentBytes);
    const used = log.files.segments.active.writtenBytes;
    log.roll(NOW_MS);
    expect([sizeOf(disk, 0), sizeOf(disk, 2)]).toEqual([used, config.segmentBytes]);
    append(log, ['c']);
    await log.close();
    expect(sizeOf(disk, 2)).toBe(log.files.segments.active.writtenBytes);
    expect(sizeOf(disk, 2)).toBeGreaterThan(0);
  });

  test('takes effect with the next segment, and goes with it', () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, smallConfig);
    log.makeFiles();
    expect(sizeOf(disk, 0)).toBe(0);
    log.updateConfig(config);
    append(log, ['a']);
    log.roll(NOW_MS);
    expect(sizeOf(disk, 1)).toBe(config.segmentBytes);
    log.updateConfig(smallConfig);
    append(log, ['b']);
    log.roll(NOW_MS);
    expect(sizeOf(disk, 1)).toBeLessThan(200);
    expect(sizeOf(disk, 2)).toBe(0);
  });

  test('a process that dies leaves zeros, which end the log at the next start', () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, config);
    append(log, ['a', 'b']);
    append(log, ['c']);
    expect(log.flushStaged()).toBeNull();
    const written = readAll(log);
    const used = log.files.segments.active.writtenBytes;
    const { log: reopened } = openLog(disk, config, { ...NEW_LOG, hadCleanShutdown: false });
    expect(reopened.logEndOffset).toBe(3);
    expect(readAll(reopened)).toEqual(written);
    expect(reopened.recovery.damagedOffsets).toEqual([]);
    expect(sizeOf(disk, 0)).toBe(used);
    append(reopened, ['d']);
    expect(reopened.flushStaged()).toBeNull();
    expect(reopened.logEndOffset).toBe(4);
  });
});
