/** Small file systems for one test: only root may mount them, and only where the kernel lets it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const isRoot = process.getuid?.() === 0;

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

export const hasCommand = (name: string): boolean => run('sh', '-c', `command -v ${name}`);

export interface Mount {
  readonly dir: string;
  unmount(): void;
}

/** A mounted temporary directory, or null where mounting is not possible. */
function mount(...args: string[]): Mount | null {
  const dir = mkdtempSync(join(tmpdir(), 'sordini-mount-'));
  if (!run('mount', ...args, dir)) {
    rmSync(dir, { recursive: true, force: true });
    return null;
  }
  return {
    dir,
    unmount() {
      // Lazily: a process that was just killed may hold a file for another moment.
      if (!run('umount', dir)) run('umount', '-l', dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A file system in memory that holds so many MiB. */
export const mountMemory = (sizeMiB: number): Mount | null =>
  isRoot ? mount('-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs') : null;

/** Makes an ext4 image, so that its file is what a disk would be. */
export function makeImage(path: string, sizeMiB: number): boolean {
  return (
    run('truncate', '-s', `${sizeMiB}M`, path) &&
    run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', path)
  );
}

export const mountImage = (path: string): Mount | null => (isRoot ? mount('-o', 'loop', path) : null);
