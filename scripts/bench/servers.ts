/** The servers that the benchmarks compare, each behind the same few questions. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBatch } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts';
import { ListOffsets } from '../../protocol/messages/list-offsets.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import { freePort, kafkaClasspath, serverProperties, startKafka } from '../kafka.ts';
import { APACHE, FLOOR, OURS, OURS_FSYNC } from './compare.ts';
import { pause } from './window.ts';

const root = join(import.meta.dirname, '..', '..');
const START_TIMEOUT_MS = 90_000;
/** The heap of Apache Kafka's own start script. */
const HEAP_MIB = 1024;

export interface Server {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** From the start of the process to the moment that was waited for: by default that it lists itself. */
  readonly startMs: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A directory and its ports, in which a server of one kind can be started again and again. */
export interface Installation {
  start(until?: (port: number) => Promise<void>): Promise<Server>;
}

/** A kind of server. */
export interface Contender {
  readonly name: string;
  install(dir: string): Promise<Installation>;
}

/** Asks on new connections, as often as it takes, until `ask` says yes. */
async function untilAnswered(port: number, ask: (client: WireClient) => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    try {
      const client = await WireClient.connect(port);
      try {
        while (performance.now() < deadline) {
          if (await ask(client)) return;
          await pause(2);
        }
      } finally {
        client.close();
      }
    } catch {
      // It does not listen yet.
    }
    await pause(2);
  }
  throw new Error('the broker did not answer in time');
}

/** Waits until the broker lists itself. */
export const untilServing = (port: number): Promise<void> =>
  untilAnswered(port, async (client) => {
    const { brokers } = await client.send(Metadata, 8, {
      topics: [],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    return brokers.length > 0;
  });

/** Waits until partition 0 of a topic has acknowledged a record. A topic that is not there yet is made. */
export function untilAcknowledged(port: number, topic: string, partitionCount: number): Promise<void> {
  const records = buildBatch({ records: [{ value: Buffer.from('first') }], timestampMs: Date.now() });
  let exists = false;
  return untilAnswered(port, async (client) => {
    if (!exists) {
      const code = (await create(client, topic, partitionCount)) ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      exists = code === ErrorCode.NONE || code === ErrorCode.TOPIC_ALREADY_EXISTS;
      if (!exists) return false;
    }
    const { responses } = await client.send(Produce, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    });
    return responses[0]?.partitionResponses[0]?.errorCode === ErrorCode.NONE;
  });
}

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));

/** Our broker, built, in a process of its own. */
async function startSordini(
  name: string,
  dir: string,
  file: string,
  port: number,
  until: (port: number) => Promise<void>,
): Promise<Server> {
  const main = join(root, 'dist', 'main.js');
  if (!existsSync(main)) throw new Error('there is no dist/main.js: run `npm run build` first');
  const startedAt = performance.now();
  // To a file, as Apache Kafka's: a broker waits for whoever reads its pipe, and this process is busy.
  const logFile = join(dir, 'output.log');
  const output = openSync(logFile, 'a');
  const child = spawn(process.execPath, [main, 'start', file], { stdio: ['ignore', output, output] });
  closeSync(output);
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const dead = ended(child).then(() => process.off('exit', killAtExit));
  const died = dead.then(() => Promise.reject(new Error('it ended')));
  died.catch(() => {});
  try {
    await Promise.race([until(port), died]);
  } catch (cause) {
    child.kill('SIGKILL');
    throw new Error(`${name} did not start:\n${readFileSync(logFile, 'utf8').slice(-20_000)}`, { cause });
  }
  return {
    name,
    pid: child.pid ?? -1,
    port,
    startMs: performance.now() - startedAt,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await dead;
    },
  };
}

function sordini(name: string, durability: string): Contender {
  return {
    name,
    async install(dir) {
      mkdirSync(dir, { recursive: true });
      const port = await freePort();
      const properties = { 'sordini.durability': durability };
      const lines = serverProperties({ dir, properties }, port, await freePort());
      const file = join(dir, 'server.properties');
      writeFileSync(file, [...lines].map(([key, value]) => `${key}=${value}\n`).join(''));
      return { start: (until = untilServing) => startSordini(name, dir, file, port, until) };
    },
  };
}

const apacheKafka: Contender = {
  name: APACHE,
  async install(dir) {
    const [port, controllerPort] = [await freePort(), await freePort()];
    return {
      async start(until = untilServing) {
        // What is waited for may come before the server says that it has started, and counts from its start.
        let answeredAt = 0;
        const answered = until(port).then(() => {
          answeredAt = performance.now();
        });
        answered.catch(() => {});
        const kafka = await startKafka({ dir, port, controllerPort, heapMiB: HEAP_MIB });
        const startedAt = performance.now() - kafka.startMs;
        try {
          await answered;
        } catch (cause) {
          await kafka.stop('SIGKILL');
          throw cause;
        }
        return {
          name: APACHE,
          pid: kafka.pid,
          port,
          startMs: answeredAt - startedAt,
          stop: (signal = 'SIGTERM') => kafka.stop(signal),
        };
      },
    };
  },
};

/**
 * Who takes part: our broker answering from the page cache as Apache Kafka does, our default, which waits for the
 * disk, and Apache Kafka where it can be had.
 */
export async function findContenders(withKafka: boolean): Promise<Contender[]> {
  const ours = [sordini(OURS, 'kafka'), sordini(OURS_FSYNC, 'fsync')];
  return withKafka && (await kafkaClasspath()) !== null ? [...ours, apacheKafka] : ours;
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
    name: FLOOR,
    pid: child.pid ?? -1,
    port,
    startMs: 0,
    async stop() {
      child.kill('SIGKILL');
      await ended(child);
    },
  };
}

async function create(client: WireClient, name: string, numPartitions: number): Promise<number | undefined> {
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.send(CreateTopics, 4, { topics: [topic], timeoutMs: 60_000 });
  return topics[0]?.errorCode;
}

/**
 * Creates a topic and waits until every partition serves. That is more than what Metadata tells: Apache Kafka makes
 * leaders a moment after it lists them.
 */
export async function createTopic(server: Server, name: string, partitionCount = 1): Promise<void> {
  const client = await WireClient.connect(server.port);
  const code = await create(client, name, partitionCount);
  if (code !== ErrorCode.NONE) throw new Error(`${server.name}: creating a topic gave error ${code}`);
  const partitions = Array.from({ length: partitionCount }, (_, partitionIndex) => ({
    partitionIndex,
    currentLeaderEpoch: -1,
    timestamp: -1,
  }));
  for (;;) {
    const asked = { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions }] };
    const { topics } = await client.send(ListOffsets, 5, asked);
    if (topics[0]?.partitions.every(({ errorCode }) => errorCode === ErrorCode.NONE)) break;
    await pause(5);
  }
  client.close();
}

export async function deleteTopic(server: Server, name: string): Promise<void> {
  const client = await WireClient.connect(server.port);
  await client.send(DeleteTopics, 3, { topics: [], topicNames: [name], timeoutMs: 10_000 });
  client.close();
}
