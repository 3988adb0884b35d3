/**
 * What each step of the data path costs by itself: the broker's own code, called over and over in this process, on what
 * the step before makes of a real request. The rows of servers tell what a request costs, this tells where.
 *
 * Always true: a figure is the median of several passes, in microseconds a request. What can't be called by itself is the
 * whole less its parts, and bears "the rest of" in its name.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildBatch, isCrcValid, setBaseOffset } from '../../protocol/batch.ts';
import { decodeRequest } from '../../protocol/codec.ts';
import { prepareCompression } from '../../protocol/compression/index.ts';
import type { CompressionType } from '../../protocol/compression/types.ts';
import { decodeRequestHeader, encodeResponseFrame } from '../../protocol/frame.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import type { Api, RequestOf } from '../../protocol/schema.ts';
import { Network } from '../../src/net/network.ts';
import type { Exchange, Reply } from '../../src/net/session.ts';
import { validateAppend } from '../../storage/append.ts';
import type { Disk } from '../../storage/disk.ts';
import { openNodeDisk } from '../../storage/disk.ts';
import { Log } from '../../storage/log.ts';
import { defaultLogConfig } from '../../storage/log-config.ts';
import { openProducerState } from '../../storage/producer-state.ts';
import { ReadBuffers, ReadLease } from '../../storage/read-buffers.ts';
import { STAGING_CHUNK_BYTES, StagingPool } from '../../storage/staging.ts';
import { StallGuards } from '../../storage/stall-guard.ts';
import { median } from './compare.ts';
import { runLoad } from './load.ts';
import type { Frame } from './requests.ts';
import { fetchFrame, produceFrame } from './requests.ts';

const PASSES = 5;
const PASS_MS = 100;
/** A pass of a step that writes ends earlier: the disk is not what is measured. */
const PASS_BYTES = 64 * 1024 * 1024;
const TOPIC = 'steps';
const NETWORK_SECONDS = 1;

/** Microseconds a request by step; null where this machine can't tell. */
export interface StepTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly steps: ReadonlyMap<string, readonly (number | null)[]>;
}

/** Calls `step` in passes; `reset` runs between them and is not counted. */
function measure(step: () => unknown, bytes = 0, reset = () => {}): number {
  const most = bytes === 0 ? Number.MAX_SAFE_INTEGER : Math.max(1, Math.floor(PASS_BYTES / bytes));
  const passes: number[] = [];
  // One pass more, for the compiler.
  for (let pass = 0; pass <= PASSES; pass++) {
    reset();
    const startMs = performance.now();
    let tookMs = 0;
    let calls = 0;
    // The clock is asked now and then only, since asking costs as much as the shortest steps.
    for (; tookMs < PASS_MS && calls < most; tookMs = performance.now() - startMs) {
      for (let i = 0; i < 16 && calls < most; i++, calls++) step();
    }
    if (pass > 0) passes.push((tookMs * 1000) / calls);
  }
  return median(passes);
}

