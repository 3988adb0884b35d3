/** The servers that the benchmarks compare, each behind the same few questions. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import { freePort, kafkaClasspath, serverProperties, startKafka } from '../kafka.ts';

const root = join(import.meta.dirname, '..', '..');
const START_TIMEOUT_MS = 60_000;
const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

export interface Server {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** From spawn to the first answer that lists the broker. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the broker lists itself, or `hasEnded` says that there is no use. */
async function untilServing(port: number, hasEnded: () => boolean): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline && !hasEnded()) {
    try {
      const client = await WireClient.connect(port);
      try {
        const { brokers } = await client.send(Metadata, 8, {
          topics: [],
          allowAutoTopicCreation: false,
          includeClusterAuthorizedOperations: false,
          includeTopicAuthorizedOperations: false,
        });
        if (brokers.length > 0) return;
      } finally {
        client.close();
      }
    } catch {
      // Not yet.
    }
    await pause(2);
  }
  throw new Error('the broker did not start');
}

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));

/** Our broker, built, in a process of its own. */
export async function startSordini(
  dir: string,
  properties: Readonly<Record<string, string>>,
  name = 'sordini',
): Promise<Server> {
  const main = join(root, 'dist', 'src', 'main.js');
  if (!existsSync(main)) throw new Error('there is no dist/src/main.js: run `npm run build` first');
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const lines = serverProperties({ dir, properties }, port, await freePort());
  const file = join(dir, 'server.properties');
  writeFileSync(file, [...lines].map(([key, value]) => `${key}=${value}\n`).join(''));
  const startedAt = performance.now();
  // To a file, as Apache Kafka's: a broker waits for whoever reads its pipe, and this process is busy.
  const logFile = join(dir, 'output.log');
  const output = openSync(logFile, 'w');
  const child = spawn(process.execPath, [main, 'start', file], { stdio: ['ignore', output, output] });
  closeSync(output);
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  child.once('exit', () => process.off('exit', killAtExit));
  try {
    await untilServing(port, () => child.exitCode !== null);
  } catch (cause) {
    child.kill('SIGKILL');
    throw new Error(`${name} did not start:\n${readFileSync(logFile, 'utf8').slice(0, 20_000)}`, { cause });
  }
  return {
    name,
    pid: child.pid ?? -1,
    port,
    startMs: performance.now() - startedAt,
    async stop() {
      child.kill('SIGTERM');
      await ended(child);
    },
  };
}

/** Apache Kafka with the heap of its own start script, or null where it can't be had. */
export async function startApacheKafka(dir: string): Promise<Server | null> {
  if ((await kafkaClasspath()) === null) return null;
  const kafka = await startKafka({ dir, heapMiB: 1024 });
  return {
    name: 'kafka',
    pid: kafka.pid,
    port: kafka.port,
    startMs: kafka.startMs,
    stop: () => kafka.stop(),
  };
}

/** The least a C program can do; see load.c. Null without a C compiler. */
export async function startFloor(
  program: string | null,
  file: string,
  answer: readonly string[],
): Promise<Server | null> {
  if (program === null) return null;
  const port = await freePort();
  const child = spawn(program, ['floor', String(port), file, ...answer], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return {
    name: 'C floor',
    pid: child.pid ?? -1,
    port,
    startMs: 0,
    async stop() {
      child.kill('SIGKILL');
      await ended(child);
    },
  };
}

export async function createTopic(server: Server, name: string): Promise<void> {
  const client = await WireClient.connect(server.port);
  const { topics } = await client.send(CreateTopics, 4, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  });
  const code = topics[0]?.errorCode;
  if (code !== 0) throw new Error(`${server.name}: creating a topic gave error ${code}`);
  for (;;) {
    const metadata = await client.send(Metadata, 8, {
      topics: [{ name, topicId: ZERO_UUID }],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    if (metadata.topics[0]?.partitions[0]?.errorCode === 0) break;
    await pause(10);
  }
  client.close();
}

export async function deleteTopic(server: Server, name: string): Promise<void> {
  const client = await WireClient.connect(server.port);
  await client.send(DeleteTopics, 3, { topics: [], topicNames: [name], timeoutMs: 10_000 });
  client.close();
}
