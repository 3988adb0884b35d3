/**
 * Every name in a log directory, and the small text files that are not checkpoints.
 *
 *   <log.dir>/
 *     meta.properties  .lock  .kafka_cleanshutdown
 *     recovery-point-offset-checkpoint  log-start-offset-checkpoint
 *     replication-offset-checkpoint     cleaner-offset-checkpoint
 *     <topic>-<partition>/
 *       partition.metadata  leader-epoch-checkpoint
 *       00000000000000000000.log  .index  .timeindex  .txnindex     one group per segment, named by its base offset
 *       00000000000000000000.snapshot                               producer state up to that offset
 *     <topic>-<partition>.<32 hex>-delete/                          waits for file.delete.delay.ms
 *     <topic>-<partition>.<32 hex>-future/  …-stray/
 *
 * Always true: names round-trip (`parseLogDirectoryName(logDirectoryName(t, p))` is `{t, p}`), and a name this file
 * does not know is never touched by anyone in storage/.
 */

import type { Disk } from './disk.ts';
import { readSmallFile, replaceSmallFile } from './small-file.ts';

export const LOG_SUFFIX = '.log';
export const OFFSET_INDEX_SUFFIX = '.index';
export const TIME_INDEX_SUFFIX = '.timeindex';
export const TRANSACTION_INDEX_SUFFIX = '.txnindex';
export const PRODUCER_SNAPSHOT_SUFFIX = '.snapshot';

/** Waits to be unlinked. */
export const DELETED_SUFFIX = '.deleted';
/** Output of a compaction that has not been completed: worthless after a crash. */
export const CLEANED_SUFFIX = '.cleaned';
/** Output of a completed compaction on its way to replace the originals: kept after a crash. */
export const SWAP_SUFFIX = '.swap';

export const DELETE_DIRECTORY_SUFFIX = '-delete';
export const FUTURE_DIRECTORY_SUFFIX = '-future';
export const STRAY_DIRECTORY_SUFFIX = '-stray';

export const META_PROPERTIES_FILE = 'meta.properties';
export const LOCK_FILE = '.lock';
export const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown';
export const PARTITION_METADATA_FILE = 'partition.metadata';
export const LEADER_EPOCH_FILE = 'leader-epoch-checkpoint';
export const RECOVERY_POINT_FILE = 'recovery-point-offset-checkpoint';
export const LOG_START_OFFSET_FILE = 'log-start-offset-checkpoint';
export const REPLICATION_OFFSET_FILE = 'replication-offset-checkpoint';
export const CLEANER_OFFSET_FILE = 'cleaner-offset-checkpoint';

/** Kafka caps the renamed directory at what common file systems take for one name. */
const MAX_NAME_LENGTH = 255;

const OFFSET_DIGITS = 20;

/** Twenty digits, so that names sort as their offsets do. */
export const offsetName = (offset: number): string => String(offset).padStart(OFFSET_DIGITS, '0');

export const segmentFileName = (baseOffset: number, suffix: string): string =>
  offsetName(baseOffset) + suffix;