/** A log of its own directory, answering from the page cache. */
function openLog(disk: Disk, directory: string): Log {
  return new Log(
    { topic: TOPIC, partition: 0, topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', directory },
    { ...defaultLogConfig, segmentBytes: 1 << 30 },
    null,
    {
      disk,
      stagingPool: new StagingPool(),
      stallGuards: new StallGuards(() => performance.now(), 'loop'),
      openProducers: openProducerState({
        expirationMs: () => 86_400_000,
        isVerificationEnabled: () => false,
      }),
      random: () => 0,
      onFailure: (_log, error) => {
        throw error;
      },
      beforeTruncation: () => {},
    },
    Date.now(),
  );
}

function append(log: Log, records: Buffer): void {
  // As a client sends it: the append before has put its own offset there.
  setBaseOffset(records, 0, 0);
  const { errorCode } = log.appendAsLeader(records, { origin: 'client', nowMs: Date.now(), leaderEpoch: 0 });
  if (errorCode !== 0) throw new Error(`an append was refused with ${errorCode}`);
}

function flush(log: Log): void {
  if (log.flushStaged() !== null) throw new Error('a log on a quick disk writes at once');
}

function validate(records: Buffer, nowMs: number): void {
  const { errorCode } = validateAppend(records, {
    topicPartition: `${TOPIC}-0`,
    config: defaultLogConfig,
    origin: 'client',
    nextOffset: 0,
    leaderEpoch: 0,
    nowMs,
  });
  if (errorCode !== 0) throw new Error(`a batch was refused with ${errorCode}`);
}

/** CPU of this process for a request that comes over a socket and gets what `answer` gives. */
async function measureNetwork(
  program: string | null,
  frame: Frame,
  load: { readonly connections: number; readonly depth: number },
  answer: (exchange: Exchange) => Reply,
): Promise<number | null> {
  if (program === null) return null;
  const network = new Network();
  const { port } = await network.listen({
    name: 'STEPS',
    host: '127.0.0.1',
    port: 0,
    maxRequestBytes: 100 * 1024 * 1024,
    open: () => ({
      receive: (_frame, exchange) => answer(exchange),
      overlaps: () => true,
      closed: () => {},
    }),
  });
  try {
    const { requests, cpuSeconds: used } = await runLoad(program, port, {
      ...{ frame: { ...frame, errorAt: -1 }, ...load, seconds: NETWORK_SECONDS, warmupSeconds: 0.5 },
      ...{ pid: process.pid, maxBytes: Number.MAX_SAFE_INTEGER },
    });
    return (used / requests) * 1e6;
  } finally {
    await network.close();
  }
}

interface ProduceKind {
  readonly name: string;
  readonly count: number;
  readonly valueBytes: number;
  readonly connections: number;
  readonly depth: number;
}

const PRODUCED: readonly ProduceKind[] = [
  { name: '1 x 100 B, alone', count: 1, valueBytes: 100, connections: 1, depth: 1 },
  { name: '1 x 100 B, 50 deep', count: 1, valueBytes: 100, connections: 1, depth: 50 },
  { name: '1,000 x 100 B', count: 1000, valueBytes: 100, connections: 4, depth: 5 },
  { name: '62 x 1 KiB', count: 62, valueBytes: 1024, connections: 4, depth: 5 },
  { name: '1,000 x 1 KiB', count: 1000, valueBytes: 1024, connections: 4, depth: 5 },
];

/** Header and body of a request, as the broker reads them. */
function decode<A extends Api>(api: A, { bytes }: Frame): RequestOf<A> {
  const body = bytes.subarray(4);
  const header = decodeRequestHeader(body);
  return decodeRequest(api, header.apiVersion, body, header.bodyOffset).value;
}

function recordsOf(frame: Frame): Buffer {
  const records = decode(Produce, frame).topicData[0]?.partitionData[0]?.records;
  if (!records) throw new Error('the request has records');
  return records;
}

async function produceSteps(dir: string, program: string | null, kind: ProduceKind) {
  const frame = produceFrame(TOPIC, kind.count, kind.valueBytes);
  const records = recordsOf(frame);
  const bytes = records.length;
  const nowMs = Date.now();
  const response = {
    responses: [
      {
        name: TOPIC,
        partitionResponses: [
          { index: 0, errorCode: 0, baseOffset: 0, logAppendTimeMs: -1, logStartOffset: 0, recordErrors: [] },
        ],
      },
    ],
    nodeEndpoints: [],
  };
  const encode = () => encodeResponseFrame(Produce, 7, 1, response);
  const disk = openNodeDisk();
  const file = disk.open(join(dir, 'steps.log'), true);
  let position = 0;
  const log = openLog(disk, join(dir, `${TOPIC}-0`));
  // So many lie staged when a turn of the event loop ends and writes them; large ones are written by themselves.
  const perTurn = bytes >= STAGING_CHUNK_BYTES ? 1 : kind.depth;
  const together = Array.from({ length: perTurn }, () => records);
  let staged = 0;
  try {
    const network = await measureNetwork(program, frame, kind, encode);
    const decoding = measure(() => decode(Produce, frame));
    const checksum = measure(() => isCrcValid(records));
    const validation = measure(() => validate(records, nowMs));
    const write = measure(
      () => {
        if (++staged % perTurn > 0) return;
        file.write(together, position);
        position += perTurn * bytes;
      },
      bytes,
      () => {
        file.truncate(0);
        position = 0;
      },
    );
    const appending = measure(() => {
      append(log, records);
      if (++staged % perTurn === 0) flush(log);
    }, bytes);
    const encoding = measure(encode);
    return {
      'sockets and event loop': network,
      'decoding the request': decoding,
      checksum,
      'the rest of the validation': Math.max(0, validation - checksum),
      'write to the page cache': write,
      'the rest of the append': Math.max(0, appending - validation - write),
      'encoding the answer': encoding,
    };
  } finally {
    file.close();
    await log.close();
    rmSync(dir, { recursive: true });
  }
}

const FETCHED = [
  { name: '64 KiB', count: 62, maxBytes: 65_536 },
  { name: '1 MiB', count: 1000, maxBytes: 1_048_576 },
] as const;

async function fetchSteps(dir: string, program: string | null, kind: (typeof FETCHED)[number]) {
  const frame = fetchFrame(TOPIC, kind.maxBytes);
  const records = recordsOf(produceFrame(TOPIC, kind.count, 1024));
  const disk = openNodeDisk();
  const log = openLog(disk, join(dir, `${TOPIC}-0`));
  const batches = Math.floor(PASS_BYTES / records.length);
  for (let i = 0; i < batches; i++) {
    append(log, records);
    flush(log);
  }
  const buffers = new ReadBuffers();
  let next = 0;
  /** Reads as the broker does: large reads are left to sendfile. */
  const read = (lease: ReadLease) => {
    const options = { maxBytes: kind.maxBytes, minOneBatch: true, memory: lease };
    const found = log.read((next++ % batches) * kind.count, options);
    if (found.errorCode !== 0 || found.bytes === 0) throw new Error('a read found nothing');
    return found;
  };
  const answer = (parts: readonly Buffer[]) =>
    encodeResponseFrame(Fetch, 11, 1, {
      throttleTimeMs: 0,
      errorCode: 0,
      sessionId: 0,
      responses: [
        {
          topic: TOPIC,
          topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 0,
              highWatermark: 0,
              lastStableOffset: 0,
              logStartOffset: 0,
              abortedTransactions: null,
              records: parts.length === 1 ? (parts[0] ?? null) : Buffer.concat(parts),
            },
          ],
        },
      ],
    });
  try {
    const finding = measure(() => {
      const taken = new ReadLease(buffers, true);
      read(taken);
      taken.release();
    });
    const lease = new ReadLease(buffers, false);
    const given = read(lease).records;
    const encoding = measure(() => answer(given));
    lease.release();
    const whole = await measureNetwork(program, frame, { connections: 4, depth: 1 }, (exchange) => {
      const taken = new ReadLease(buffers, exchange.takesLateChunks);
      const reply = answer(read(taken).records);
      if (taken.lateReads.length > 0) exchange.fillLate(taken.lateReads);
      exchange.afterWrite(() => taken.release());
      return reply;
    });
    const rest = whole === null ? null : Math.max(0, whole - finding - encoding);
    return {
      'sockets, event loop, sending': rest,
      'decoding the request': measure(() => decode(Fetch, frame)),
      'finding the batches, and reading them below 128 KiB': finding,
      'encoding the answer': encoding,
    };
  } finally {
    await log.close();
    rmSync(dir, { recursive: true });
  }
}

