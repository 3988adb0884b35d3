/**
 * A broker as a user runs it: a process of its own over a real directory. The test that starts it ends it.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/kafka.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 10;

export interface BrokerProcessOptions {
  /** Data directory; a temporary one that `stop` removes when absent. */
  readonly dir?: string;
  readonly port?: number;
  readonly overrides?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Another Node to run on than the one that runs the test. */
  readonly node?: string;
}

export interface BrokerProcess {
  readonly bootstrap: string;
  readonly port: number;
  readonly dir: string;
  readonly pid: number;
  /** What it printed so far. */
  output(): string;
  /** SIGTERM and waiting; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, as a crash; the directory stays. */
  kill(): Promise<void>;
  /** Removes the data directory, if it is a temporary one. */
  clean(): void;
}

const exited = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const exitOf = (child: ChildProcess): Promise<void> =>
  exited(child) ? Promise.resolve() : new Promise((resolve) => child.once('exit', () => resolve()));

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** The port opens only when the broker can serve, so a connection is all the proof that is needed. */
async function untilServing(child: ChildProcess, port: number, output: () => string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (exited(child)) throw new Error(`the broker ended at its start (${child.exitCode}):\n${output()}`);
    if (performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the broker did not start in time:\n${output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export function temporaryDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `sordini-${name}-`));
}

/** Starts the built broker on 127.0.0.1 and resolves when it serves. */
export async function startBroker(options: BrokerProcessOptions = {}): Promise<BrokerProcess> {
  const isTemporary = options.dir === undefined;
  const dir = options.dir ?? temporaryDirectory('test');
  const port = options.port ?? (await freePort());
  const overrides = { listeners: `PLAINTEXT://127.0.0.1:${port}`, 'log.dirs': dir, ...options.overrides };
  const args = [
    ...(options.args ?? []),
    ...Object.entries(overrides).flatMap(([key, value]) => ['--override', `${key}=${value}`]),
  ];
  const child = spawn(options.node ?? process.execPath, [MAIN, 'start', ...args], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    if (output.length < 1_000_000) output += chunk.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  await untilServing(child, port, () => output);
  return {
    bootstrap: `127.0.0.1:${port}`,
    port,
    dir,
    pid: child.pid ?? -1,
    output: () => output,
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      child.kill('SIGTERM');
      await exitOf(child);
      clearTimeout(timer);
      return child.exitCode;
    },
    async kill() {
      child.kill('SIGKILL');
      await exitOf(child);
    },
    clean() {
      if (isTemporary) rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
