import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Disk } from '../../../storage/disk.ts';
import { DiskError, openNodeDisk, parentOf } from '../../../storage/disk.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { readSmallFile, replaceSmallFile } from '../../../storage/small-file.ts';
import { seeded } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'sordini-disk-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const inMemory = (): Disk => {
  const disk = new MemoryDisk({ trackSync: true });
  disk.makeDirectory(directory);
  return disk;
};

let runs = 0;
const disks: [string, () => Disk][] = [
  ['in memory', inMemory],
  ['on files', openNodeDisk],
];

describe.each(disks)('a disk %s', (_name, open) => {
  const disk = open();
  const freshDirectory = (): string => {
    const path = `${directory}/${runs++}/nested`;
    disk.makeDirectory(path);
    return path;
  };

  test('writes many chunks at a position and reads them back, short only at the end', async () => {
    const file = disk.open(`${freshDirectory()}/a`, true);
    const chunks = Array.from({ length: 1200 }, (_, index) => Buffer.from(`${index},`));
    file.write(chunks, 5);
    const whole = Buffer.concat(chunks);
    expect(file.sizeBytes()).toBe(5 + whole.length);
    const target = Buffer.alloc(whole.length + 100);
    expect(file.read(target, 5)).toBe(whole.length);
    expect(target.subarray(0, whole.length).equals(whole)).toBe(true);
    expect(await file.readAsync(target, 0)).toBe(5 + whole.length);
    expect(target.subarray(0, 5).equals(Buffer.alloc(5))).toBe(true);
    expect(file.read(target, 1_000_000)).toBe(0);
    file.close();
  });

  test('cuts and extends files, extending with zeros', () => {
    const path = `${freshDirectory()}/a`;
    const file = disk.open(path, true);
    file.write([Buffer.from('abcdef')], 0);
    file.truncate(2);
    file.truncate(4);
    file.close();
    expect(readSmallFile(disk, path)).toEqual(Buffer.from('ab\0\0'));
  });

  test('names what is missing, and lists by name', () => {
    const path = freshDirectory();
    expect(() => disk.open(`${path}/none`, false)).toThrow(DiskError);
    expect(() => disk.list(`${path}/none`)).toThrow(DiskError);
    expect(disk.status(`${path}/none`)).toBeNull();
    expect(readSmallFile(disk, `${path}/none`)).toBeNull();
    disk.removeNow(`${path}/none`);
    for (const name of ['b', 'a']) disk.open(`${path}/${name}`, true).close();
    disk.makeDirectory(`${path}/c/d`);
    expect(disk.list(path)).toEqual([
      { name: 'a', isDirectory: false },
      { name: 'b', isDirectory: false },
      { name: 'c', isDirectory: true },
    ]);
    expect(disk.status(`${path}/c`)?.isDirectory).toBe(true);
  });

  test('renames files and directories, and removes trees', async () => {
    const path = freshDirectory();
    disk.makeDirectory(`${path}/one`);
    replaceSmallFile(disk, `${path}/one/file`, Buffer.from('1'));
    disk.rename(`${path}/one`, `${path}/two`);
    expect(readSmallFile(disk, `${path}/two/file`)?.toString()).toBe('1');
    await disk.remove(`${path}/two`);
    expect(disk.list(path)).toEqual([]);
  });

  test('replaces a small file whole, leaving no temporary one', () => {
    const path = `${freshDirectory()}/small`;
    replaceSmallFile(disk, path, Buffer.from('first, and longer'));
    replaceSmallFile(disk, path, Buffer.from('second'), false);
    expect(readSmallFile(disk, path)?.toString()).toBe('second');
    expect(disk.list(parentOf(path)).length).toBe(1);
  });

  test('writes on the thread pool what it writes from the event loop', async () => {
    const path = `${freshDirectory()}/a`;
    const file = disk.open(path, true);
    const chunks = Array.from({ length: 1300 }, (_, index) =>
      Buffer.from(index % 7 === 0 ? '' : `${index},`),
    );
    const writing = file.writeAsync(chunks, 5);
    file.close();
    await writing;
    await disk.open(path, false).writeAsync([], 3);
    expect(readSmallFile(disk, path)?.subarray(5).equals(Buffer.concat(chunks))).toBe(true);
    await expect(file.writeAsync(chunks, 0)).rejects.toMatchObject({ errno: 'EBADF' });
  });

  test('ends an asynchronous sync that a close overtakes, and refuses a closed file', async () => {
    const file = disk.open(`${freshDirectory()}/a`, true);
    file.write([Buffer.from('x')], 0);
    const synced = file.sync();
    file.close();
    await synced.catch((error: unknown) => expect(error).toBeInstanceOf(DiskError));
    expect(() => file.write([Buffer.from('y')], 1)).toThrow(DiskError);
    await disk.syncDirectory(directory);
  });

  test('tells the room on its volume', () => {
    const { totalBytes, usableBytes } = disk.space(directory);
    expect(usableBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(usableBytes);
  });
});

describe('a power cut in memory', () => {
  const cutDisks = (prepare: (disk: MemoryDisk) => void): (Buffer | null)[] => {
    const disk = new MemoryDisk({ trackSync: true });
    disk.makeDirectory('/d');
    disk.syncDirectoryNow('/');
    prepare(disk);
    const random = seeded(3);
    return Array.from({ length: 200 }, () => readSmallFile(disk.powerCut(random), '/d/f'));
  };

  test('keeps what was synced with its name, always', () => {
    const found = cutDisks((disk) => {
      const file = disk.open('/d/f', true);
      file.write([Buffer.from('synced')], 0);
      file.syncNow();
      disk.syncDirectoryNow('/d');
      file.write([Buffer.from('later')], 6);
    });
    expect(found.every((content) => content?.subarray(0, 6).toString() === 'synced')).toBe(true);
    expect(new Set(found.map((content) => content?.length)).size).toBeGreaterThan(3);
  });

  test('may take a name that was not synced, and leave a name without its content', () => {
    const found = cutDisks((disk) => disk.open('/d/f', true).write([Buffer.from('content')], 0));
    expect(found.some((content) => content === null)).toBe(true);
    expect(found.some((content) => content?.length === 0)).toBe(true);
    expect(found.some((content) => content?.toString() === 'content')).toBe(true);
  });

  test('replaces a small file with the old or the new content and nothing between', () => {
    const disk = new MemoryDisk({ trackSync: true });
    disk.makeDirectory('/d');
    disk.syncDirectoryNow('/');
    replaceSmallFile(disk, '/d/f', Buffer.from('old'));
    const random = seeded(5);
    const found = new Set<string | undefined>();
    disk.onOperation = () => {
      for (let cut = 0; cut < 20; cut++) found.add(readSmallFile(disk.powerCut(random), '/d/f')?.toString());
      return undefined;
    };
    replaceSmallFile(disk, '/d/f', Buffer.from('new'));
    expect([...found].sort()).toEqual(['new', 'old']);
  });
});

describe('a full disk in memory', () => {
  test('writes what fits and then fails with ENOSPC', () => {
    const disk = new MemoryDisk({ capacityBytes: 10 });
    const file = disk.open('/f', true);
    expect(() => file.write([Buffer.alloc(6), Buffer.alloc(6)], 0)).toThrow(/ENOSPC/);
    expect(file.sizeBytes()).toBe(10);
    disk.removeNow('/f');
    expect(disk.space().usableBytes).toBe(10);
  });
});

describe('a pinned file', () => {
  test('can be read until it is released, though it is closed, renamed and removed, and others need descriptors', () => {
    const disk = openNodeDisk(2);
    const path = `${directory}/pinned`;
    const file = disk.open(path, true);
    file.write([Buffer.from('abc')], 0);
    const pinned = file.pin?.();
    file.close();
    disk.rename(path, `${path}.deleted`);
    disk.removeNow(`${path}.deleted`);
    for (let index = 0; index < 6; index++) disk.open(`${path}.${index}`, true).write([Buffer.from('x')], 0);
    const target = Buffer.alloc(3);
    expect([pinned?.read(target, 0), target.toString()]).toEqual([3, 'abc']);
    const isOpen = () => existsSync(`/proc/self/fd/${pinned?.descriptor}`);
    if (process.platform === 'linux') expect(isOpen()).toBe(true);
    pinned?.release();
    pinned?.release();
    if (process.platform === 'linux') expect(isOpen()).toBe(false);
    expect(() => file.pin?.()).toThrow('EBADF');
  });
});
