/** Apache Kafka's file tools on every file of a directory that nobody serves. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ToolResult } from '../../../scripts/kafka.ts';
import { runTool } from '../../../scripts/kafka.ts';

/** A tool's words, without those of its JVM and loggers, and its complaints. */
export interface Inspection {
  readonly title: string;
  readonly exitCode: number | null;
  readonly lines: readonly string[];
  /** What it wrote to standard error, or found to be wrong. */
  readonly complaints: readonly string[];
}

const NOISE = /^(SLF4J|log4j|WARNING|OpenJDK)|Ignoring control record with type SNAPSHOT_(HEADER|FOOTER)/;
const COMPLAINT = /isvalid: false|invalid bytes|Exception|Found [1-9]\d* /;

function inspection(title: string, { exitCode, stdout, stderr }: ToolResult, allowed: RegExp): Inspection {
  const told = (said: string): string[] =>
    said.split('\n').filter((line) => line.trim() !== '' && !NOISE.test(line));
  const lines = told(stdout);
  const complaints = [...told(stderr), ...lines.filter((line) => COMPLAINT.test(line))];
  return { title, exitCode, lines, complaints: complaints.filter((line) => !allowed.test(line)) };
}

/**
 * What compaction leaves is no fault: gaps in the offsets, and the emptied last batch of a producer, which keeps its
 * timestamp in the index.
 */
const GAPS =
  /Non-consecutive offsets in|^ {2}\d+ is followed by \d+|Found timestamp mismatch in|Index timestamp: \d+, log timestamp: -1$/;
const NOTHING = /^\b$/;

async function dump(
  title: string,
  files: readonly string[],
  flags: readonly string[],
  allowed = NOTHING,
): Promise<Inspection> {
  const result = await runTool('kafka.tools.DumpLogSegments', ['--files', files.join(','), ...flags]);
  return inspection(title, result, allowed);
}

const isPartition = (name: string): boolean => /-\d+$/.test(name);

function filesOf(directory: string, partitions: readonly string[], end: RegExp): string[] {
  return partitions.flatMap((partition) =>
    readdirSync(join(directory, partition))
      .filter((name) => end.test(name))
      .sort()
      .map((name) => join(directory, partition, name)),
  );
}

/**
 * Without the indexes of active segments: a killed broker leaves them with room after their entries, which the tool takes
 * for entries.
 */
function withoutActiveIndexes(files: readonly string[]): string[] {
  const active = new Map<string, string>();
  for (const file of files) if (file.endsWith('.log')) active.set(dirname(file), file.replace(/log$/, ''));
  return files.filter((file) => !/index$/.test(file) || !file.startsWith(active.get(dirname(file)) ?? file));
}

/** Where the metadata log begins: above 0 once what lies before a snapshot was deleted. */
export function metadataStart(directory: string): number {
  const [first] = filesOf(directory, ['__cluster_metadata-0'], /\.log$/);
  return Number.parseInt(basename(first ?? ''), 10);
}

async function inspectSnapshot(directory: string): Promise<Inspection> {
  const [newest] = filesOf(directory, ['__cluster_metadata-0'], /\.checkpoint$/).slice(-1);
  const args = ['--snapshot', newest ?? '', 'ls', '/image/topics/byName'];
  let said = inspection(
    'metadata-shell',
    await runTool('org.apache.kafka.shell.MetadataShell', args),
    NOTHING,
  );
  // The shell does not wait for the snapshot to be loaded.
  for (let again = 0; again < 5 && said.lines.length === 0 && said.complaints.length === 0; again++)
    said = inspection(said.title, await runTool('org.apache.kafka.shell.MetadataShell', args), NOTHING);
  return said;
}

async function inspectStorage(root: string): Promise<Inspection> {
  const args = ['info', '-c', join(root, 'server.properties')];
  return inspection(
    'storage info',
    await runTool('kafka.tools.StorageTool', args),
    /^Found metadata|^Found log/,
  );
}

/** Every file that a tool can read, each by the tool and the flags that fit. */
export async function inspect(root: string, directory: string, wasKilled: boolean): Promise<Inspection[]> {
  const all = readdirSync(directory).filter(isPartition);
  const users = all.filter((name) => !name.startsWith('__'));
  const internal = (prefix: string): string[] => all.filter((name) => name.startsWith(prefix));
  const every = (partitions: readonly string[]): string[] => {
    const files = filesOf(directory, partitions, /\.(log|index|timeindex|txnindex|snapshot)$/);
    return wasKilled ? withoutActiveIndexes(files) : files;
  };
  const indexes = every(all).filter((file) => /\.(time)?index$/.test(file));
  const bootstrap = join(directory, 'bootstrap.checkpoint');
  const metadata = filesOf(directory, ['__cluster_metadata-0'], /\.(log|checkpoint)$/);
  if (!existsSync(bootstrap)) throw new Error('no bootstrap.checkpoint');
  const deep = ['--deep-iteration', '--print-data-log'];
  const isCompacted = (name: string): boolean => /^(latest|made)/.test(name);
  const plain = every(users.filter((name) => !isCompacted(name)));
  const compacted = every(users.filter(isCompacted));
  const offsets = every(internal('__consumer_offsets'));
  const transactions = every(internal('__transaction_state'));
  return inPairs([
    () => dump('plain', plain, [...deep, '--verify-index-only']),
    () => dump('compacted', compacted, [...deep, '--verify-index-only'], GAPS),
    () => dump('sanity', indexes, ['--index-sanity-check']),
    () => dump('offsets', offsets, ['--offsets-decoder', ...deep], GAPS),
    () => dump('transactions', transactions, ['--transaction-log-decoder', ...deep], GAPS),
    () => dump('metadata', [...metadata, bootstrap], ['--cluster-metadata-decoder', ...deep]),
    () => inspectSnapshot(directory),
    () => inspectStorage(root),
  ]);
}

/** Two at a time: each is a JVM. */
export async function inPairs<T>(tasks: readonly (() => Promise<T>)[]): Promise<T[]> {
  const done: T[] = new Array(tasks.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < tasks.length; at = next++) {
      const task = tasks[at];
      if (task !== undefined) done[at] = await task();
    }
  };
  await Promise.all([worker(), worker()]);
  return done;
}
