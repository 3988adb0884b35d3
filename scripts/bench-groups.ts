/**
 * `node scripts/bench-groups.ts [--rounds N] [--seconds S] [--only text] [--no-kafka] [--no-fsync]`: groups, commits
 * and transactions of our broker beside Apache Kafka 3.7.0, in one run, alternating, medians.
 *
 * What counts is the ratio within one run. CPU is that of the broker alone, from /proc; the clients speak the bare
 * protocol from this process. `sordini` answers from the page cache as Apache Kafka does; "sordini fsync" is our
 * default, which has no counterpart there. No initial rebalance delay on either side. The last line is JSON.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { GroupRow, Round } from './bench/groups-rows.ts';
import { groupRows, untilCoordinated } from './bench/groups-rows.ts';
import { compileGenerator } from './bench/load.ts';
import type { Server } from './bench/servers.ts';
import { startApacheKafka, startSordini } from './bench/servers.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    'no-kafka': { type: 'boolean', default: false },
    'no-fsync': { type: 'boolean', default: false },
  },
});

const OURS = 'sordini';
const rounds = Number(options.rounds);
const dir = mkdtempSync(join(tmpdir(), 'sordini-bench-groups-'));

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Medians over the rounds: how many a second, and CPU milliseconds for each. */
interface Result {
  readonly perSecond: number;
  readonly cpuMs: number;
}

const resultOf = (all: readonly Round[]): Result => ({
  perSecond: median(all.map(({ amount, seconds }) => amount / seconds)),
  cpuMs: median(all.map(({ amount, cpuSeconds }) => (cpuSeconds * 1000) / amount)),
});

const rounded = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function print(row: GroupRow, results: ReadonlyMap<string, Result>): void {
  console.log(`\n${row.name}`);
  const ours = results.get(OURS);
  for (const [name, { perSecond, cpuMs }] of results) {
    const rate =
      row.of === 'start'
        ? `${rounded(1000 / perSecond).padStart(8)} ms until stable`
        : `${rounded(perSecond).padStart(8)} a second`;
    const cpu = row.of === 'commit' ? `${rounded(cpuMs * 1000)} CPU us` : `${rounded(cpuMs)} CPU ms`;
    const ratio =
      ours === undefined || name === OURS
        ? ''
        : `   ours: ${rounded(ours.perSecond / perSecond)} x as fast, 1/${rounded(cpuMs / ours.cpuMs)} of the CPU`;
    console.log(`  ${name.padEnd(14)} ${rate}  ${cpu} per ${row.of}${ratio}`);
  }
}

let topicNumber = 0;

async function measure(servers: readonly Server[], row: GroupRow): Promise<Map<string, Result>> {
  const all = new Map<string, Round[]>(servers.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    // Alternating, and each first in turn.
    for (const server of round % 2 === 0 ? servers : [...servers].reverse()) {
      const topic = `groups-${String(topicNumber++).padStart(4, '0')}`;
      all.get(server.name)?.push(await row.measure(server, topic, round === 0));
    }
  }
  return new Map([...all].map(([name, list]) => [name, resultOf(list)]));
}

async function run(): Promise<void> {
  const servers: Server[] = [];
  try {
    servers.push(await startSordini(join(dir, 'sordini'), { 'sordini.durability': 'kafka' }));
    if (!options['no-fsync']) {
      const fsync = { 'sordini.durability': 'fsync' };
      servers.push(await startSordini(join(dir, 'sordini-fsync'), fsync, 'sordini fsync'));
    }
    const kafka = options['no-kafka'] ? null : await startApacheKafka(join(dir, 'kafka'));
    if (kafka !== null) servers.push(kafka);
    for (const { port } of servers) await untilCoordinated(port);
    const table: Record<string, unknown> = {};
    for (const row of groupRows({ seconds: Number(options.seconds), program: compileGenerator() })) {
      if (!row.name.includes(options.only)) continue;
      const results = await measure(servers, row);
      table[row.name] = Object.fromEntries(results);
      print(row, results);
    }
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
    console.log(`\n${JSON.stringify({ commit, node: process.version, rounds, table })}`);
  } finally {
    for (const server of servers) await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

await run();
