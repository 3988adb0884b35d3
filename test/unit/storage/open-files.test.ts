import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openNodeDisk } from '../../../storage/disk.ts';
import { OpenFiles } from '../../../storage/open-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'sordini-open-files-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('open files', () => {
  const file = (name: string, released: string[], isBusy = false) => ({
    isBusy,
    wasUsed: true,
    release: () => released.push(name),
  });

  test('let go of those that were not used since they were looked at last', () => {
    const released: string[] = [];
    const files = new OpenFiles(3);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => file(name, released));
    for (const one of [a, b, c]) if (one !== undefined) files.add(one);
    files.add(file('d', released));
    expect(released).toEqual(['a']);
    if (b !== undefined) b.wasUsed = true;
    files.add(file('e', released));
    expect(released).toEqual(['a', 'c']);
    expect(files.count).toBe(3);
  });

  test('pass over what is busy, and go beyond the limit where all are', () => {
    const released: string[] = [];
    const files = new OpenFiles(2);
    files.add(file('busy', released, true));
    files.add(file('idle', released));
    files.add(file('new', released, true));
    files.add(file('newer', released, true));
    expect(released).toEqual(['idle']);
    expect(files.count).toBe(3);
  });
});

describe('a disk with few descriptors', () => {
  test('reads and writes more files than it may hold open, and syncs all of them at once', async () => {
    const disk = openNodeDisk(4);
    const files = Array.from({ length: 200 }, (_, index) => disk.open(join(directory, `${index}`), true));
    files.forEach((file, index) => {
      file.write([Buffer.from(`content ${index}`)], 0);
    });
    await Promise.all(files.map((file) => file.sync()));
    for (const [index, file] of files.entries()) {
      const target = Buffer.alloc(20);
      const count = await file.readAsync(target, 0);
      expect(target.toString('utf8', 0, count)).toBe(`content ${index}`);
    }
    const pending = files.map((file) => file.sync());
    for (const file of files) file.close();
    await Promise.all(pending);
    for (const file of files) expect(() => file.sizeBytes()).toThrow();
  });
});
