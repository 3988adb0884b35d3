/**
 * A stretch of time in which a server is watched from outside: the CPU time that the system counts for its process,
 * and where the machine gives them, the instructions it ran in user mode.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const CLOCK_TICKS_PER_SECOND = 100;

/** User and system time of a process, with all its threads, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const countOf = (output: string): number | null => {
  const count = Number(/^(\d+),,instructions/m.exec(output)?.[1] ?? Number.NaN);
  return count > 0 ? count : null;
};

let canCount: boolean | undefined;

/** Whether `perf` is there and the processor's counters can be read. */
export function canCountInstructions(): boolean {
  canCount ??=
    countOf(spawnSync('perf', ['stat', '-x,', '-e', 'instructions:u', 'true']).stderr?.toString() ?? '') !==
    null;
  return canCount;
}

/** Instructions of a running process, counted from `start` to `stop`. */
class InstructionCounter {
  readonly #child: ChildProcess;
  #output = '';

  constructor(pid: number) {
    const args = ['stat', '-x,', '-e', 'instructions:u', '-p', String(pid), '-D', '-1', '--control', 'fd:0'];
    this.#child = spawn('perf', args, { stdio: ['pipe', 'ignore', 'pipe'] });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.#child.stdin?.on('error', () => {});
  }

  start(): void {
    this.#child.stdin?.write('enable\n');
  }

  async stop(): Promise<number | null> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin?.write('disable\n');
    // The counts stand still from here on; the signal only lets it print them.
    await pause(50);
    this.#child.kill('SIGINT');
    await ended;
    return countOf(this.#output);
  }
}

/** What a window saw. */
export interface Seen {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly instructions: number | null;
}

export class Window {
  readonly #pid: number;
  readonly #counter: InstructionCounter | null;
  #cpuSeconds = 0;
  #openedMs = 0;

  /** To be made a moment before it opens: attaching the counters takes some time. */
  constructor(pid: number, countsInstructions: boolean) {
    this.#pid = pid;
    this.#counter = countsInstructions ? new InstructionCounter(pid) : null;
  }

  open(): void {
    this.#counter?.start();
    this.#cpuSeconds = cpuSeconds(this.#pid);
    this.#openedMs = performance.now();
  }

  async close(): Promise<Seen> {
    const seconds = (performance.now() - this.#openedMs) / 1000;
    const used = cpuSeconds(this.#pid) - this.#cpuSeconds;
    return { seconds, cpuSeconds: used, instructions: (await this.#counter?.stop()) ?? null };
  }
}
