/**
 * Data directories with one thing wrong, and a broker started on each: it serves everything, or refuses with one sentence
 * and leaves every byte as it was.
 *
 * The broker runs in this process (the composition root itself), so that hundreds of starts fit into a test. A directory
 * is laid out from memory each time.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { ErrorCode } from '../../protocol/errors.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import type { RunningBroker } from '../../src/broker.ts';
import { startBroker } from '../../src/broker.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';
import type { Logger } from '../../src/logging.ts';
import { makeLogger } from '../../src/logging.ts';
import { inspectMetadata } from '../../src/machine/raft-inspection.ts';
import { StartupError } from '../../src/startup-error.ts';
import { openNodeDisk } from '../../storage/disk.ts';
import { createTopic, fetch, produce } from './data-client.ts';
import { until } from './until.ts';
import { WireClient } from './wire-client.ts';

const TOPIC = 'orders';
const PARTITIONS = 2;
const GROUP = 'readers';
const COMMITTED = 7n;
const RECORDS = 30;

/** Bytes by path below the data directory. */
export type Image = ReadonlyMap<string, Buffer>;

export type Damage =
  | { readonly kind: 'flip'; readonly path: string; readonly bit: number }
  | { readonly kind: 'cut'; readonly path: string; readonly bytes: number };

/** Enough for several snapshots while the directory is filled. */
export const WITH_SNAPSHOTS = { 'metadata.log.max.record.bytes.between.snapshots': '700' };

export const describeDamage = (damage: Damage): string =>
  damage.kind === 'flip'
    ? `${damage.path}, byte ${damage.bit >> 3}, bit ${damage.bit & 7} flipped`
    : `${damage.path} cut to ${damage.bytes} bytes`;

export function takeImage(dir: string): Image {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(relative(dir, path), readFileSync(path));
  }
  return files;
}

export function layImage(image: Image, dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  for (const [path, bytes] of image) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    // Index files have room for more: what is zeros anyway need not be written.
    writeFileSync(join(dir, path), bytes.subarray(0, bytes.length - trailingZeros(bytes)));
    truncateSync(join(dir, path), bytes.length);
  }
}

export function damaged(image: Image, damage: Damage): Image {
  const bytes = Buffer.from(image.get(damage.path) ?? Buffer.alloc(0));
  if (damage.kind === 'cut') return new Map(image).set(damage.path, bytes.subarray(0, damage.bytes));
  bytes.writeUInt8(bytes.readUInt8(damage.bit >> 3) ^ (1 << (damage.bit & 7)), damage.bit >> 3);
  return new Map(image).set(damage.path, bytes);
}

/** Where many files are laid out and thrown away: in memory, if there is such a place. */
export const scratchDirectory = (): string =>
  mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sordini-damaged-'));

/** Files of which the bits are all zero are index files with room for more; only what is used is worth a flip. */
export function damagesOf(image: Image, path: string, random: () => number, flips: number): Damage[] {
  const bytes = image.get(path) ?? Buffer.alloc(0);
  const used = bytes.length - trailingZeros(bytes);
  if (bytes.length === 0) return [];
  // A segment of data that is cut short has lost what it held.
  const isData = path.endsWith('.log') && !path.startsWith('__cluster_metadata');
  const lengths = isData ? [] : [0, 1, Math.floor(used / 2), Math.max(0, used - 1)];
  const found: Damage[] = lengths
    .filter((length, index, all) => length < bytes.length && all.indexOf(length) === index)
    .map((length) => ({ kind: 'cut', path, bytes: length }));
  const isAll = flips >= used * 8;
  for (let index = 0; index < Math.min(flips, used * 8); index++) {
    found.push({ kind: 'flip', path, bit: isAll ? index : Math.floor(random() * used * 8) });
  }
  return found;
}

function trailingZeros(bytes: Buffer): number {
  let count = 0;
  while (count < bytes.length && bytes[bytes.length - 1 - count] === 0) count++;
  return count;
}

