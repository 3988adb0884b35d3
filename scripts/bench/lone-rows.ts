/**
 * Rows for which each server is started anew and is alone on the machine: start and restart, memory, an idle
 * process, the first gigabytes through a cold one, many partitions.
 *
 * Always true: a round leaves neither a process nor a byte behind, whatever happens in it.
 */
import type { Figures, Round, Row } from './compare.ts';
import type { Life } from './life.ts';
import { live } from './life.ts';
import type { LoadResult } from './load.ts';
import { runLoad, withIdleConnections } from './load.ts';
import { openFileLimit } from './open-files.ts';
import { apiVersionsFrame, produceInTurnFrame } from './requests.ts';
import type { Contender, Server } from './servers.ts';
import { createTopic, untilAcknowledged } from './servers.ts';
import { canCountInstructions, cpuSeconds, pause, residentMiB } from './window.ts';

export interface LoneRowOptions {
  /** Where the servers keep their data. */
  readonly dir: string;
  readonly seconds: number;
  readonly program: string | null;
}

/** Before memory is read that nothing uses. */
const SETTLE_MS = 3000;
const BREATH_MS = 1000;
const IDLE_MS = 20_000;
const RESTART_BYTES = 1e9;
const RESTART_PARTITIONS = 100;
const COLD_BYTES = 2e9;
const IDLE_CONNECTIONS = 10_000;
/** Of the limit of open files: our broker keeps half of it for the files of partitions. */
const IDLE_SHARE = 0.4;
const MANY_PARTITIONS = 1000;
/** To a produce request of one partition. */
const MAX_ANSWER_BYTES = 100;
const FILL_SECONDS = 120;
const TOPIC = 'bench-lone';

/** Batches of 64 KiB with records of 1 KiB, to each partition in turn. */
function fill(
  program: string,
  server: Server,
  partitionCount: number,
  maxBytes: number,
  countsInstructions = false,
): Promise<LoadResult> {
  return runLoad(program, server.port, {
    frame: produceInTurnFrame(TOPIC, 62, 1024),
    connections: 4,
    depth: 5,
    seconds: FILL_SECONDS,
    warmupSeconds: 0,
    pid: server.pid,
    maxBytes,
    countsInstructions,
    advance: { step: 1, count: partitionCount },
  });
}

async function restart(life: Life, program: string): Promise<Figures> {
  const acknowledged = (port: number) => untilAcknowledged(port, TOPIC, RESTART_PARTITIONS);
  const empty = await life.start((port) => untilAcknowledged(port, 'bench-first', 1));
  await createTopic(empty, TOPIC, RESTART_PARTITIONS);
  await fill(program, empty, RESTART_PARTITIONS, RESTART_BYTES);
  await life.stop('SIGKILL');
  const killed = await life.start(acknowledged);
  await life.stop('SIGTERM');
  const stopped = await life.start(acknowledged);
  await life.stop('SIGTERM');
  return {
    'empty ms': empty.startMs,
    '1 GB, SIGTERM ms': stopped.startMs,
    '1 GB, kill -9 ms': killed.startMs,
  };
}

async function idle(life: Life): Promise<Figures> {
  const { pid } = await life.start();
  await pause(SETTLE_MS);
  const resident = residentMiB(pid);
  const before = cpuSeconds(pid);
  await pause(IDLE_MS);
  return { MiB: resident, 'CPU %': ((cpuSeconds(pid) - before) / (IDLE_MS / 1000)) * 100 };
}

async function manyConnections(life: Life, program: string): Promise<Figures> {
  const { pid, port } = await life.start();
  await pause(SETTLE_MS);
  const connections = Math.min(IDLE_CONNECTIONS, Math.floor(openFileLimit() * IDLE_SHARE));
  return withIdleConnections(program, port, connections, apiVersionsFrame(), async () => {
    await pause(SETTLE_MS);
    return { connections, MiB: residentMiB(pid) };
  });
}

async function cold(life: Life, program: string, round: Round): Promise<Figures> {
  const server = await life.start();
  await createTopic(server, TOPIC);
  await pause(BREATH_MS);
  const { bytesIn, bytesOut, seconds, ...used } = await fill(
    program,
    server,
    1,
    COLD_BYTES,
    round.countsInstructions,
  );
  const bytes = bytesIn + bytesOut;
  await pause(BREATH_MS);
  return {
    'MB/s': bytes / seconds / 1e6,
    'CPU s/GB': (used.cpuSeconds / bytes) * 1e9,
    MiB: residentMiB(server.pid),
    ...(used.instructions === null ? {} : { 'instructions/byte': used.instructions / bytes }),
  };
}

async function manyPartitions(life: Life, program: string, seconds: number): Promise<Figures> {
  const server = await life.start();
  await createTopic(server, 'bench-first');
  await pause(BREATH_MS);
  const startedAt = performance.now();
  await createTopic(server, TOPIC, MANY_PARTITIONS);
  const createMs = performance.now() - startedAt;
  const frame = produceInTurnFrame(TOPIC, 1, 100);
  const load = {
    ...{ frame, seconds, pid: server.pid, connections: 1, depth: 50, warmupSeconds: 1.5 },
    maxBytes: Number.MAX_SAFE_INTEGER,
    advance: { step: 1, count: MANY_PARTITIONS },
  };
  // A partition's files may come with its topic or with its first record: here both are over.
  const roundBytes = MANY_PARTITIONS * (frame.bytes.length + MAX_ANSWER_BYTES);
  const first = await runLoad(program, server.port, {
    ...load,
    seconds: FILL_SECONDS,
    warmupSeconds: 0,
    maxBytes: roundBytes,
  });
  const { requests, ...used } = await runLoad(program, server.port, load);
  // Another life for the count alone would take long; after this one's measure it spoils nothing.
  const counted = canCountInstructions()
    ? await runLoad(program, server.port, { ...load, warmupSeconds: 0.2, countsInstructions: true })
    : null;
  const instructions = counted?.instructions ?? null;
  return {
    'create ms': createMs,
    'create, a record in each, ms': createMs + first.seconds * 1000,
    'requests/s': requests / used.seconds,
    'CPU us': (used.cpuSeconds / requests) * 1e6,
    ...(counted === null || instructions === null
      ? {}
      : { 'instructions/request': instructions / counted.requests }),
  };
}

export function loneRows({ dir, seconds, program }: LoneRowOptions): readonly Row<Contender>[] {
  const missing = () => (program === null ? 'there is no gcc for the load generator' : null);
  const row = (
    name: string,
    run: (life: Life, program: string, round: Round) => Promise<Figures>,
    instructions?: string,
  ): Row<Contender> => ({
    name,
    missing,
    measure: (contender, round) => live(contender, dir, (life) => run(life, program ?? '', round)),
    ...(instructions === undefined ? {} : { instructions }),
  });
  return [
    row('start to the first acknowledged record', restart),
    { ...row('idle process', idle), missing: () => null, isSteady: true },
    { ...row('many idle connections', manyConnections), isSteady: true },
    row('first 2 GB through a cold process', cold, 'instructions/byte'),
    row('a topic of 1,000 partitions', (life, load) => manyPartitions(life, load, seconds)),
  ];
}