const CODECS: readonly CompressionType[] = ['none', 'lz4', 'snappy', 'zstd', 'gzip'];
const WORDS =
  'user order payment session cache gateway timeout retried accepted rejected replica latency'.split(' ');

/** 1,000 records of 1 KiB, words in an order that does not repeat. */
function wordyBatch(compression: CompressionType): Buffer {
  let state = 1;
  const nextWord = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return `${WORDS[(state >>> 16) % WORDS.length]} ${state % 16 === 0 ? state : ''}`;
  };
  const records = Array.from({ length: 1000 }, () => {
    let line = '';
    while (line.length < 1024) line += nextWord();
    return { key: null, value: Buffer.from(line.slice(0, 1024)), headers: [] };
  });
  return buildBatch({ records, timestampMs: Date.now(), compression });
}

function codecStep(codec: CompressionType) {
  const records = wordyBatch(codec);
  const nowMs = Date.now();
  const cost = measure(() => validate(records, nowMs));
  return { 'checking a batch of 1,000 x 1 KiB': cost };
}

function tableOf(
  title: string,
  columns: readonly string[],
  costs: readonly Readonly<Record<string, number | null>>[],
): StepTable {
  const names = Object.keys(costs[0] ?? {});
  return {
    title,
    columns,
    steps: new Map(names.map((name) => [name, costs.map((cost) => cost[name] ?? null)])),
  };
}

const ownDirectory = (dir: string): string => mkdtempSync(join(dir, 'steps-'));

/** Measures all steps, in files below `dir`; without the load generator those of the network are left out. */
export async function measureSteps(dir: string, program: string | null): Promise<readonly StepTable[]> {
  await prepareCompression();
  const produced = [];
  for (const kind of PRODUCED) produced.push(await produceSteps(ownDirectory(dir), program, kind));
  const fetched = [];
  for (const kind of FETCHED) fetched.push(await fetchSteps(ownDirectory(dir), program, kind));
  return [
    tableOf(
      'Produce',
      PRODUCED.map(({ name }) => name),
      produced,
    ),
    tableOf(
      'Fetch',
      FETCHED.map(({ name }) => name),
      fetched,
    ),
    tableOf('Codecs', CODECS, CODECS.map(codecStep)),
  ];
}

const inMicroseconds = (value: number | null): string =>
  value === null ? '' : value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0);

/** The tables in Markdown, with the sum of the steps. */
export function tellSteps(tables: readonly StepTable[]): string {
  return tables
    .map(({ title, columns, steps }) => {
      const rows = [...steps];
      const sums = columns.map((_, column) => rows.reduce((sum, [, costs]) => sum + (costs[column] ?? 0), 0));
      const all = rows.length > 1 ? [...rows, ['together', sums] as const] : rows;
      return [
        `| ${title}, us a request | ${columns.join(' | ')} |`,
        `| --- |${' --- |'.repeat(columns.length)}`,
        ...all.map(([name, costs]) => `| ${name} | ${costs.map(inMicroseconds).join(' | ')} |`),
        '',
      ].join('\n');
    })
    .join('\n');
}
