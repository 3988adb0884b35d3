/**
 * What a producer feels of a compaction beside it: the latencies of one that sends at a fixed rate while the cleaner has
 * nothing to do, then while it compacts a table. Afterwards every key must have its last value.
 *
 * Always true: both stretches are of one life of the server and follow each other, so that their ratio counts; the
 * producer sends whether it is answered or not; the server's directory is gone at the end.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { batchPositions, buildBatch, iterateRecords, nextOffset, refreshCrc } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts';
import { ListOffsets } from '../../protocol/messages/list-offsets.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import type { Figures, Row } from './compare.ts';
import { live } from './life.ts';
import type { Contender, Server } from './servers.ts';
import { createTopic } from './servers.ts';
import { cpuSeconds, pause, residentMiB } from './window.ts';

export interface CompactionRowOptions {
  readonly dir: string;
  /** Size of the table before it is compacted. */
  readonly gigabytes: number;
}

const TABLE = 'bench-table';
const STEADY = 'bench-steady';
const KEY_BYTES = 8;
const VALUE_BYTES = 1000;
const BATCH_RECORDS = 62;
/** Of so many records has one a key of its own; the others replace it. */
const RECORDS_PER_KEY = 2.5;
const IN_FLIGHT = 8;
const STEADY_EVERY_MS = 2;
const STEADY_RECORDS = 10;
const QUIET_MS = 20_000;
const POLL_MS = 100;
const DEADLINE_MS = 30 * 60_000;
const FETCH_BYTES = 16 * 1024 * 1024;
/** The filling leaves much for the system to write out; neither stretch shall meet it. */
const SETTLE_MS = 3000;
/** ConfigResource.Type */
const RESOURCE = { topic: 2, broker: 4 };

function check(errorCode: number | undefined, what: string): void {
  if (errorCode !== ErrorCode.NONE) throw new Error(`${what} gave error ${errorCode}`);
}

