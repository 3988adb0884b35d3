/** Runs the load generator: the C program where there is a compiler, else a plain client in this process. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Frame } from './requests.ts';
import { cpuSeconds, pause, Window } from './window.ts';

export interface Load {
  readonly frame: Frame;
  readonly connections: number;
  readonly depth: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Process whose CPU time is taken; 0 for none. */
  readonly pid: number;
  /** Ends early when this much has gone both ways. */
  readonly maxBytes: number;
  /** Counts instructions in the measured window: C generator only. */
  readonly countsInstructions?: boolean;
  /** Moves the fetch offset of each next request on by `step`, starting over after `count` requests. */
  readonly advance?: { readonly step: number; readonly count: number };
}

/** What the measured window brought. */
export interface LoadResult {
  readonly requests: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly instructions: number | null;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface RelayResult {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

const cacheDir = join(import.meta.dirname, '..', '..', '.cache', 'bench');

/** The compiled generator, or null without gcc. */
export function compileGenerator(): string | null {
  mkdirSync(cacheDir, { recursive: true });
  const source = join(import.meta.dirname, 'load.c');
  const program = join(cacheDir, 'load');
  try {
    if (statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  } catch {
    // Not compiled yet.
  }
  const { status } = spawnSync('gcc', ['-O2', '-o', program, source], { stdio: 'inherit' });
  return status === 0 ? program : null;
}

/** Runs the program to its end, and gives the last line it wrote; `onLine` hears of every line. */
function runProgram(program: string, args: readonly string[], onLine = (_: string) => {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let line = '';
    child.stdout.on('data', (chunk: Buffer) => {
      for (const part of chunk.toString().split(/(?<=\n)/)) {
        line = line.endsWith('\n') ? part : line + part;
        if (line.endsWith('\n')) onLine(line.trim());
      }
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(line));
      else reject(new Error(`the load generator ended with ${code}`));
    });
  });
}

let fileNumber = 0;

/** Writes frames to files that are there for as long as `use` runs. */
async function withFiles<R>(frames: readonly Frame[], use: (...files: string[]) => Promise<R>): Promise<R> {
  const files = frames.map((frame) => {
    const file = join(cacheDir, `${process.pid}-${fileNumber++}.bin`);
    writeFileSync(file, frame.bytes);
    return file;
  });
  try {
    return await use(...files);
  } finally {
    for (const file of files) rmSync(file, { force: true });
  }
}

export async function runLoad(program: string | null, port: number, load: Load): Promise<LoadResult> {
  if (program === null) return runInProcess(port, load);
  const { frame, advance } = load;
  const moving =
    advance === undefined ? [] : ['--advance', `${frame.offsetAt},${advance.step},${advance.count}`];
  const checked = frame.errorAt < 0 ? [] : ['--error-at', String(frame.errorAt)];
  const window = load.countsInstructions === true ? new Window(load.pid, true) : null;
  let seen: ReturnType<Window['close']> | undefined;
  const result = await withFiles([frame], (file = '') => {
    const args = [
      ...['ping', '127.0.0.1', String(port), '--request', file],
      ...['--connections', String(load.connections), '--depth', String(load.depth)],
      ...['--seconds', String(load.seconds), '--warmup', String(load.warmupSeconds)],
      ...['--pid', String(load.pid), '--max-bytes', String(load.maxBytes)],
      ...moving,
      ...checked,
    ];
    return runProgram(program, args, (line) => {
      if (line === 'open') window?.open();
      if (line === 'close') seen = window?.close();
    });
  });
  return { ...(result as LoadResult), instructions: (await seen)?.instructions ?? null };
}

/** Time from sending a record to its arrival at a consumer that waits for it. C generator only. */
export async function runRelay(
  program: string,
  port: number,
  produce: Frame,
  fetch: Frame,
  rounds: number,
): Promise<RelayResult> {
  const result = await withFiles([produce, fetch], (produceFile = '', fetchFile = '') =>
    runProgram(program, [
      ...['relay', '127.0.0.1', String(port), '--produce', produceFile, '--fetch', fetchFile],
      ...['--offset-at', String(fetch.offsetAt), '--rounds', String(rounds)],
    ]),
  );
  return result as RelayResult;
}

/** Opens idle connections, each of which had one request answered, and keeps them while `use` runs. C generator only. */
export async function withIdleConnections<R>(
  program: string,
  port: number,
  connections: number,
  asked: Frame,
  use: () => Promise<R>,
): Promise<R> {
  return withFiles([asked], async (file = '') => {
    const args = ['idle', '127.0.0.1', String(port), '--request', file, '--connections', String(connections)];
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const isOpen = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
    await Promise.race([
      isOpen,
      ended.then(() => Promise.reject(new Error('the idle connections ended before they were all open'))),
    ]);
    try {
      return await use();
    } finally {
      child.stdin.end();
      await ended;
    }
  });
}

/** The same load from this process: dearer, so that only ratios within one run mean anything. */
async function runInProcess(port: number, load: Load): Promise<LoadResult> {
  const { frame, connections, depth, advance } = load;
  let requests = 0;
  let bytesIn = 0;
  const samples: number[] = [];
  let isMeasuring = false;
  const sockets: Socket[] = [];
  for (let i = 0; i < connections; i++) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    sockets.push(socket);
    const started: number[] = [];
    let number = i * 7919;
    let missing = 0;
    let size = Buffer.alloc(0);
    const send = () => {
      const bytes = Buffer.from(frame.bytes);
      if (advance !== undefined) {
        bytes.writeBigInt64BE(BigInt((number++ % advance.count) * advance.step), frame.offsetAt);
      }
      started.push(performance.now());
      socket.write(bytes);
    };
    socket.on('data', (chunk) => {
      bytesIn += chunk.length;
      let at = 0;
      while (at < chunk.length) {
        if (missing === 0) {
          const taken = chunk.subarray(at, at + 4 - size.length);
          size = Buffer.concat([size, taken]);
          at += taken.length;
          if (size.length < 4) return;
          missing = size.readInt32BE(0);
          size = Buffer.alloc(0);
        }
        const taken = Math.min(missing, chunk.length - at);
        at += taken;
        missing -= taken;
        if (missing > 0) return;
        requests++;
        if (isMeasuring) samples.push((performance.now() - (started.shift() ?? 0)) * 1000);
        else started.shift();
        send();
      }
    });
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    for (let k = 0; k < depth; k++) send();
  }
  await pause(load.warmupSeconds * 1000);
  isMeasuring = true;
  const cpuNow = () => (load.pid > 0 ? cpuSeconds(load.pid) : 0);
  const before = { requests, bytesIn, cpu: cpuNow(), at: performance.now() };
  const bytes = () => bytesIn - before.bytesIn + (requests - before.requests) * frame.bytes.length;
  while (performance.now() - before.at < load.seconds * 1000 && bytes() < load.maxBytes) await pause(10);
  const cpu = cpuNow() - before.cpu;
  const seconds = (performance.now() - before.at) / 1000;
  for (const socket of sockets) socket.destroy();
  samples.sort((a, b) => a - b);
  const done = requests - before.requests;
  return {
    requests: done,
    bytesIn: bytesIn - before.bytesIn,
    bytesOut: done * frame.bytes.length,
    seconds,
    cpuSeconds: cpu,
    instructions: null,
    p50Us: samples[Math.floor(samples.length / 2)] ?? 0,
    p99Us: samples[Math.floor(samples.length * 0.99)] ?? 0,
  };
}
