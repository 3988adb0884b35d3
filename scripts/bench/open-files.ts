/** How many files, sockets among them, this process and those it starts may have open. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const WANTED = 65_536;

export function openFileLimit(): number {
  try {
    const line = /^Max open files\s+(\w+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return line === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line ?? 0);
  } catch {
    return 0;
  }
}

/** Raises the limit where the system lets us, for all servers alike. */
export function raiseOpenFileLimit(): void {
  if (openFileLimit() >= WANTED) return;
  spawnSync('prlimit', ['--pid', String(process.pid), `--nofile=${WANTED}:${WANTED}`]);
}
