/**
 * The offset checkpoints of a log directory: small text files from partition to offset.
 *
 *   0                      version
 *   2                      number of entries
 *   orders 0 1500          topic partition offset
 *   orders 1 0
 *
 * Always true: the file is replaced whole (temporary file, fsync, rename, fsync of the directory), so a reader finds
 * the old or the new entries. A file that does not parse is reported as damaged and never half believed: what it
 * held can be rebuilt, at the price of a longer recovery.
 */

import type { Disk } from './disk.ts';
import { readSmallFile, replaceSmallFile } from './small-file.ts';

const VERSION = '0';

/** Offset by partition number by topic. */
export type OffsetCheckpoint = Map<string, Map<number, number>>;

export type OffsetCheckpointRead =
  | { readonly status: 'missing' | 'damaged' }
  | { readonly status: 'present'; readonly offsets: OffsetCheckpoint };

/** The lines after version and count, or null when the text is no checkpoint of `VERSION`. */
export function parseCheckpointLines(text: string): string[] | null {
  // Kafka creates its checkpoint files empty before the first write.
  if (text === '') return [];
  const lines = text.split(/\r?\n/);
  // Each line ends in a line break: without the last one a number may lack its last digits.
  if (lines.pop() !== '') return null;
  const [version, count = ''] = lines;
  if (version !== VERSION || !/^\d+$/.test(count)) return null;
  const entries = lines.slice(2);
  return entries.length === Number(count) ? entries : null;
}

export function formatCheckpoint(entries: readonly string[]): Buffer {
  return Buffer.from([VERSION, String(entries.length), ...entries, ''].join('\n'), 'latin1');
}

export function readOffsetCheckpoint(disk: Disk, path: string): OffsetCheckpointRead {
  const contents = readSmallFile(disk, path);
  if (contents === null) return { status: 'missing' };
  const lines = parseCheckpointLines(contents.toString('latin1'));
  if (lines === null) return { status: 'damaged' };
  const offsets: OffsetCheckpoint = new Map();
  for (const line of lines) {
    const match = /^(\S+) (\d{1,10}) (\d{1,16})$/.exec(line);
    if (match === null) return { status: 'damaged' };
    setOffset(offsets, match[1] ?? '', Number(match[2]), Number(match[3]));
  }
  return { status: 'present', offsets };
}

/** With `durable` false a power cut may leave the file as it was, or empty. */
export function writeOffsetCheckpoint(
  disk: Disk,
  path: string,
  offsets: OffsetCheckpoint,
  durable = true,
): void {
  replaceSmallFile(disk, path, formatOffsets(offsets), durable);
}

/**
 * As `writeOffsetCheckpoint` without durability and on the thread pool, for what is noted every second: ext4 writes out at
 * once what replaces another file, and whoever waits for that stands still. A power cut may leave a mixture, which does
 * not parse or is one of the two but for a digit; so the file must not be believed alone.
 */
export async function overwriteOffsetCheckpoint(
  disk: Disk,
  path: string,
  offsets: OffsetCheckpoint,
): Promise<void> {
  const contents = formatOffsets(offsets);
  const file = disk.open(path, true);
  try {
    await file.writeAsync([contents], 0);
    if (file.sizeBytes() > contents.length) file.truncate(contents.length);
  } finally {
    file.close();
  }
}

/** The text of a checkpoint file. */
export function formatOffsets(offsets: OffsetCheckpoint): Buffer {
  const lines: string[] = [];
  for (const [topic, partitions] of offsets) {
    for (const [partition, offset] of partitions) lines.push(`${topic} ${partition} ${offset}`);
  }
  return formatCheckpoint(lines);
}

export function setOffset(
  checkpoint: OffsetCheckpoint,
  topic: string,
  partition: number,
  offset: number,
): void {
  let partitions = checkpoint.get(topic);
  if (partitions === undefined) {
    partitions = new Map();
    checkpoint.set(topic, partitions);
  }
  partitions.set(partition, offset);
}

export function offsetIn(checkpoint: OffsetCheckpoint, topic: string, partition: number): number | undefined {
  return checkpoint.get(topic)?.get(partition);
}
