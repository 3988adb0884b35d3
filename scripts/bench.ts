/**
 * `npm run bench [-- --quick] [--rounds N] [--seconds S] [--only text] [--no-kafka]`: our broker beside Apache Kafka
 * 3.7.0 and beside the least a C program can do, in one run, alternating, medians.
 *
 * What counts is the ratio within one run: machines swing by a factor of two between minutes. CPU is that of the
 * broker alone, from /proc. All brokers answer from the page cache here (`sordini.durability=kafka`), as Apache
 * Kafka does; the rows "fsync" show our default, which has no counterpart there. The last line is JSON.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { LoadResult } from './bench/load.ts';
import { compileGenerator, runLoad, runRelay } from './bench/load.ts';
import type { Frame } from './bench/requests.ts';
import { apiVersionsFrame, fetchFrame, metadataFrame, produceFrame } from './bench/requests.ts';
import type { Server } from './bench/servers.ts';
import {
  createTopic,
  deleteTopic,
  residentMiB,
  startApacheKafka,
  startFloor,
  startSordini,
} from './bench/servers.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string', default: '' },
    'no-kafka': { type: 'boolean', default: false },
  },
});

const rounds = Number(options.rounds ?? (options.quick ? 1 : 5));
const seconds = Number(options.seconds ?? (options.quick ? 1 : 2));
const MAX_BYTES = 4e9;
const FETCHED_TOPIC_BYTES = 256 * 1024 * 1024;

interface Scenario {
  readonly name: string;
  /** The request; the topic is empty, or filled when the scenario fetches. */
  readonly frame: (topic: string) => Frame;
  readonly connections: number;
  readonly depth: number;
  /** Bulk rows are told in MB/s and CPU s/GB, the others in requests per second and CPU us per request. */
  readonly unit: 'bytes' | 'requests';
  /** Batches that fill the topic first: records each, and bytes per record. */
  readonly fill?: { readonly count: number; readonly valueBytes: number };
  /** Arguments for the C program that does the same with files and nothing else. */
  readonly floor?: readonly string[];
}

const bulk = { connections: 4, depth: 5, unit: 'bytes', floor: ['--reply', '44'] } as const;
const small = { depth: 1, unit: 'requests', floor: ['--reply', '44'] } as const;
const read = { connections: 4, depth: 1, unit: 'bytes' } as const;
const kib64 = { count: 62, valueBytes: 1024 };
const mib1 = { count: 1000, valueBytes: 1024 };

const scenarios: readonly Scenario[] = [
  { ...bulk, name: 'produce 64 KiB batches of 1 KiB', frame: (topic) => produceFrame(topic, 62, 1024) },
  { ...bulk, name: 'produce 1 MiB batches of 1 KiB', frame: (topic) => produceFrame(topic, 1000, 1024) },
  { ...bulk, name: 'produce 1000 x 100 B', frame: (topic) => produceFrame(topic, 1000, 100) },
  {
    ...small,
    name: 'produce 1 record, 1 connection',
    frame: (topic) => produceFrame(topic, 1, 100),
    connections: 1,
  },
  {
    ...small,
    name: 'produce 1 record, 10 connections',
    frame: (topic) => produceFrame(topic, 1, 100),
    connections: 10,
  },
  {
    ...small,
    name: 'produce 1 record, 100 connections',
    frame: (topic) => produceFrame(topic, 1, 100),
    connections: 100,
  },
  {
    ...small,
    name: 'produce 1 record, 1 x 50 deep',
    frame: (topic) => produceFrame(topic, 1, 100),
    connections: 1,
    depth: 50,
  },
  {
    ...read,
    name: 'fetch 64 KiB',
    frame: (topic) => fetchFrame(topic, 65_536),
    fill: kib64,
    floor: ['--serve', '65536'],
  },
  {
    ...read,
    name: 'fetch 1 MiB',
    frame: (topic) => fetchFrame(topic, 1_048_576),
    fill: mib1,
    floor: ['--serve', '1048576'],
  },
  { ...small, name: 'ApiVersions, 1 connection', frame: apiVersionsFrame, connections: 1 },
  { ...small, name: 'ApiVersions, 1 x 50 deep', frame: apiVersionsFrame, connections: 1, depth: 50 },
  { ...small, name: 'Metadata, 1 connection', frame: metadataFrame, connections: 1 },
  { ...small, name: 'Metadata, 10 x 10 deep', frame: metadataFrame, connections: 10, depth: 10 },
];

