// The command line as its users meet it: a process with arguments, exit codes and signals.
// The process is that of scripts/start, which builds what is missing; every broker listens on a free port.

import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const main = join(root, 'dist', 'main.js');
const CLUSTER = '5L6g3nShT-eMCtK--X86sw';

let directory: string;
const children = new Set<ChildProcess>();

beforeAll(() => {
  const script = 'root=$1; source "$root/scripts/lib/toolchain.sh"; prepare';
  execFileSync('bash', ['-c', script, 'bash', root], { stdio: 'inherit' });
}, 120_000);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sordini-cli-'));
});

afterEach(async () => {
  for (const child of children) {
    const ended = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await ended;
    }
  }
  children.clear();
  rmSync(directory, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<number | null>;
}

function run(args: readonly string[], command: string[] = [process.execPath, main], env: object = {}): Run {
  const [program = '', ...prefix] = command;
  const child = spawn(program, [...prefix, ...args], {
    cwd: directory,
    env: { ...process.env, SORDINI_LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  return { child, output, ended };
}

interface Ready {
  readonly listeners: readonly string[];
  readonly clusterId: string;
  readonly nodeId: number;
  readonly startMs: number;
}

/** The fields of the ready line; rejects with what the process said if it ends before. */
function ready({ child, output, ended }: Run): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const line = output.stdout.split('\n').find((candidate) => candidate.includes('"broker is ready"'));
      if (line !== undefined) resolve(JSON.parse(line));
    };
    child.stdout?.on('data', look);
    void ended.then((code) => reject(new Error(`ended with ${code}: ${output.stdout}${output.stderr}`)));
  });
}

const portOf = ({ listeners }: Ready) => Number(/:(\d+)$/.exec(listeners[0] ?? '')?.[1]);

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const anyPort = ['--override', 'listeners=PLAINTEXT://127.0.0.1:0'];

function properties(extra = ''): string {
  const file = join(directory, 'server.properties');
  const lines = [
    'process.roles=broker,controller',
    'node.id=1',
    'controller.quorum.voters=1@127.0.0.1:0',
    'controller.listener.names=CONTROLLER',
    'listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0',
    `log.dirs=${join(directory, 'data')}`,
    extra,
  ];
  writeFileSync(file, lines.join('\n'));
  return file;
}

describe('command', () => {
  test('--version and --help answer on standard output', async () => {
    const version = run(['--version']);
    expect(await version.ended).toBe(0);
    const { version: expected } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(version.output.stdout).toBe(`sordini ${expected}\n`);
    const help = run(['--help']);
    expect(await help.ended).toBe(0);
    expect(help.output.stdout).toContain('sordini [start] [server.properties]');
  });

  test('random-uuid prints a cluster id', async () => {
    const uuid = run(['random-uuid']);
    expect(await uuid.ended).toBe(0);
    expect(uuid.output.stdout).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}\n$/);
  });

  test('format writes what it says, once', async () => {
    const file = properties();
    const first = run(['format', '-t', CLUSTER, '-c', file]);
    expect(await first.ended).toBe(0);
    const data = join(directory, 'data');
    expect(first.output.stdout).toBe(`Formatting ${data} with metadata.version 3.7-IV4.\n`);
    expect(readFileSync(join(data, 'meta.properties'), 'utf8')).toContain(`cluster.id=${CLUSTER}\n`);
    expect(existsSync(join(data, 'bootstrap.checkpoint'))).toBe(true);
    const again = run(['format', '-t', CLUSTER, '-c', file]);
    expect(await again.ended).toBe(1);
    expect(again.output.stderr).toMatch(/already formatted/);
    const ignoring = run(['format', '-t', CLUSTER, '-c', file, '--ignore-formatted']);
    expect(await ignoring.ended).toBe(0);
    expect(ignoring.output.stdout).toBe('All of the log directories are already formatted.\n');
  });
});

describe('refused start', () => {
  test.each([
    [['no-such-file'], 1, "The configuration file no-such-file can't be read: there is no such file."],
    [['--override', 'num.partitions=0'], 1, 'Invalid value 0 for configuration num.partitions'],
    [['--frobnicate'], 1, 'The option --frobnicate is unknown'],
    [['format', '-c', 'x'], 1, 'format wants --cluster-id'],
  ])('%j says why in one line', async (args, exitCode, sentence) => {
    const refused = run(args);
    expect(await refused.ended).toBe(exitCode);
    expect(refused.output.stderr).toContain(`sordini: ${sentence}`);
    expect(refused.output.stderr.trim().split('\n')).toHaveLength(1);
  });

  test('a taken port is exit code 2', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const refused = run(['--override', `listeners=PLAINTEXT://127.0.0.1:${port}`]);
    expect(await refused.ended).toBe(2);
    expect(refused.output.stderr).toContain(`127.0.0.1:${port}: another process listens there`);
    await new Promise((resolve) => holder.close(resolve));
  });

  test('a data directory that is a file is exit code 3', async () => {
    writeFileSync(join(directory, 'sordini-data'), '');
    const refused = run(anyPort);
    expect(await refused.ended).toBe(3);
    expect(refused.output.stderr).toMatch(/sordini-data.* can't be used/);
  });

  test('a data directory of another node is exit code 4', async () => {
    const data = join(directory, 'sordini-data');
    mkdirSync(data);
    writeFileSync(join(data, 'meta.properties'), `version=1\nnode.id=7\ncluster.id=${CLUSTER}\n`);
    const refused = run([...anyPort, '--override', 'node.id=1']);
    expect(await refused.ended).toBe(4);
    expect(refused.output.stderr).toMatch(/node\.id in: .*Expected 1, but read 7/);
  });
});

describe('broker process', () => {
  test('says once that it is ready, serves, and ends with 0 when asked to', async () => {
    const broker = run(anyPort);
    const line = await ready(broker);
    expect(line).toMatchObject({ nodeId: 1, clusterId: expect.stringMatching(/^[\w-]{22}$/) });
    expect(await connects(portOf(line))).toBe(true);
    broker.child.kill('SIGTERM');
    expect(await broker.ended).toBe(0);
    expect(await connects(portOf(line))).toBe(false);
    expect(broker.output.stderr).toBe('');
    expect(existsSync(join(directory, 'sordini-data', '.kafka_cleanshutdown'))).toBe(true);
  });

  test('keeps its identity over a restart', async () => {
    const first = run(anyPort);
    const before = await ready(first);
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(0);
    const second = run(anyPort);
    expect((await ready(second)).clusterId).toBe(before.clusterId);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });

  test('started by scripts/start has the pid of the script, and a title by which kafka-server-stop.sh finds it', async () => {
    const broker = run(anyPort, [join(root, 'scripts', 'start')]);
    const line = await ready(broker);
    expect(await connects(portOf(line))).toBe(true);
    const processes = execFileSync('ps', ['ax'], { encoding: 'utf8' }).split('\n');
    const found = processes.filter((row) => / kafka\.Kafka /.test(row) && /java/.test(row));
    expect(found.map((row) => Number(row.trim().split(/\s+/)[0]))).toContain(broker.child.pid);
    broker.child.kill('SIGTERM');
    expect(await broker.ended).toBe(0);
  });

  test('takes the directory that kafka-storage.sh or format has prepared', async () => {
    const file = properties();
    expect(await run(['format', '-t', CLUSTER, '-c', file]).ended).toBe(0);
    const broker = run([file]);
    expect((await ready(broker)).clusterId).toBe(CLUSTER);
    broker.child.kill('SIGTERM');
    expect(await broker.ended).toBe(0);
  });
});
