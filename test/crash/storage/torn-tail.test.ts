import { describe, expect, test } from 'vitest';
import { baseOffset, isCrcValid } from '../../../protocol/batch.ts';
import type { Disk } from '../../../storage/disk.ts';
import type { Log } from '../../../storage/log.ts';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { append, DIRECTORY, NOW_MS, openLog, readAll, smallConfig } from '../../unit/storage/support.ts';

const LOG_FILE = `${DIRECTORY}/00000000000000000000.log`;
const config = { ...smallConfig, indexIntervalBytes: 100 };

/** A log of several batches whose process was killed. */
function killedLog(): { disk: MemoryDisk; sizes: number[]; log: Log } {
  const disk = new MemoryDisk();
  const { log } = openLog(disk, config);
  const sizes: number[] = [];
  for (let index = 0; index < 6; index++) {
    append(log, [`first ${index}`, 'x'.repeat(index * 17)], 0, NOW_MS + index);
    void log.flushStaged();
    sizes.push(log.sizeBytes);
  }
  log.abandon();
  return { disk, sizes, log };
}

function change(disk: Disk, path: string, edit: (file: ReturnType<Disk['open']>) => void): void {
  const file = disk.open(path, false);
  edit(file);
  file.close();
}

/** Whole batches below a size in bytes. */
const wholeBelow = (sizes: readonly number[], bytes: number): number =>
  sizes.filter((size) => size <= bytes).length;

describe('a torn tail', () => {
  test('cut at any byte leaves the whole batches before it, and the log goes on from there', () => {
    const size = killedLog().sizes.at(-1) ?? 0;
    for (let bytes = 0; bytes <= size; bytes++) {
      const { disk, sizes } = killedLog();
      change(disk, LOG_FILE, (file) => file.truncate(bytes));
      const { log } = openLog(disk, config);
      const whole = wholeBelow(sizes, bytes);
      expect(log.logEndOffset).toBe(whole * 2);
      expect(log.sizeBytes).toBe(sizes[whole - 1] ?? 0);
      expect(log.recovery.truncatedBytes).toBe(bytes - log.sizeBytes);
      expect(append(log, ['next'])).toMatchObject({ errorCode: 0, baseOffset: whole * 2 });
      expect(readAll(log).map((batch) => baseOffset(batch))).toEqual(
        Array.from({ length: whole + 1 }, (_, index) => index * 2),
      );
    }
  });

  test('zeroed from any byte on, as after a power cut, ends before the zeros', () => {
    const size = killedLog().sizes.at(-1) ?? 0;
    for (let bytes = 0; bytes < size; bytes += 3) {
      const { disk, log: killed } = killedLog();
      const intact = readAll(openLog(disk, config).log);
      expect(intact.length * 2).toBe(killed.logEndOffset);
      change(disk, LOG_FILE, (file) => file.write([Buffer.alloc(size - bytes)], bytes));
      const { log } = openLog(disk, config);
      const served = readAll(log);
      expect(served.every((batch, index) => isCrcValid(batch) && batch.equals(intact[index] ?? batch))).toBe(
        true,
      );
      // A batch may end in zeros, so that zeroing its last bytes changes nothing.
      expect(served.length).toBeGreaterThanOrEqual(wholeBelow(killedLog().sizes, bytes));
      expect(served.length).toBeLessThanOrEqual(wholeBelow(killedLog().sizes, bytes + 2));
    }
  });

  test('with a bit flipped anywhere above the recovery point is never served', () => {
    const size = killedLog().sizes.at(-1) ?? 0;
    for (let byte = 0; byte < size; byte++) {
      const { disk } = killedLog();
      const intact = readAll(openLog(disk, config).log);
      flipBit(disk, LOG_FILE, byte);
      const served = readAll(openLog(disk, config).log);
      // Base offset and leader epoch lie outside the CRC: a flip there can only end the log or move an epoch.
      served.forEach((batch, index) => {
        expect(batch.subarray(16).equals(intact[index]?.subarray(16) ?? Buffer.alloc(0))).toBe(true);
      });
    }
  });
});

describe('a flipped bit in what the only replica of a partition has not synced', () => {
  test('is put right, wherever it is', () => {
    const { sizes } = killedLog();
    const size = sizes.at(-1) ?? 0;
    // What the last batch says of its epoch is believed.
    const lastEpochAt = (sizes.at(-2) ?? 0) + 12;
    for (let byte = 0; byte < size; byte++) {
      const { disk } = killedLog();
      const intact = readAll(openLog(disk, config).log);
      flipBit(disk, LOG_FILE, byte);
      const { log } = openLog(disk, config, { ...NEW_LOG, isOnlyReplica: true });
      if (byte >= lastEpochAt && byte < lastEpochAt + 4) expect(readAll(log)).toHaveLength(intact.length);
      else expect(readAll(log), `byte ${byte}`).toEqual(intact);
      expect(append(log, ['next'])).toMatchObject({ errorCode: 0, baseOffset: 12 });
    }
  });
});

