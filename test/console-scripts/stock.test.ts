/**
 * What people have of Apache Kafka goes on working: its server.properties of both kinds, directories formatted by
 * either side, and its stop script.
 */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { freePort, kafkaClasspath, runTool } from '../../scripts/kafka.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const root = join(import.meta.dirname, '..', '..');
const main = join(root, 'dist', 'main.js');
const CLUSTER = '5L6g3nShT-eMCtK--X86sw';

/** What both files of the distribution set besides the listeners. */
const COMMON = {
  'num.network.threads': '3',
  'num.io.threads': '8',
  'socket.send.buffer.bytes': '102400',
  'socket.receive.buffer.bytes': '102400',
  'socket.request.max.bytes': '104857600',
  'num.partitions': '1',
  'num.recovery.threads.per.data.dir': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'log.retention.hours': '168',
  'log.retention.check.interval.ms': '300000',
};

let directory: string;
let child: ChildProcess | null;
let said: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sordini-stock-'));
  child = null;
  said = '';
});

afterEach(async () => {
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child?.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
});

function write(name: string, properties: Readonly<Record<string, string>>): string {
  const file = join(directory, name);
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, lines.join(''));
  return file;
}

/** The settings of config/kraft/server.properties, on other ports. */
async function kraftProperties(): Promise<{ file: string; port: number }> {
  const [port, controllerPort] = [await freePort(), await freePort()];
  const protocols = ['SSL:SSL', 'SASL_PLAINTEXT:SASL_PLAINTEXT', 'SASL_SSL:SASL_SSL'];
  const file = write('kraft.properties', {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@localhost:${controllerPort}`,
    listeners: `PLAINTEXT://:${port},CONTROLLER://:${controllerPort}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'advertised.listeners': `PLAINTEXT://localhost:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', 'PLAINTEXT:PLAINTEXT', ...protocols].join(),
    'log.dirs': join(directory, 'kraft-combined-logs'),
    'log.segment.bytes': '1073741824',
    ...COMMON,
  });
  return { file, port };
}

function start(command: string, ...args: string[]): ChildProcess {
  const started = spawn(command, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const collect = (chunk: Buffer): void => {
    said += chunk.toString();
  };
  started.stdout.on('data', collect);
  started.stderr.on('data', collect);
  child = started;
  return started;
}

const serving = (port: number): Promise<void> =>
  until(() => {
    if (child?.exitCode !== null) throw new Error(`the broker has ended: ${said}`);
    return new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  });

async function stop(started: ChildProcess): Promise<number | null> {
  const ended = new Promise((resolve) => started.once('close', resolve));
  started.kill('SIGTERM');
  await ended;
  return started.exitCode;
}

async function clusterOf(port: number): Promise<{ clusterId: string | null; nodeIds: number[] }> {
  const client = await WireClient.connect(port);
  const { clusterId, brokers } = await client.send(Metadata, 8, {
    topics: [],
    includeTopicAuthorizedOperations: false,
  });
  client.close();
  return { clusterId, nodeIds: brokers.map(({ nodeId }) => nodeId) };
}

describe('the server.properties of the ZooKeeper quickstart', () => {
  let zooKeeper: Server;

  afterEach(() => zooKeeper.close());

  test('starts one combined node with no warning but of ZooKeeper, and leaves that alone', async () => {
    let visits = 0;
    zooKeeper = createServer((socket) => {
      visits++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => zooKeeper.listen(0, '127.0.0.1', resolve));
    const address = zooKeeper.address();
    const zooKeeperPort = typeof address === 'object' ? address?.port : 0;
    const port = await freePort();
    const file = write('server.properties', {
      'broker.id': '0',
      listeners: `PLAINTEXT://127.0.0.1:${port}`,
      'log.dirs': join(directory, 'kafka-logs'),
      ...COMMON,
      'zookeeper.connect': `localhost:${zooKeeperPort}`,
      'zookeeper.connection.timeout.ms': '18000',
      'group.initial.rebalance.delay.ms': '0',
    });
    const broker = start(process.execPath, main, 'start', file);
    await serving(port);
    expect((await clusterOf(port)).nodeIds).toEqual([0]);
    expect(await stop(broker)).toBe(0);
    const warnings = said.split('\n').filter((line) => /"level":"?(warn|40)|\bWARN\b/i.test(line));
    expect(warnings[0]).toContain('zookeeper is not used');
    for (const warning of warnings) expect(warning).toContain('"keys":["zookeeper.');
    expect(visits).toBe(0);
  });
});

const hasKafka = (await kafkaClasspath()) !== null;
if (!hasKafka) console.log('skipped: directories formatted by Apache Kafka need Java and Maven');

describe.skipIf(!hasKafka)('a directory', () => {
  const storage = (...args: string[]) => runTool('kafka.tools.StorageTool', args);

  test('formatted by kafka-storage is started with the KRaft server.properties, under its cluster id', async () => {
    const { file, port } = await kraftProperties();
    const formatted = await storage('format', '-t', CLUSTER, '-c', file);
    expect(formatted).toMatchObject({ exitCode: 0 });
    const broker = start(process.execPath, main, 'start', file);
    await serving(port);
    expect(await clusterOf(port)).toEqual({ clusterId: CLUSTER, nodeIds: [1] });
    expect(await stop(broker)).toBe(0);
    // And once more, now that there is something in it.
    const again = start(process.execPath, main, 'start', file);
    await serving(port);
    expect(await stop(again)).toBe(0);
    expect(await storage('info', '-c', file)).toMatchObject({ exitCode: 0 });
  });

  test('formatted by the broker is what kafka-storage describes as formatted, and will not format again', async () => {
    const { file } = await kraftProperties();
    execFileSync(process.execPath, [main, 'format', '-t', CLUSTER, '-c', file]);
    const info = await storage('info', '-c', file);
    expect(info.exitCode).toBe(0);
    expect(info.stdout).toContain(`Found log directory:\n  ${join(directory, 'kraft-combined-logs')}`);
    expect(info.stdout).toContain(`cluster.id=${CLUSTER}`);
    expect(info.stdout).not.toContain('Found problem');
    const again = await storage('format', '-t', CLUSTER, '-c', file);
    expect(again.exitCode).toBe(1);
    expect(`${again.stdout}${again.stderr}`).toContain('already formatted');
  });

  test('that was never formatted is reported by kafka-storage as before, which the broker does not change', async () => {
    const { file } = await kraftProperties();
    mkdirSync(join(directory, 'kraft-combined-logs'));
    const info = await storage('info', '-c', file);
    expect(info.exitCode).toBe(1);
    expect(info.stdout).toContain('is not formatted');
  });
});

describe('the stock stop script', () => {
  test('finds a broker started by scripts/start in the list of processes, and SIGTERM ends it with 0', async () => {
    const port = await freePort();
    const overrides = [`listeners=PLAINTEXT://127.0.0.1:${port}`, `log.dirs=${join(directory, 'data')}`];
    const broker = start(join(root, 'scripts', 'start'), ...overrides.flatMap((one) => ['--override', one]));
    await serving(port);
    const pipeline = "ps ax | grep ' kafka\\.Kafka ' | grep java | grep -v grep | awk '{print $1}'";
    const pids = execFileSync('bash', ['-c', pipeline]).toString().split('\n');
    expect(pids).toContain(`${broker.pid}`);
    expect(await stop(broker)).toBe(0);
  });
});
