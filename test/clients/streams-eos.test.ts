/**
 * A Kafka Streams application with exactly_once_v2 while its broker is killed again and again: what comes out is
 * compared with what went in, record by record. `SORDINI_FULL=1` plays the same against Apache Kafka.
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, test } from 'vitest';
import { start } from '../../scripts/clients/runtime.ts';
import { findRunningSums } from '../../scripts/clients/streams/streams.ts';
import { freePort, kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';

const RECORDS = 9_000;
const RECORDS_PER_SECOND = 400;
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

interface Played {
  /** Lines by their first word, without it. */
  readonly lines: ReadonlyMap<string, readonly string[][]>;
  readonly kills: number;
  readonly exitCode: number | null;
  readonly stderr: string;
}

/** Runs the application to its end; the broker dies within a transaction each time another part is processed. */
async function play(args: readonly string[], broker: Victim, stateDir: string): Promise<Played> {
  await broker.start();
  const own = [broker.bootstrap, stateDir, String(RECORDS), String(RECORDS_PER_SECOND)];
  const child = start('java', [...args, ...own], { timeoutMs: TIMEOUT_MS });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (stderr.length < 100_000) stderr += chunk.toString();
  });
  if (child.stdout === null) throw new Error('the application has no output');
  const lines = new Map<string, string[][]>();
  let kills = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [word = '', ...rest] = line.split(' ');
    const known = lines.get(word);
    if (known === undefined) lines.set(word, [rest]);
    else known.push(rest);
    const isDue = word === 'processed' && Number(rest[0]) > ((kills + 1) * RECORDS) / (KILLS + 2);
    if (!isDue || kills === KILLS) continue;
    kills += 1;
    await broker.kill();
    await broker.start();
  }
  await ended;
  await broker.kill();
  return { lines, kills, exitCode: child.exitCode, stderr };
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
  describe.skipIf('missing' in application || !isWanted)(
    `Kafka Streams with exactly_once_v2 on ${name}`,
    () => {
      const dir = temporaryDirectory('streams');
      const stateDir = temporaryDirectory('streams-state');

      afterAll(() => {
        for (const each of [dir, stateDir]) rmSync(each, { recursive: true, force: true, maxRetries: 3 });
      });

      test('processes each record exactly once while the broker is killed', {
        timeout: TIMEOUT_MS,
      }, async () => {
        const args = 'found' in application ? application.found : [];
        const played = await play(args, await make(dir), stateDir);
        expect(played, played.stderr.slice(-5_000)).toMatchObject({ exitCode: 0, kills: KILLS });
        const recordsOf = (word: string) => [...(played.lines.get(word) ?? [])].sort(byPartition);
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
        console.log(
          `${name}: ${input.length} records, threads replaced: ${(played.lines.get('replaced') ?? []).join(' ')}`,
        );
      });
    },
  );
}
