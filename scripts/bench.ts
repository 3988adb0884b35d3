/**
 * `npm run bench [-- --quick] [--rounds N] [--seconds S] [--only text] [--gigabytes G] [--no-kafka] [--no-fsync] [--markdown]`: our
 * broker beside Apache Kafka 3.7.0 and beside the least a C program can do, in one run, in turns, medians.
 *
 * What counts is the ratio within one run: machines swing by a factor of two between minutes. CPU is that of the
 * broker alone, as the operating system counts it. `sordini` answers from the page cache here
 * (`sordini.durability=kafka`), as Apache Kafka does; "sordini fsync" is our default, which has no counterpart there.
 * --gigabytes is the size of the table that the compaction row fills and compacts.
 * No initial rebalance delay on either side. Standard error tells what it is at. The last line is JSON; --markdown
 * prints tables for docs/performance.md before it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compactionRows } from './bench/compaction-rows.ts';
import type { Comparison, Row } from './bench/compare.ts';
import {
  APACHE,
  compareFigures,
  MARKDOWN_HEAD,
  measureRow,
  OURS_FSYNC,
  tell,
  tellMarkdown,
} from './bench/compare.ts';
import { groupRows } from './bench/groups-rows.ts';
import { kafkajsRows } from './bench/kafkajs-rows.ts';
import { librdkafkaRows } from './bench/librdkafka-rows.ts';
import { compileGenerator } from './bench/load.ts';
import { loneRows } from './bench/lone-rows.ts';
import { raiseOpenFileLimit } from './bench/open-files.ts';
import { requestRows } from './bench/request-rows.ts';
import type { Contender, Server } from './bench/servers.ts';
import { findContenders } from './bench/servers.ts';
import type { StepTable } from './bench/steps.ts';
import { measureSteps, tellSteps } from './bench/steps.ts';
import { canCountInstructions, pause } from './bench/window.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string', default: '' },
    gigabytes: { type: 'string', default: '0.5' },
    'no-kafka': { type: 'boolean', default: false },
    'no-fsync': { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
  },
});

const SETTLE_MS = 3000;
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5));
const seconds = Number(options.seconds ?? (options.quick ? 1 : 2));
const results: Record<string, readonly Comparison[] | { readonly missing: string }> = {};
const startedAt = performance.now();

const STEPS = 'what each step costs';

const isChosen = ({ name }: { readonly name: string }) => name.includes(options.only);

async function runRows<Target extends { readonly name: string }>(
  rows: readonly Row<Target>[],
  targets: readonly Target[],
): Promise<void> {
  for (const row of rows) {
    const lacking = (await row.missing?.()) ?? null;
    if (lacking !== null) {
      results[row.name] = { missing: lacking };
      console.log(`\n${row.name}: left out, ${lacking}`);
      continue;
    }
    const soFar = ((performance.now() - startedAt) / 1000).toFixed(0);
    console.error(`${soFar} s: measuring ${row.name}`);
    try {
      const comparisons = compareFigures(row.name, await measureRow(row, targets, rounds));
      results[row.name] = comparisons;
      console.log(`\n${tell(row.name, comparisons)}`);
    } catch (cause) {
      // One row that fails must not cost the others; the run as a whole has failed all the same.
      const missing = `it failed: ${cause instanceof Error ? cause.message : String(cause)}`;
      results[row.name] = { missing };
      process.exitCode = 1;
      console.log(`\n${row.name}: left out, ${missing}`);
    }
  }
}

/** Rows that servers share: they are started once and run beside each other. */
async function runShared(
  rows: readonly Row<Server>[],
  contenders: readonly Contender[],
  dir: string,
): Promise<void> {
  if (rows.length === 0) return;
  const servers: Server[] = [];
  try {
    for (const contender of contenders) {
      const installation = await contender.install(join(dir, contender.name.replaceAll(' ', '-')));
      servers.push(await installation.start());
    }
    await pause(SETTLE_MS);
    await runRows(rows, servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function runSteps(dir: string, program: string | null): Promise<readonly StepTable[]> {
  const tables = await measureSteps(dir, program);
  console.log(`\n${STEPS}\n\n${tellSteps(tables)}`);
  return tables;
}

const stepsAsJson = (tables: readonly StepTable[]) =>
  tables.map(({ title, columns, steps }) => ({ title, columns, steps: Object.fromEntries(steps) }));

/** The tables of docs/performance.md. */
function markdown(sections: Readonly<Record<string, readonly { readonly name: string }[]>>): string {
  return Object.entries(sections)
    .map(([title, rows]) => {
      const lines = rows.flatMap(({ name }) => {
        const row = results[name];
        return row === undefined || 'missing' in row ? [] : tellMarkdown(name, row);
      });
      return [`## ${title}`, '', ...MARKDOWN_HEAD, ...lines, ''].join('\n');
    })
    .join('\n');
}

async function run(dir: string): Promise<void> {
  raiseOpenFileLimit();
  const program = compileGenerator();
  const found = await findContenders(!options['no-kafka']);
  const contenders = found.filter(({ name }) => name !== OURS_FSYNC || !options['no-fsync']);
  const processor = `${cpus()[0]?.model} x ${cpus().length}`;
  console.log(`${rounds} rounds of ${seconds} s, Node ${process.version}, ${processor}`);
  if (!options['no-kafka'] && !contenders.some(({ name }) => name === APACHE))
    console.log('Apache Kafka is left out: Java, Maven or the network is missing');
  if (program === null) console.log('the floor is left out: there is no gcc; the load is this process');
  if (!canCountInstructions()) console.log('instructions are left out: perf can not count them here');
  const common = { dir, seconds, program, isQuick: options.quick };
  const gigabytes = Number(options.gigabytes);
  const lone = [...loneRows(common), ...compactionRows({ dir, gigabytes })].filter(isChosen);
  const requests = requestRows(common).filter(isChosen);
  const clients = [...kafkajsRows(options.quick), ...librdkafkaRows(seconds)].filter(isChosen);
  const groups = groupRows(common).filter(isChosen);
  const hasSteps = isChosen({ name: STEPS });
  if (!hasSteps && lone.length + requests.length + clients.length + groups.length === 0)
    throw new Error(`no row's name contains "${options.only}"`);
  await runRows(lone, contenders);
  await runShared([...requests, ...clients, ...groups], contenders, dir);
  const steps = hasSteps ? await runSteps(dir, program) : [];
  if (options.markdown) {
    const sections = {
      'Start, memory, many partitions': lone,
      'One request, repeated': requests,
      'With kafkajs and librdkafka': clients,
      'Groups and transactions': groups,
    };
    console.log(`\n${markdown(sections)}`);
  }
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
  const tookSeconds = Math.round((performance.now() - startedAt) / 1000);
  const about = { commit, node: process.version, processor, rounds, seconds, tookSeconds };
  console.log(`\n${JSON.stringify({ ...about, rows: results, steps: stepsAsJson(steps) })}`);
}

const dir = mkdtempSync(join(tmpdir(), 'sordini-bench-'));
const removeDir = () => rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // Behind the listeners that end the servers.
    process.once('exit', removeDir);
    process.exit(130);
  });
}
try {
  await run(dir);
} finally {
  removeDir();
}