const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

/** What one server did in one scenario, as medians over the rounds. */
interface Row {
  readonly rate: number;
  readonly cpu: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

function rowOf(scenario: Scenario, results: readonly LoadResult[]): Row {
  const isBulk = scenario.unit === 'bytes';
  const amount = (result: LoadResult) => (isBulk ? result.bytesIn + result.bytesOut : result.requests);
  return {
    rate: median(results.map((result) => amount(result) / result.seconds)) / (isBulk ? 1e6 : 1),
    cpu: median(results.map((result) => result.cpuSeconds / amount(result))) * (isBulk ? 1e9 : 1e6),
    p50Us: median(results.map(({ p50Us }) => p50Us)),
    p99Us: median(results.map(({ p99Us }) => p99Us)),
  };
}

const program = compileGenerator();
const dir = mkdtempSync(join(tmpdir(), 'sordini-bench-'));
let topicNumber = 0;

/** Batches needed to fill the topic that a scenario fetches from. */
const fillCount = ({ fill }: Scenario): number =>
  fill === undefined ? 0 : Math.floor(FETCHED_TOPIC_BYTES / (fill.count * fill.valueBytes));

async function fillTopic(server: Server, scenario: Scenario, topic: string): Promise<void> {
  const { fill } = scenario;
  if (fill === undefined) return;
  const frame = produceFrame(topic, fill.count, fill.valueBytes);
  // A little more than needed: answers count as bytes, too.
  const maxBytes = (fillCount(scenario) + 64) * frame.bytes.length;
  const still = { connections: 1, depth: 1, warmupSeconds: 0, pid: 0 };
  await runLoad(program, server.port, { ...still, frame, seconds: 60, maxBytes });
}

async function measure(server: Server, scenario: Scenario, warmupSeconds: number): Promise<LoadResult> {
  const isFloor = server.name === 'C floor';
  const topic = `bench-${String(topicNumber++).padStart(4, '0')}`;
  if (!isFloor) {
    await createTopic(server, topic);
    await fillTopic(server, scenario, topic);
  }
  const frame = scenario.frame(topic);
  const advance =
    scenario.fill === undefined ? {} : { advance: { step: scenario.fill.count, count: fillCount(scenario) } };
  try {
    return await runLoad(program, server.port, {
      frame: isFloor ? { ...frame, errorAt: -1 } : frame,
      connections: scenario.connections,
      depth: scenario.depth,
      seconds,
      warmupSeconds,
      pid: server.pid,
      maxBytes: MAX_BYTES,
      ...advance,
    });
  } finally {
    if (!isFloor) await deleteTopic(server, topic);
  }
}

async function measureFloor(scenario: Scenario, warmupSeconds: number): Promise<LoadResult | null> {
  if (scenario.floor === undefined) return null;
  const file = join(dir, 'floor');
  if (scenario.floor[0] === '--serve') execFileSync('truncate', ['-s', String(FETCHED_TOPIC_BYTES), file]);
  const floor = await startFloor(program, file, scenario.floor);
  if (floor === null) return null;
  try {
    return await measure(floor, scenario, warmupSeconds);
  } finally {
    await floor.stop();
    rmSync(file, { force: true });
  }
}

const table = new Map<string, Map<string, Row>>();

async function runScenario(servers: readonly Server[], scenario: Scenario): Promise<void> {
  const results = new Map<string, LoadResult[]>();
  const add = (name: string, result: LoadResult) => results.set(name, [...(results.get(name) ?? []), result]);
  for (let round = 0; round < rounds; round++) {
    // The first time, compilers of both kinds have much to learn.
    const warmupSeconds = options.quick ? 1 : round === 0 ? 4 : 1;
    // Alternating, and each first in turn.
    const order = round % 2 === 0 ? servers : [...servers].reverse();
    for (const server of order) add(server.name, await measure(server, scenario, warmupSeconds));
    const floor = await measureFloor(scenario, 0.5);
    if (floor !== null) add('C floor', floor);
  }
  const rows = new Map([...results].map(([name, list]) => [name, rowOf(scenario, list)]));
  table.set(scenario.name, rows);
  printScenario(scenario, rows);
}

const ours = 'sordini';
const rounded = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function printScenario(scenario: Scenario, rows: ReadonlyMap<string, Row>): void {
  const isBulk = scenario.unit === 'bytes';
  console.log(`\n${scenario.name}`);
  const base = rows.get(ours);
  for (const [name, row] of rows) {
    const ratio =
      base === undefined || name === ours
        ? ''
        : `   ours: ${rounded(base.rate / row.rate)} x rate, ${rounded(base.cpu / row.cpu)} x CPU`;
    console.log(
      `  ${name.padEnd(14)} ${rounded(row.rate).padStart(8)} ${isBulk ? 'MB/s ' : 'req/s'}` +
        ` ${rounded(row.cpu).padStart(8)} CPU ${isBulk ? 's/GB' : 'us  '}` +
        ` p50 ${rounded(row.p50Us)} us, p99 ${rounded(row.p99Us)} us${ratio}`,
    );
  }
}

async function relay(servers: readonly Server[]): Promise<Record<string, unknown>> {
  const results: Record<string, unknown> = {};
  if (program === null) return results;
  console.log('\nproduce → waiting fetch, 1 record of 1 KiB');
  for (const server of servers) {
    const topic = `bench-${String(topicNumber++).padStart(4, '0')}`;
    await createTopic(server, topic);
    const count = options.quick ? 500 : 3000;
    const times = await runRelay(
      program,
      server.port,
      produceFrame(topic, 1, 1024),
      fetchFrame(topic, 65_536),
      count,
    );
    await deleteTopic(server, topic);
    results[server.name] = times;
    console.log(
      `  ${server.name.padEnd(14)} p50 ${rounded(times.p50Us)} us, p99 ${rounded(times.p99Us)} us, p99.9 ${rounded(times.p999Us)} us`,
    );
  }
  return results;
}

async function run(): Promise<void> {
  const servers: Server[] = [];
  try {
    servers.push(await startSordini(join(dir, 'sordini'), { 'sordini.durability': 'kafka' }));
    servers.push(
      await startSordini(join(dir, 'sordini-fsync'), { 'sordini.durability': 'fsync' }, 'sordini fsync'),
    );
    const kafka = options['no-kafka'] ? null : await startApacheKafka(join(dir, 'kafka'));
    if (kafka !== null) servers.push(kafka);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    console.log(
      `${rounds} rounds of ${seconds} s, Node ${process.version}, ${cpus()[0]?.model} x ${cpus().length}`,
    );
    console.log('\nstart to first answer, and resident memory when idle');
    const starts: Record<string, unknown> = {};
    for (const { name, pid, startMs } of servers) {
      const idleMiB = residentMiB(pid);
      starts[name] = { startMs, idleMiB };
      console.log(
        `  ${name.padEnd(14)} ${rounded(startMs).padStart(8)} ms ${rounded(idleMiB).padStart(8)} MiB`,
      );
    }
    for (const scenario of scenarios) {
      if (!scenario.name.includes(options.only)) continue;
      const isProduce = scenario.name.startsWith('produce');
      const compared = servers.filter(({ name }) => isProduce || name !== 'sordini fsync');
      await runScenario(compared, scenario);
    }
    const relayed = await relay(servers);
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
    const rows = Object.fromEntries([...table].map(([name, row]) => [name, Object.fromEntries(row)]));
    console.log(
      `\n${JSON.stringify({ commit, node: process.version, rounds, seconds, starts, rows, relayed })}`,
    );
  } finally {
    for (const server of servers) await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

await run();
