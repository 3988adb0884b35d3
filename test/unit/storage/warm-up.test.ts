import { describe, expect, test } from 'vitest';
import { baseOffset } from '../../../protocol/batch.ts';
import type { Disk, DiskFile } from '../../../storage/disk.ts';
import type { Log } from '../../../storage/log.ts';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { WARM_CHUNK_BYTES, WarmBytes } from '../../../storage/warm-bytes.ts';
import { append, DIRECTORY, NOW_MS, openLog, readAll, seeded, smallConfig } from './support.ts';

const config = {
  ...smallConfig,
  segmentBytes: 3 << 20,
  segmentIndexBytes: 1 << 16,
  indexIntervalBytes: 4096,
};
const PAGE_BYTES = 4096;

/**
 * A disk with a page cache: what is written, or read on the thread pool, is in it. `coldReads` notes what was read from
 * the event loop that was not.
 */
class CachedDisk {
  readonly memory = new MemoryDisk();
  readonly coldReads: string[] = [];
  readonly poolReads: { path: string; bytes: number }[] = [];
  /** Runs before each read on the pool. */
  beforePoolRead: (path: string) => Promise<void> | void = () => undefined;
  readonly #pages = new Set<string>();

  readonly disk: Disk = {
    open: (path, create) => this.#fileOf(path, this.memory.open(path, create)),
    list: (directory) => this.memory.list(directory),
    status: (path) => this.memory.status(path),
    makeDirectory: (path) => this.memory.makeDirectory(path),
    rename: (from, to) => this.memory.rename(from, to),
    removeNow: (path) => this.memory.removeNow(path),
    remove: (path) => this.memory.remove(path),
    syncDirectory: (path) => this.memory.syncDirectory(path),
    syncDirectoryNow: (path) => this.memory.syncDirectoryNow(path),
    space: () => this.memory.space(),
  };

  /** Everything leaves the cache. */
  forget(): void {
    this.#pages.clear();
  }

  #fileOf(path: string, file: DiskFile): DiskFile {
    const written = (chunks: readonly Uint8Array[], position: number) =>
      this.#touch(
        path,
        position,
        chunks.reduce((sum, { length }) => sum + length, 0),
      );
    return {
      path,
      sizeBytes: () => file.sizeBytes(),
      write: (chunks, position) => {
        file.write(chunks, position);
        written(chunks, position);
      },
      writeAsync: async (chunks, position) => {
        await file.writeAsync(chunks, position);
        written(chunks, position);
      },
      read: (target, position) => {
        const count = file.read(target, position);
        if (!this.#isCached(path, position, count)) this.coldReads.push(`${path} ${position} ${count}`);
        this.#touch(path, position, count);
        return count;
      },
      readAsync: async (target, position) => {
        await this.beforePoolRead(path);
        const count = await file.readAsync(target, position);
        this.poolReads.push({ path, bytes: count });
        this.#touch(path, position, count);
        return count;
      },
      truncate: (lengthBytes) => file.truncate(lengthBytes),
      sync: () => file.sync(),
      syncNow: () => file.syncNow(),
      close: () => file.close(),
    };
  }

  #touch(path: string, position: number, bytes: number): void {
    for (const page of pagesOf(path, position, bytes)) this.#pages.add(page);
  }

  #isCached(path: string, position: number, bytes: number): boolean {
    return pagesOf(path, position, bytes).every((page) => this.#pages.has(page));
  }
}

function pagesOf(path: string, position: number, bytes: number): string[] {
  const pages: string[] = [];
  const end = Math.ceil((position + bytes) / PAGE_BYTES);
  for (let page = Math.floor(position / PAGE_BYTES); page < end; page++) pages.push(`${path} ${page}`);
  return pages;
}

/** Some 10 MiB in several segments, with timestamps that ascend by one a batch. */
function filled(): { cached: CachedDisk; log: Log } {
  const cached = new CachedDisk();
  const { log } = openLog(cached.disk, config);
  const random = seeded(11);
  for (let batch = 0; batch < 400; batch++) {
    append(log, ['x'.repeat(random() * 50_000)], 0, NOW_MS + batch);
    void log.flushStaged();
  }
  log.updateHighWatermark(log.logEndOffset);
  return { cached, log };
}

async function reopened(log: Log, cached: CachedDisk): Promise<Log> {
  await log.close();
  cached.forget();
  const again = openLog(cached.disk, config, {
    ...NEW_LOG,
    hadCleanShutdown: true,
    recoveryPoint: log.logEndOffset,
    highWatermark: log.logEndOffset,
  }).log;
  // A start reads what it must; what comes after it is looked at.
  cached.coldReads.length = 0;
  cached.poolReads.length = 0;
  return again;
}

