/**
 * A Kafka Streams application with exactly_once_v2 while its broker is killed again and again, and it with it: what comes out is
 * compared with what went in, record by record. `SORDINI_FULL=1` plays the same against Apache Kafka.
 */
import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, test } from 'vitest';
import { start } from '../../scripts/clients/runtime.ts';
import { findRunningSums } from '../../scripts/clients/streams/streams.ts';
import { freePort, kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';

const RECORDS = 9_000;
const RECORDS_PER_SECOND = 300;
/** So many have been processed since the application last said so. */
const PROGRESS_RECORDS = 50;
const KILLS = 6;
const TIMEOUT_MS = 240_000;

/** A broker that comes back, on the same port over the same directory, as often as it is killed. */
interface Victim {
  readonly bootstrap: string;
  start(): Promise<void>;
  kill(): Promise<void>;
}

async function sordini(dir: string): Promise<Victim> {
  const port = await freePort();
  let kill = async (): Promise<void> => {};
  return {
    bootstrap: `127.0.0.1:${port}`,
    start: async () => {
      const overrides = { 'group.initial.rebalance.delay.ms': '0' };
      ({ kill } = await startBroker({ dir, port, overrides }));
    },
    kill: () => kill(),
  };
}

async function apacheKafka(dir: string): Promise<Victim> {
  const port = await freePort();
  const controllerPort = await freePort();
  let kill = async (): Promise<void> => {};
  return {
    bootstrap: `127.0.0.1:${port}`,
    start: async () => {
      const server = await startKafka({ dir, port, controllerPort });
      kill = () => server.stop('SIGKILL');
    },
    kill: () => kill(),
  };
}

/** What the processes printed: lines by their first word, without it. */
type Lines = Map<string, string[][]>;

/** Notes what a process prints and tells of each line's first word; resolves with the exit code at its end. */
async function follow(
  child: ChildProcess,
  lines: Lines,
  tell: (word: string) => void,
): Promise<number | null> {
  if (child.stdout === null) throw new Error('the process has no output');
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stderr?.resume();
  for await (const line of createInterface({ input: child.stdout })) {
    const [word = '', ...rest] = line.split(' ');
    const known = lines.get(word);
    if (known === undefined) lines.set(word, [rest]);
    else known.push(rest);
    tell(word);
  }
  return ended;
}

/**
 * Feeds, adds up and reads. The broker dies, always within a transaction, each time another part of the records has
 * been processed; every second time the application dies with it, and leaves its transaction and its store behind.
 */
async function play(args: readonly string[], broker: Victim, stateDir: string): Promise<[Lines, number]> {
  const lines: Lines = new Map();
  const java = (...command: string[]): ChildProcess =>
    start('java', [...args, broker.bootstrap, ...command], { timeoutMs: TIMEOUT_MS });
  let kills = 0;
  let application: ChildProcess | undefined;
  let applicationEnd: Promise<number | null> | undefined;
  let attack: Promise<void> | undefined;

  const startApplication = (): void => {
    application = java('sum', stateDir);
    applicationEnd = follow(application, lines, (word) => {
      if (word === 'processed') considerAttack();
    });
  };
  const considerAttack = (): void => {
    const processed = (lines.get('processed') ?? []).length * PROGRESS_RECORDS;
    const isDue = processed > ((kills + 1) * RECORDS) / (KILLS + 2);
    if (!isDue || kills === KILLS || attack !== undefined) return;
    kills += 1;
    attack = strike(kills % 2 === 0).then(() => {
      attack = undefined;
    });
  };
  const strike = async (isForBoth: boolean): Promise<void> => {
    if (isForBoth) application?.kill('SIGKILL');
    await broker.kill();
    await broker.start();
    if (isForBoth) startApplication();
  };

  await broker.start();
  const feeder = java('feed', String(RECORDS), String(RECORDS_PER_SECOND));
  try {
    const fed = await follow(feeder, lines, (word) => {
      if (word === 'created') startApplication();
    });
    expect(fed).toBe(0);
    await attack;
    application?.stdin?.end();
    expect(await applicationEnd).toBe(0);
    expect(await follow(java('print'), lines, () => {})).toBe(0);
  } finally {
    application?.kill('SIGKILL');
    feeder.kill('SIGKILL');
    await broker.kill();
  }
  return [lines, kills];
}

/** The output that the input must give: one record for each of a partition, in its order. */
function expectedOutput(input: readonly string[][]): { output: string[]; sums: Map<string, number> } {
  const sums = new Map<string, number>();
  const output = input.map(([partition, offset, key = '', value]) => {
    const sum = (sums.get(key) ?? 0) + Number(value);
    sums.set(key, sum);
    return `${partition} ${key} ${partition}:${offset}:${sum}`;
  });
  return { output, sums };
}

const byPartition = (left: readonly string[], right: readonly string[]): number =>
  Number(left[0]) - Number(right[0]) || Number(left[1]) - Number(right[1]);

const application = await findRunningSums();
if ('missing' in application) console.log(`skipped: ${application.missing}`);
const brokers = [{ name: 'Sordini', make: sordini, isWanted: true }];
const isFull = process.env['SORDINI_FULL'] === '1' && (await kafkaClasspath()) !== null;
brokers.push({ name: 'Apache Kafka', make: apacheKafka, isWanted: isFull });

for (const { name, make, isWanted } of brokers) {
  describe.skipIf('missing' in application)(`Kafka Streams with exactly_once_v2 on ${name}`, () => {
    const dir = temporaryDirectory('streams');
    const stateDir = temporaryDirectory('streams-state');

    afterAll(() => {
      for (const each of [dir, stateDir]) rmSync(each, { recursive: true, force: true, maxRetries: 3 });
    });

    test('processes each record exactly once while the broker is killed', {
      timeout: TIMEOUT_MS,
    }, async ({ skip }) => {
      skip(!isWanted, 'takes minutes: only with SORDINI_FULL=1, and Java');
      const args = 'found' in application ? application.found : [];
      const [lines, kills] = await play(args, await make(dir), stateDir);
      expect(kills).toBe(KILLS);
      const recordsOf = (word: string) => [...(lines.get(word) ?? [])].sort(byPartition);
      expect(recordsOf('lost')).toEqual([]);

      const input = recordsOf('in');
      const values = input.map(([, , , value]) => Number(value)).sort((left, right) => left - right);
      expect(values).toEqual(Array.from({ length: RECORDS }, (_, value) => value));

      const { output, sums } = expectedOutput(input);
      expect(recordsOf('out').map(([partition, , key, value]) => `${partition} ${key} ${value}`)).toEqual(
        output,
      );
      const store = recordsOf('store').map(([key, sum]) => [key, Number(sum)] as const);
      expect(new Map(store)).toEqual(sums);
    });
  });
}