const SETTINGS: Readonly<Record<string, string>> = {
  listeners: 'PLAINTEXT://127.0.0.1:0',
  'controlled.shutdown.enable': 'false',
  // A record that only tells that the controller is alive, cut off before it was committed, would be missed by nobody.
  'metadata.max.idle.interval.ms': '0',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  'log.segment.bytes': '1500',
  'log.index.size.max.bytes': '1024',
  'log.index.interval.bytes': '200',
};

export interface Started {
  readonly broker: RunningBroker;
  readonly port: number;
  /** What the node said at the level of warnings and above. */
  readonly complaints: readonly string[];
  readonly fatal: readonly unknown[];
}

/** @throws {StartupError | DiskError} when the broker refuses to start */
const silentLog = makeLogger({ level: 'silent', format: 'json' });

export async function startOn(dir: string, more: Readonly<Record<string, string>> = {}): Promise<Started> {
  const properties = new Map(Object.entries({ ...SETTINGS, 'log.dirs': dir, ...more }));
  const { config } = loadBrokerConfig({ properties, hostName: '127.0.0.1' });
  const complaints: string[] = [];
  const fatal: unknown[] = [];
  const hear = (fields: object, message?: string) => {
    complaints.push(`${message} ${JSON.stringify(fields)}`);
  };
  const silent = (): void => {};
  const logger = Object.create(silentLog, {
    ...{ info: { value: silent }, debug: { value: silent }, child: { value: () => logger } },
    ...{ warn: { value: hear }, error: { value: hear }, fatal: { value: hear } },
  }) as Logger;
  let onFatal: (error: unknown) => void = () => {};
  const died = new Promise<never>((_resolve, reject) => {
    onFatal = (error) => {
      fatal.push(error);
      reject(error);
    };
  });
  died.catch(() => {});
  const broker = await Promise.race([startBroker(config, { log: logger, onFatal }), died]);
  return { broker, port: broker.ready.endpoints[0]?.port ?? 0, complaints, fatal };
}

const textOf = (partition: number, index: number): string =>
  `${TOPIC} ${partition} ${index} `.padEnd(30 + index, '.');

export interface Images {
  readonly killed: Image;
  readonly stopped: Image;
}

/** What a broker leaves that has topics, records and a committed offset: killed while idle, and after a clean stop. */
export async function makeImages(dir: string, more: Readonly<Record<string, string>>): Promise<Images> {
  layImage(new Map(), dir);
  const { broker, port } = await startOn(dir, more);
  await fillDirectory(port);
  const end = inspectMetadata(openNodeDisk(), join(dir, '__cluster_metadata-0')).endOffset;
  // The node notes how far its metadata is committed a moment later.
  const noted = join(dir, '__cluster_metadata-0', 'replication-offset-checkpoint');
  await until(
    () => existsSync(noted) && Number(readFileSync(noted, 'latin1').trim().split(' ').at(-1)) >= end,
  );
  const killed = takeImage(dir);
  await broker.stop();
  return { killed, stopped: takeImage(dir) };
}

/** Topics, records, and a committed offset. */
async function fillDirectory(port: number): Promise<void> {
  const client = await WireClient.connect(port);
  const must = (code: number): void => {
    if (code !== ErrorCode.NONE) throw new Error(`error ${code} while the directory was filled`);
  };
  must(await createTopic(client, TOPIC, PARTITIONS, { 'retention.ms': '-1' }));
  for (let index = 0; index < RECORDS; index++) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      must((await produce(client, TOPIC, [textOf(partition, index)], partition)).errorCode);
    }
    if (index % 3 === 0) must(await createTopic(client, `other-${index}`));
  }
  await until(async () => (await commit(client)) === ErrorCode.NONE);
  client.close();
}