function flipBit(disk: Disk, path: string, byte: number): void {
  change(disk, path, (file) => {
    const target = Buffer.alloc(1);
    file.read(target, byte);
    target.writeUInt8(target.readUInt8(0) ^ (1 << (byte % 8)), 0);
    file.write([target], byte);
  });
}

describe('damage below the recovery point', () => {
  const leftBy = { ...NEW_LOG, recoveryPoint: 12 };

  test('is kept and refused with CORRUPT_MESSAGE, and what follows is served', () => {
    const { disk, sizes } = killedLog();
    // One bit would be put right.
    flipBit(disk, LOG_FILE, (sizes[1] ?? 0) + 70);
    flipBit(disk, LOG_FILE, (sizes[1] ?? 0) + 71);
    const { log } = openLog(disk, config, leftBy);
    expect(log.logEndOffset).toBe(12);
    expect(log.recovery).toMatchObject({ truncatedBytes: 0, damagedOffsets: [4] });
    expect(log.read(4, { maxBytes: 1000, minOneBatch: true })).toMatchObject({
      errorCode: 2,
      damagedOffset: 4,
    });
    expect(log.read(0, { maxBytes: 1 << 20, minOneBatch: true }).bytes).toBe(sizes[1]);
    expect(readAll(log, 6).map((batch) => baseOffset(batch))).toEqual([6, 8, 10]);
  });

  test('that comes after a clean stop is met when the data is read', async () => {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, config);
    append(log, ['one']);
    append(log, ['two']);
    await log.close();
    const size = disk.status(LOG_FILE)?.sizeBytes ?? 0;
    flipBit(disk, LOG_FILE, size - 2);
    const again = openLog(disk, config, { ...NEW_LOG, hadCleanShutdown: true }).log;
    expect(again.logEndOffset).toBe(2);
    expect(again.read(0, { maxBytes: 1 << 20, minOneBatch: true }).bytes).toBe(size / 2);
    expect(again.read(1, { maxBytes: 10, minOneBatch: true })).toMatchObject({
      errorCode: 2,
      damagedOffset: 1,
    });
  });
});

describe('leader epochs', () => {
  test('whose file is lost are read again from all batches, scanned or below the recovery point', async () => {
    for (const recoveryPoint of [0, 20, 45, 60]) {
      const disk = new MemoryDisk();
      const { log } = openLog(disk, { ...config, segmentBytes: 1000 });
      for (let index = 0; index < 30; index++) {
        append(log, [`${index}`, 'x'.repeat(50)], Math.floor(index / 7), NOW_MS);
      }
      await log.sync();
      log.abandon();
      expect(log.epochs.length).toBe(5);
      disk.removeNow(`${DIRECTORY}/leader-epoch-checkpoint`);
      const again = openLog(disk, config, { ...NEW_LOG, recoveryPoint }).log;
      expect(again.epochs).toEqual(log.epochs);
      expect(again.recovery.scannedSegments > 1).toBe(recoveryPoint < 60);
    }
  });
});

describe('an index file', () => {
  const files = ['index', 'timeindex'].map((suffix) => `${DIRECTORY}/00000000000000000000.${suffix}`);

  async function cleanLog(): Promise<MemoryDisk> {
    const disk = new MemoryDisk();
    const { log } = openLog(disk, config);
    for (let index = 0; index < 40; index++) append(log, [`${index}`, 'x'.repeat(index)], 0, NOW_MS + index);
    await log.close();
    return disk;
  }

  function checkServed(disk: MemoryDisk): void {
    const { log } = openLog(disk, config, { ...NEW_LOG, hadCleanShutdown: true });
    expect(log.logEndOffset).toBe(80);
    for (let offset = 0; offset < 80; offset++) {
      const [records] = log.read(offset, { maxBytes: 1, minOneBatch: true }).records;
      expect(baseOffset(records ?? Buffer.alloc(8))).toBe(offset - (offset % 2));
    }
    for (let index = 0; index < 40; index++)
      expect(log.offsetForTimestamp(NOW_MS + index)?.offset).toBe(index * 2);
  }

  test.each(files)('%s that is missing is made anew', async (path) => {
    const disk = await cleanLog();
    disk.removeNow(path);
    checkServed(disk);
    expect(disk.status(path)?.sizeBytes).toBeGreaterThan(0);
  });

  test.each(files)('%s with any one bit flipped misleads nobody', async (path) => {
    const size = (await cleanLog()).status(path)?.sizeBytes ?? 0;
    expect(size).toBeGreaterThan(100);
    for (let byte = 0; byte < size; byte++) {
      const disk = await cleanLog();
      flipBit(disk, path, byte);
      checkServed(disk);
    }
  });

  test.each(files)('%s cut at any byte misleads nobody', async (path) => {
    const size = (await cleanLog()).status(path)?.sizeBytes ?? 0;
    for (let bytes = 0; bytes < size; bytes++) {
      const disk = await cleanLog();
      change(disk, path, (file) => file.truncate(bytes));
      checkServed(disk);
    }
  });
});
