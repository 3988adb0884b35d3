/** What /proc tells of another process. */
import { readdirSync, readFileSync } from 'node:fs';

export const MIB = 1024 * 1024;

const statusBytes = (pid: number, field: string): number =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

export const residentBytes = (pid: number): number => statusBytes(pid, 'VmRSS');

/** The highest that `residentBytes` ever was. */
export const peakResidentBytes = (pid: number): number => statusBytes(pid, 'VmHWM');

export const openFileCount = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** The soft limit of open files of this process, which a child inherits. */
export function openFileLimit(pid: number | 'self' = 'self'): number {
  const limit = /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1];
  return limit === undefined ? 1024 : Number(limit);
}