async function commit(client: WireClient): Promise<number> {
  const partitions = [{ partitionIndex: 0, committedOffset: COMMITTED, committedMetadata: null }];
  const topics = [{ name: TOPIC, partitions }];
  const answer = await client.send(OffsetCommit, 7, { groupId: GROUP, memberId: '', topics });
  return answer.topics[0]?.partitions[0]?.errorCode ?? -1;
}

/** What is missing or wrong, in words; null when everything is served. A damaged batch may be refused, and no more. */
export async function whatIsWrong(
  port: number,
  mayRefuse: (partition: number) => boolean,
): Promise<string | null> {
  const client = await WireClient.connect(port);
  try {
    const { topics } = await client.send(Metadata, 12, {
      topics: null,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    });
    const names = new Set(topics.map(({ name }) => name));
    for (let index = 0; index < RECORDS; index += 3) {
      if (!names.has(`other-${index}`)) return `the topic other-${index} is gone`;
    }
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const wrong = await wrongIn(client, partition, mayRefuse(partition));
      if (wrong !== null) return wrong;
      const { errorCode, baseOffset } = await produce(client, TOPIC, ['after'], partition);
      if (errorCode !== 0 || baseOffset !== RECORDS)
        return `a new record: code ${errorCode}, offset ${baseOffset}`;
    }
    const { topics: offsets } = await client.send(OffsetFetch, 5, {
      groupId: GROUP,
      topics: null,
      groups: [],
    });
    const offset = offsets?.[0]?.partitions[0]?.committedOffset;
    return offset === COMMITTED || mayRefuse(-1) ? null : `the committed offset is ${offset}`;
  } finally {
    client.close();
  }
}

async function wrongIn(client: WireClient, partition: number, mayRefuse: boolean): Promise<string | null> {
  let refused = 0;
  for (let offset = 0; offset < RECORDS; ) {
    const { errorCode, records } = await fetch(client, TOPIC, offset, partition, 2_000);
    if (errorCode === ErrorCode.CORRUPT_MESSAGE && mayRefuse && ++refused === 1) {
      offset++;
      continue;
    }
    if (errorCode !== 0 || records.length === 0)
      return `partition ${partition} at ${offset}: code ${errorCode}`;
    for (const record of records) {
      if (record.offset !== offset || record.value !== textOf(partition, offset))
        return `partition ${partition} at ${offset}: offset ${record.offset}, ${record.value}`;
      offset++;
    }
  }
  return null;
}

export type Verdict = 'served' | 'refused';

/**
 * Starts a broker on the image with the damage. @throws when it serves less than everything, dies, or refuses without
 * naming the file or after a change.
 */
export async function judge(image: Image, damage: Damage, dir: string): Promise<Verdict> {
  const before = damaged(image, damage);
  layImage(before, dir);
  let started: Started;
  try {
    started = await startOn(dir);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    if (!error.message.includes(join(dir, dirname(damage.path))))
      throw new Error(`does not name the file: ${error}`);
    const changed = firstDifference(before, takeImage(dir));
    if (changed !== null) throw new Error(`refused after it had changed ${changed}: ${error.message}`);
    return 'refused';
  }
  const isLog = damage.path.endsWith('.log');
  const isOf = (partition: number): boolean =>
    damage.path.startsWith(partition < 0 ? '__consumer_offsets-' : `${TOPIC}-${partition}/`);
  const wrong = await whatIsWrong(started.port, (partition) => isLog && isOf(partition));
  await started.broker.stop();
  if (wrong !== null) throw new Error(`${wrong}; it said: ${started.complaints.join('\n')}`);
  if (started.fatal.length > 0) throw new Error(`it could not go on: ${started.fatal.join()}`);
  return 'served';
}

/** The path of a file that is not the same in both, or null. */
export function firstDifference(before: Image, after: Image): string | null {
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const bytes = before.get(path);
    if (bytes === undefined || after.get(path)?.equals(bytes) !== true) return path;
  }
  return null;
}