async function alter(
  client: WireClient,
  resourceType: number,
  resourceName: string,
  name: string,
  value: string,
) {
  const configs = [{ name, configOperation: 0, value }];
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = await client.send(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  check(responses[0]?.errorCode, `altering ${name}`);
}

/** A compacted topic that waits for a word before it is compacted. */
async function createTable(client: WireClient): Promise<void> {
  const configs = Object.entries({
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0.01',
    'min.compaction.lag.ms': String(24 * 3_600_000),
    'segment.bytes': '104857600',
  }).map(([name, value]) => ({ name, value }));
  const topic = { name: TABLE, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  const { topics } = await client.send(CreateTopics, 4, { topics: [topic], timeoutMs: 60_000 });
  check(topics[0]?.errorCode, 'creating the table');
}

const produceRequest = (name: string, records: Buffer) => ({
  transactionalId: null,
  acks: -1,
  timeoutMs: 30_000,
  topicData: [{ name, partitionData: [{ index: 0, records }] }],
});

/** The table as it must be: the number of the last record of each key, 0 for none. */
class Table {
  readonly last: Uint32Array;
  readonly recordCount: number;
  readonly #batch: Buffer;
  readonly #keysAt: number[] = [];

  constructor(gigabytes: number) {
    this.recordCount =
      Math.ceil((gigabytes * 1e9) / (KEY_BYTES + VALUE_BYTES) / BATCH_RECORDS) * BATCH_RECORDS;
    this.last = new Uint32Array(Math.ceil(this.recordCount / RECORDS_PER_KEY));
    const keys = Array.from({ length: BATCH_RECORDS }, (_, index) =>
      Buffer.from(`key${index}`.padEnd(KEY_BYTES, '.')),
    );
    const records = keys.map((key) => ({ key, value: Buffer.alloc(VALUE_BYTES, 'the quick brown fox ') }));
    this.#batch = buildBatch({ records, timestampMs: Date.now() });
    let from = 0;
    for (const key of keys) {
      from = this.#batch.indexOf(key, from);
      this.#keysAt.push(from);
    }
  }

  /** The batch with the records `from` and following; it is changed by the next call. */
  batch(from: number): Buffer {
    for (const [index, at] of this.#keysAt.entries()) {
      const number = from + index;
      // Knuth's multiplicative hash: every key comes again at another distance.
      const key = (Math.imul(number, 2_654_435_761) >>> 0) % this.last.length;
      this.last[key] = number;
      this.#batch.writeUInt32BE(0, at);
      this.#batch.writeUInt32BE(key, at + 4);
      // The length of such a value takes two bytes.
      this.#batch.writeUInt32BE(number, at + KEY_BYTES + 2);
    }
    refreshCrc(this.#batch);
    return this.#batch;
  }

  async fill(client: WireClient): Promise<void> {
    const answers: Promise<Buffer>[] = [];
    for (let from = 1; from <= this.recordCount; from += BATCH_RECORDS) {
      client.post(Produce, 9, produceRequest(TABLE, this.batch(from)));
      answers.push(client.nextFrame());
      if (answers.length >= IN_FLIGHT) await answers.shift();
    }
    await Promise.all(answers);
  }

  /** Reads the table as a consumer does, and says what is wrong with it. */
  async verify(client: WireClient): Promise<{ records: number }> {
    const seen = new Uint32Array(this.last.length);
    const end = await endOf(client);
    let records = 0;
    for (let offset = 0; offset < end; ) {
      const bytes = await fetchFrom(client, offset);
      const before = offset;
      for (const at of batchPositions(bytes)) {
        for (const { key, value } of iterateRecords(bytes, at)) {
          records++;
          if (key !== null && value !== null) seen[key.readUInt32BE(4)] = value.readUInt32BE(0);
        }
        offset = nextOffset(bytes, at);
      }
      if (offset === before) throw new Error(`nothing was read at offset ${offset} of ${end}`);
    }
    const wrong = seen.findIndex((number, key) => number !== this.last[key]);
    if (wrong >= 0) throw new Error(`key ${wrong} has value ${seen[wrong]} instead of ${this.last[wrong]}`);
    return { records };
  }
}

async function endOf(client: WireClient): Promise<number> {
  const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }];
  const topics = [{ name: TABLE, partitions }];
  const answer = await client.send(ListOffsets, 5, { replicaId: -1, isolationLevel: 0, topics });
  return answer.topics[0]?.partitions[0]?.offset ?? 0;
}

async function fetchFrom(client: WireClient, fetchOffset: number): Promise<Buffer> {
  const partition = {
    ...{ partition: 0, currentLeaderEpoch: -1, fetchOffset, lastFetchedEpoch: -1, logStartOffset: -1 },
    partitionMaxBytes: FETCH_BYTES,
  };
  const { responses } = await client.send(Fetch, 11, {
    ...{
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
    },
    topics: [{ topic: TABLE, topicId: ZERO_UUID, partitions: [partition] }],
    forgottenTopicsData: [],
    rackId: '',
  });
  return responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
}

/** Sends small batches at a fixed rate until `until` resolves; how long each took, in milliseconds, ascending. */
async function steadily(client: WireClient, until: Promise<unknown>): Promise<Float64Array> {
  const value = Buffer.alloc(100, 'x');
  const records = buildBatch({
    records: Array.from({ length: STEADY_RECORDS }, () => ({ value })),
    timestampMs: Date.now(),
  });
  const request = produceRequest(STEADY, records);
  const tookMs: number[] = [];
  const answers: Promise<unknown>[] = [];
  let isOver = false;
  const over = until.finally(() => {
    isOver = true;
  });
  const startedMs = performance.now();
  for (let number = 0; !isOver; number++) {
    const waitMs = startedMs + number * STEADY_EVERY_MS - performance.now();
    if (waitMs > 0) await pause(waitMs);
    const sentMs = performance.now();
    client.post(Produce, 9, request);
    answers.push(client.nextFrame().then(() => tookMs.push(performance.now() - sentMs)));
  }
  await Promise.all([over, ...answers]);
  return Float64Array.from(tookMs).sort();
}

const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** Waits until the cleaner's own checkpoint says that all but the last segment is compacted. */
async function whenCompacted(dataDir: string, until: number): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  const line = new RegExp(`^${TABLE} 0 (\\d+)$`, 'm');
  while (performance.now() < deadline) {
    try {
      const checkpoint = readFileSync(join(dataDir, 'cleaner-offset-checkpoint'), 'latin1');
      if (Number(line.exec(checkpoint)?.[1] ?? 0) >= until) return;
    } catch {
      // It is not there yet, or being replaced.
    }
    await pause(POLL_MS);
  }
  throw new Error('the compaction took too long');
}