/** The offset in a name such as `00000000000000000042.log`, or -1 when it has another form. */
export function offsetOfFileName(name: string, suffix: string): number {
  if (!name.endsWith(suffix) || name.length <= suffix.length) return -1;
  const digits = name.slice(0, name.length - suffix.length);
  if (!/^\d{1,20}$/.test(digits)) return -1;
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : -1;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export const logDirectoryName = (topic: string, partition: number): string => `${topic}-${partition}`;

/** `<topic>-<partition>.<id><suffix>` with the topic cut so that the whole name fits (LocalLog.logDirNameWithSuffixCappedLength). */
export function renamedDirectoryName(
  topic: string,
  partition: number,
  uniqueId: string,
  suffix: string,
): string {
  const tail = `-${partition}.${uniqueId}${suffix}`;
  return topic.slice(0, MAX_NAME_LENGTH - tail.length) + tail;
}

/** What a directory inside a log.dir is, by its name alone. */
export type DirectoryKind = 'log' | 'delete' | 'future' | 'stray' | 'other';

export function directoryKind(name: string): DirectoryKind {
  if (/\.[0-9a-zA-Z]+-delete$/.test(name)) return 'delete';
  if (/\.[0-9a-zA-Z]+-future$/.test(name)) return 'future';
  if (/\.[0-9a-zA-Z]+-stray$/.test(name)) return 'stray';
  return parseLogDirectoryName(name) === null ? 'other' : 'log';
}

/** Splits `<topic>-<partition>`; the topic itself may hold dashes. Null for any other name. */
export function parseLogDirectoryName(name: string): TopicPartition | null {
  const match = /^([a-zA-Z0-9._-]+)-(0|[1-9]\d{0,9})$/.exec(name);
  if (match === null) return null;
  const [, topic = '', digits = ''] = match;
  const partition = Number(digits);
  if (topic === '.' || topic === '..' || partition > 2_147_483_647) return null;
  return { topic, partition };
}

export const joinPath = (directory: string, name: string): string =>
  directory.endsWith('/') ? directory + name : `${directory}/${name}`;

const KEY_VALUE = /^\s*([^#!=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/;

/** Reads `key=value` lines; comments and lines of another form are passed over. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = KEY_VALUE.exec(line);
    if (match !== null) properties.set(match[1] ?? '', (match[2] ?? '').replace(/\\(.)/g, '$1'));
  }
  return properties;
}

/** `meta.properties` of one log.dir, version 1 (KRaft). */
export interface MetaProperties {
  readonly clusterId: string;
  readonly nodeId: number;
  /** 22-character id of this directory (KIP-858), or null in a directory formatted before 3.7. */
  readonly directoryId: string | null;
}

export type MetaPropertiesRead =
  | { readonly status: 'missing' }
  | { readonly status: 'present'; readonly properties: MetaProperties }
  | { readonly status: 'unusable'; readonly reason: string };

export function readMetaProperties(disk: Disk, logDir: string): MetaPropertiesRead {
  const contents = readSmallFile(disk, joinPath(logDir, META_PROPERTIES_FILE));
  if (contents === null) return { status: 'missing' };
  const entries = parseProperties(contents.toString('utf8'));
  const version = entries.get('version');
  if (version !== '1')
    return { status: 'unusable', reason: `version ${version ?? '(none)'} is not 1 (KRaft)` };
  const clusterId = entries.get('cluster.id');
  const nodeId = Number(entries.get('node.id') ?? 'none');
  if (clusterId === undefined) return { status: 'unusable', reason: 'cluster.id is missing' };
  if (!Number.isInteger(nodeId)) return { status: 'unusable', reason: 'node.id is missing or not a number' };
  return {
    status: 'present',
    properties: { clusterId, nodeId, directoryId: entries.get('directory.id') ?? null },
  };
}

export function writeMetaProperties(
  disk: Disk,
  logDir: string,
  properties: MetaProperties,
  writtenAt: string,
): void {
  const lines = ['#', `#${writtenAt}`, `cluster.id=${properties.clusterId}`];
  if (properties.directoryId !== null) lines.push(`directory.id=${properties.directoryId}`);
  lines.push(`node.id=${properties.nodeId}`, 'version=1', '');
  replaceSmallFile(disk, joinPath(logDir, META_PROPERTIES_FILE), Buffer.from(lines.join('\n')));
}

const TOPIC_ID = /^[A-Za-z0-9_-]{22}$/;

/** `partition.metadata`: two lines, `version: 0` and `topic_id: <22 characters>`. */
export type PartitionMetadataRead =
  | { readonly status: 'missing' | 'damaged' }
  | { readonly status: 'present'; readonly topicId: string };

export function readPartitionMetadata(disk: Disk, directory: string): PartitionMetadataRead {
  const contents = readSmallFile(disk, joinPath(directory, PARTITION_METADATA_FILE));
  if (contents === null) return { status: 'missing' };
  const entries = parseProperties(contents.toString('latin1'));
  const topicId = entries.get('topic_id') ?? '';
  if (entries.get('version') !== '0' || !TOPIC_ID.test(topicId)) return { status: 'damaged' };
  return { status: 'present', topicId };
}

/** With `durable` false the log's first sync makes it so. */
export function writePartitionMetadata(disk: Disk, directory: string, topicId: string): void {
  replaceSmallFile(disk, joinPath(directory, PARTITION_METADATA_FILE), partitionMetadata(topicId));
}

/**
 * The same in a new directory, not synced: the log's first sync covers its directory, its name and its id, before
 * anything is promised. What a kill leaves empty names no id, and the metadata of the cluster gives it back.
 */
export function createPartitionMetadata(disk: Disk, directory: string, topicId: string): void {
  const file = disk.open(joinPath(directory, PARTITION_METADATA_FILE), true);
  try {
    file.write([partitionMetadata(topicId)], 0);
  } finally {
    file.close();
  }
}

/** Always of the same length. */
const partitionMetadata = (topicId: string): Buffer => Buffer.from(`version: 0\ntopic_id: ${topicId}`);

/** `.kafka_cleanshutdown`: present only between a clean stop and the next start. */
export function readCleanShutdown(disk: Disk, logDir: string): { brokerEpoch: number } | null {
  const contents = readSmallFile(disk, joinPath(logDir, CLEAN_SHUTDOWN_FILE));
  if (contents === null) return null;
  // The file of a broker before KIP-966 is empty: the stop was clean, its epoch is unknown.
  const match = /"brokerEpoch"\s*:\s*(-?\d{1,16})/.exec(contents.toString('latin1'));
  return { brokerEpoch: match === null ? -1 : Number(match[1]) };
}

export function writeCleanShutdown(disk: Disk, logDir: string, brokerEpoch: number): void {
  const text = `{"version":0,"brokerEpoch":${brokerEpoch}}`;
  replaceSmallFile(disk, joinPath(logDir, CLEAN_SHUTDOWN_FILE), Buffer.from(text));
}

export function removeCleanShutdown(disk: Disk, logDir: string): void {
  disk.removeNow(joinPath(logDir, CLEAN_SHUTDOWN_FILE));
  disk.syncDirectoryNow(logDir);
}
