/** Rows made of one request that is repeated: produce, fetch, and requests without records. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures, Round, Row } from './compare.ts';
import { FLOOR } from './compare.ts';
import type { LoadResult } from './load.ts';
import { runLoad, runRelay } from './load.ts';
import type { Frame } from './requests.ts';
import { apiVersionsFrame, fetchFrame, metadataFrame, produceFrame } from './requests.ts';
import type { Server } from './servers.ts';
import { createTopic, deleteTopic, startFloor } from './servers.ts';

export interface RequestRowOptions {
  /** For the file of the floor. */
  readonly dir: string;
  readonly seconds: number;
  readonly isQuick: boolean;
  readonly program: string | null;
}

const MAX_BYTES = 4e9;
const FETCHED_TOPIC_BYTES = 256 * 1024 * 1024;
const FLOOR_WARMUP_SECONDS = 0.5;
const FIRST_WARMUP_SECONDS = 2;
const WARMUP_SECONDS = 0.5;

interface Scenario {
  readonly name: string;
  /** The request; the topic is empty, or filled when the scenario fetches. */
  readonly frame: (topic: string) => Frame;
  readonly connections: number;
  readonly depth: number;
  /** Bulk rows are told in MB/s and CPU s/GB, the others in requests per second and CPU us per request. */
  readonly unit: 'bytes' | 'requests';
  readonly withFsync?: boolean;
  /** Batches that fill the topic first: records each, and bytes per record. */
  readonly fill?: { readonly count: number; readonly valueBytes: number };
  /** Arguments for the C program that does the same with files and nothing else. */
  readonly floor: readonly string[];
}

const answered = ['--reply', '44'];
const bulk = { connections: 4, depth: 5, unit: 'bytes', withFsync: true, floor: answered } as const;
const read = { connections: 4, depth: 1, unit: 'bytes' } as const;
const asked = { unit: 'requests', floor: answered } as const;

const one = (connections: number, depth: number, name = `${connections} x ${depth} deep`): Scenario => ({
  name: `produce 1 record, ${name}`,
  frame: (topic) => produceFrame(topic, 1, 100),
  connections,
  depth,
  unit: 'requests',
  withFsync: true,
  floor: answered,
});

const SCENARIOS: readonly Scenario[] = [
  { ...bulk, name: 'produce 64 KiB batches of 1 KiB', frame: (topic) => produceFrame(topic, 62, 1024) },
  { ...bulk, name: 'produce 1 MiB batches of 1 KiB', frame: (topic) => produceFrame(topic, 1000, 1024) },
  { ...bulk, name: 'produce 1000 x 100 B', frame: (topic) => produceFrame(topic, 1000, 100) },
  one(1, 1, '1 connection'),
  one(10, 1, '10 connections'),
  one(100, 1, '100 connections'),
  one(100, 5),
  one(1, 50),
  {
    ...read,
    name: 'fetch 64 KiB',
    frame: (topic) => fetchFrame(topic, 65_536),
    fill: { count: 62, valueBytes: 1024 },
    floor: ['--serve', '65536'],
  },
  {
    ...read,
    name: 'fetch 1 MiB',
    frame: (topic) => fetchFrame(topic, 1_048_576),
    fill: { count: 1000, valueBytes: 1024 },
    floor: ['--serve', '1048576'],
  },
  { ...asked, name: 'ApiVersions, 1 connection', frame: apiVersionsFrame, connections: 1, depth: 1 },
  { ...asked, name: 'ApiVersions, 1 x 50 deep', frame: apiVersionsFrame, connections: 1, depth: 50 },
  { ...asked, name: 'Metadata, 1 connection', frame: metadataFrame, connections: 1, depth: 1 },
  { ...asked, name: 'Metadata, 10 x 10 deep', frame: metadataFrame, connections: 10, depth: 10 },
];

let topicNumber = 0;
const nextTopic = () => `bench-${String(topicNumber++).padStart(4, '0')}`;

function figuresOf({ unit }: Scenario, result: LoadResult): Figures {
  const isBulk = unit === 'bytes';
  const amount = isBulk ? result.bytesIn + result.bytesOut : result.requests;
  const counted = result.instructions === null ? null : result.instructions / amount;
  return {
    [isBulk ? 'MB/s' : 'requests/s']: amount / result.seconds / (isBulk ? 1e6 : 1),
    [isBulk ? 'CPU s/GB' : 'CPU us']: (result.cpuSeconds / amount) * (isBulk ? 1e9 : 1e6),
    'p50 us': result.p50Us,
    'p99 us': result.p99Us,
    ...(counted === null ? {} : { [instructionsOf(unit)]: counted }),
  };
}