/** Base offset of the segment that is written to. */
const activeOffset = (dataDir: string): number =>
  Math.max(
    ...readdirSync(join(dataDir, `${TABLE}-0`))
      .filter((name) => name.endsWith('.log'))
      .map((name) => Number.parseInt(name, 10)),
  );

async function measure(server: Server, dir: string, gigabytes: number): Promise<Figures> {
  const dataDir = join(dir, 'data');
  const [client, steady] = [await WireClient.connect(server.port), await WireClient.connect(server.port)];
  await alter(client, RESOURCE.broker, '', 'log.cleaner.backoff.ms', '100');
  await createTable(client);
  await createTopic(server, STEADY);
  const table = new Table(gigabytes);
  await table.fill(client);
  spawnSync('sync');
  await pause(SETTLE_MS);
  const beforeMiB = residentMiB(server.pid);
  const quiet = await steadily(steady, pause(QUIET_MS));
  const busyFrom = { cpu: cpuSeconds(server.pid), ms: performance.now() };
  let peakMiB = 0;
  const watch = setInterval(() => {
    peakMiB = Math.max(peakMiB, residentMiB(server.pid));
  }, POLL_MS);
  const compacted = alter(client, RESOURCE.topic, TABLE, 'min.compaction.lag.ms', '0').then(() =>
    whenCompacted(dataDir, activeOffset(dataDir)),
  );
  const busy = await steadily(steady, compacted);
  clearInterval(watch);
  const seconds = (performance.now() - busyFrom.ms) / 1000;
  const { records } = await table.verify(client);
  client.close();
  steady.close();
  const percentiles = (sorted: Float64Array, name: string) => ({
    [`${name} p50 ms`]: quantile(sorted, 0.5),
    [`${name} p99 ms`]: quantile(sorted, 0.99),
    [`${name} p99.9 ms`]: quantile(sorted, 0.999),
    [`${name} max ms`]: quantile(sorted, 1),
  });
  return {
    ...percentiles(quiet, 'quiet'),
    ...percentiles(busy, 'compacting'),
    'p50 ratio': quantile(busy, 0.5) / quantile(quiet, 0.5),
    'p99 ratio': quantile(busy, 0.99) / quantile(quiet, 0.99),
    'p99.9 ratio': quantile(busy, 0.999) / quantile(quiet, 0.999),
    seconds: seconds,
    'CPU s/GB': (cpuSeconds(server.pid) - busyFrom.cpu) / gigabytes,
    'MiB before': beforeMiB,
    'MiB at most': peakMiB,
    'records kept %': (records / table.recordCount) * 100,
  };
}

export function compactionRows({ dir, gigabytes }: CompactionRowOptions): readonly Row<Contender>[] {
  return [
    {
      name: `compaction of ${gigabytes} GB beside a producer`,
      withFsync: true,
      isSteady: true,
      measure: (contender) =>
        live(contender, dir, async (life, ownDir) => await measure(await life.start(), ownDir, gigabytes)),
    },
  ];
}