describe('what is to be read', () => {
  test('is warm when this process has written it lately, or read it as cold', async () => {
    const { log } = filled();
    expect(log.warmUp(0, 1 << 20)).toBeNull();
    await log.tidy(NOW_MS);
    expect(log.warmUp(0, 1 << 20)).toBeNull();
    await log.tidy(NOW_MS);
    expect(log.warmUp(0, 1 << 20)).not.toBeNull();
    await log.warmUp(0, 1 << 20);
    expect(log.warmUp(0, 1 << 20)).toBeNull();
    expect(log.warmUp(log.logEndOffset, 1 << 20)).toBeNull();
    expect(log.warmUp(log.logEndOffset + 1, 1 << 20)).toBeNull();
  });

  test('is read on the pool after a restart, indexes included, and nothing of it from the event loop', async () => {
    const { cached, log } = filled();
    const again = await reopened(log, cached);
    for (const maxBytes of [1, 1 << 20, 20 << 20]) {
      for (const offset of [0, 57, 128, 250, 399]) {
        await again.warmUp(offset, maxBytes);
        const read = again.read(offset, { maxBytes, minOneBatch: true });
        expect(read.errorCode).toBe(0);
        expect(baseOffset(read.records[0] ?? Buffer.alloc(0))).toBe(offset);
      }
    }
    expect(cached.coldReads).toEqual([]);
    expect(cached.poolReads.length).toBeGreaterThan(10);
    // Large pieces: a hop to the pool for each page would cost more than it saves.
    const pieces = cached.poolReads.filter(({ path }) => path.endsWith('.log')).map(({ bytes }) => bytes);
    const whole = pieces.filter((bytes) => bytes >= WARM_CHUNK_BYTES);
    expect(whole.length).toBeGreaterThanOrEqual(pieces.length - again.segmentStarts().length);
  });

  test('is read on the pool for searches by time, too', async () => {
    const { cached, log } = filled();
    let again = await reopened(log, cached);
    for (const batch of [0, 133, 398]) {
      await again.warmUpTimes(NOW_MS + batch);
      expect(again.offsetForTimestamp(NOW_MS + batch)).toMatchObject({ offset: batch });
    }
    expect(cached.coldReads).toEqual([]);
    again = await reopened(again, cached);
    await again.warmUpTimes(null);
    expect(again.offsetOfMaxTimestamp()).toMatchObject({ offset: 399 });
    expect(cached.coldReads).toEqual([]);
    expect(again.warmUpTimes(null)).toBeNull();
  });

  test.each([
    ['is cut', (log: Log) => log.truncateTo(10, NOW_MS)],
    ['is emptied', (log: Log) => log.truncateFullyAndStartAt(0, NOW_MS)],
    [
      'loses its oldest segments',
      (log: Log) => log.maybeIncrementLogStartOffset(300) && log.deleteOldSegments(NOW_MS),
    ],
    ['is given up', (log: Log) => log.abandon()],
    ['is closed by a disk that fails', (log: Log) => log.markOffline({ errno: 'EIO' } as never)],
  ])('may go while it is read, as the log %s', async (name, change) => {
    const { cached, log } = filled();
    const again = await reopened(log, cached);
    let isChanged = false;
    cached.beforePoolRead = (path) => {
      if (isChanged || !path.endsWith('.log')) return;
      isChanged = true;
      change(again);
    };
    await again.warmUp(120, 5 << 20);
    expect(isChanged).toBe(true);
    if (again.isOffline) return;
    const { errorCode } = again.read(120, { maxBytes: 1 << 20, minOneBatch: true });
    expect(errorCode).toBe(name === 'is given up' ? 56 : 1);
  });

  test('may be gone from the disk altogether', async () => {
    const { cached, log } = filled();
    const again = await reopened(log, cached);
    cached.memory.removeNow(`${DIRECTORY}/00000000000000000000.log`);
    await again.warmUp(0, 1 << 20);
    expect(() => readAll(again)).toThrow('ENOENT');
  });
});

describe('the memory of what was touched', () => {
  test('gives cold chunks whole, one run at a time', () => {
    const warm = new WarmBytes();
    const at = (chunks: number) => chunks * WARM_CHUNK_BYTES;
    expect(warm.firstCold(10, 20, 1)).toEqual({ from: 0, to: at(1) });
    warm.touch(at(2) + 5, at(2) + 6);
    expect(warm.firstCold(0, at(9), at(4))).toEqual({ from: 0, to: at(2) });
    warm.touch(0, at(2));
    expect(warm.firstCold(0, at(9), at(4))).toEqual({ from: at(3), to: at(7) });
    expect(warm.firstCold(0, at(3), at(4))).toBeNull();
    warm.age();
    warm.touch(at(1), at(1) + 1);
    warm.age();
    expect(warm.firstCold(0, at(2), at(4))).toEqual({ from: 0, to: at(1) });
  });
});