const instructionsOf = (unit: Scenario['unit']): string =>
  unit === 'bytes' ? 'instructions/byte' : 'instructions/request';

/** Batches needed to fill the topic that a scenario fetches from. */
const fillCount = ({ fill }: Scenario): number =>
  fill === undefined ? 0 : Math.floor(FETCHED_TOPIC_BYTES / (fill.count * fill.valueBytes));

async function fillTopic(
  program: string | null,
  server: Server,
  scenario: Scenario,
  topic: string,
): Promise<void> {
  const { fill } = scenario;
  if (fill === undefined) return;
  const frame = produceFrame(topic, fill.count, fill.valueBytes);
  // A little more than needed: answers count as bytes, too.
  const maxBytes = (fillCount(scenario) + 64) * frame.bytes.length;
  const still = { connections: 1, depth: 1, warmupSeconds: 0, pid: 0 };
  await runLoad(program, server.port, { ...still, frame, seconds: 60, maxBytes });
}

async function measure(
  { program, seconds, isQuick }: RequestRowOptions,
  server: Server,
  scenario: Scenario,
  { isFirst, countsInstructions }: Round,
): Promise<Figures> {
  const isFloor = server.name === FLOOR;
  const topic = nextTopic();
  if (!isFloor) {
    await createTopic(server, topic);
    await fillTopic(program, server, scenario, topic);
  }
  const frame = scenario.frame(topic);
  const { fill, connections, depth } = scenario;
  const warmUp = isFirst && !isQuick ? FIRST_WARMUP_SECONDS : WARMUP_SECONDS;
  try {
    const result = await runLoad(program, server.port, {
      frame: isFloor ? { ...frame, errorAt: -1 } : frame,
      connections,
      depth,
      seconds,
      warmupSeconds: isFloor ? FLOOR_WARMUP_SECONDS : warmUp,
      pid: server.pid,
      maxBytes: MAX_BYTES,
      countsInstructions,
      ...(fill === undefined ? {} : { advance: { step: fill.count, count: fillCount(scenario) } }),
    });
    return figuresOf(scenario, result);
  } finally {
    if (!isFloor) await deleteTopic(server, topic);
  }
}

async function measureFloor(options: RequestRowOptions, scenario: Scenario): Promise<Figures | null> {
  const file = join(options.dir, 'floor');
  if (scenario.fill !== undefined) execFileSync('truncate', ['-s', String(FETCHED_TOPIC_BYTES), file]);
  const floor = await startFloor(options.program, file, scenario.floor);
  if (floor === null) return null;
  try {
    return await measure(options, floor, scenario, { isFirst: false, countsInstructions: false });
  } finally {
    await floor.stop();
    rmSync(file, { force: true });
  }
}

/** One record of 1 KiB at a time, from its sending to its arrival at a fetch that waits. */
async function relay(program: string, server: Server, count: number): Promise<Figures> {
  const topic = nextTopic();
  await createTopic(server, topic);
  const produce = produceFrame(topic, 1, 1024);
  const times = await runRelay(program, server.port, produce, fetchFrame(topic, 65_536), count);
  await deleteTopic(server, topic);
  return { 'p50 us': times.p50Us, 'p99 us': times.p99Us, 'p99.9 us': times.p999Us };
}

export function requestRows(options: RequestRowOptions): readonly Row<Server>[] {
  const { program, isQuick } = options;
  const repeated = SCENARIOS.map(
    (scenario): Row<Server> => ({
      name: scenario.name,
      withFsync: scenario.withFsync ?? false,
      ...(program === null ? {} : { instructions: instructionsOf(scenario.unit) }),
      measure: (server, round) => measure(options, server, scenario, round),
      measureFloor: () => measureFloor(options, scenario),
    }),
  );
  return [
    ...repeated,
    {
      name: 'latency to a waiting fetch',
      missing: () => (program === null ? 'there is no gcc for the load generator' : null),
      withFsync: true,
      measure: (server) => relay(program ?? '', server, isQuick ? 500 : 1500),
    },
  ];
}
