/**
 * Clients that are not written in JavaScript: fetched by name from the registries into .cache on first use, and run
 * as child processes.
 *
 * Always true: nothing is installed outside .cache; two processes that fetch at once do no harm, because each fills a
 * folder of its own and the first rename wins; where something is missing the answer says in one line what.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const CACHE_DIR = join(import.meta.dirname, '..', '..', '.cache', 'clients');

/** Something to run, or why it can't be had. */
export type Found<T> = { readonly found: T } | { readonly missing: string };

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a command to its end. Rejects only when it can't be started. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = start(command, args, options);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

/** Starts a command that the caller ends. */
export function start(command: string, args: readonly string[], options: RunOptions = {}): ChildProcess {
  return spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
  });
}

/** Whether a command can be run at all. */
export async function hasCommand(command: string, args: readonly string[] = ['--version']): Promise<boolean> {
  try {
    return (await run(command, args)).exitCode === 0;
  } catch {
    return false;
  }
}

/** The folder `name` of the cache; `fill` fills it when it is not there yet. */
export async function cached(name: string, fill: (dir: string) => Promise<void>): Promise<string> {
  const dir = join(CACHE_DIR, name);
  if (existsSync(dir)) return dir;
  const own = `${dir}.${process.pid}`;
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  try {
    await fill(own);
    if (!existsSync(dir)) renameSync(own, dir);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
  return dir;
}

/** Runs a step of an installation; a failure says what failed. */
export async function must(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, args, { timeoutMs: 300_000, ...options });
  if (exitCode !== 0)
    throw new Error(`${command} ${args[0] ?? ''} failed: ${(stderr || stdout).trim().slice(-300)}`);
  return stdout;
}

/** Turns a failure to fetch into the line that says what is missing. */
export async function find<T>(what: string, look: () => Promise<T>): Promise<Found<T>> {
  try {
    return { found: await look() };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    return { missing: `${what} is not available: ${why}` };
  }
}
