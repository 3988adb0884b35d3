/**
 * Checking what was not flushed on several threads at once, while recovery opens one log after the other.
 *
 * A helper reads segments and checks the CRC of each batch; recovery then walks over the headers of what was found
 * intact, and scans the rest itself. It is only ever told of bytes that were checked, so that what it makes of a
 * directory does not depend on how far a helper has come, or on whether there is one. Always true: helpers only read;
 * no file that they are told of gets another name while they may be listened to, which is until `end`.
 */

import { BatchScanner, SCAN_CHUNK_BYTES } from './batch-scanner.ts';
import type { Disk } from './disk.ts';
import { DiskError } from './disk.ts';
import {
  CLEANED_SUFFIX,
  joinPath,
  LOG_SUFFIX,
  offsetOfFileName,
  SWAP_SUFFIX,
  segmentFileName,
} from './layout.ts';
import { ScanAheadTable } from './scan-ahead-table.ts';
import { ScanMemory } from './scan-memory.ts';

/** For a helper: the segments in the order in which recovery comes to them, and the table of them. */
export interface ScanAheadJob {
  readonly paths: readonly string[];
  readonly shared: SharedArrayBuffer;
}

export interface ScanHelpers {
  /** How many earn their start where so many bytes lie behind the first segment. */
  readonly countFor: (bytes: number) => number;
  /** Starts one, which does `scanAhead`. It may fail in any way. */
  readonly start: (job: ScanAheadJob) => void;
}

export interface UnflushedSegment {
  readonly path: string;
  readonly sizeBytes: number;
}

export class ScanAhead {
  /** For the scans of recovery. */
  readonly memory = new ScanMemory();
  readonly #table: ScanAheadTable;
  readonly #indexes: Map<string, number>;

  constructor(segments: readonly UnflushedSegment[], helpers: ScanHelpers | null) {
    this.#indexes = new Map(segments.map(({ path }, index) => [path, index]));
    this.#table = ScanAheadTable.of(segments.length);
    // Recovery is in the first one before a helper has begun.
    const bytes = segments.slice(1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const count = helpers?.countFor(bytes) ?? 0;
    const job = { paths: segments.map(({ path }) => path), shared: this.#table.shared };
    for (let started = 0; started < count; started++) helpers?.start(job);
  }

  /** Recovery begins with a segment: up to where its batches from the front were all found intact. */
  takeOver(path: string): number {
    const index = this.#indexes.get(path);
    return index === undefined ? 0 : this.#table.takeOver(index);
  }

  /** Recovery is over: names may change, and nothing that was found counts any more. */
  end(): void {
    this.memory.release();
    this.#indexes.clear();
    for (let index = 0; index < this.#table.segmentCount; index++) this.#table.takeOver(index);
  }
}

/** What a helper does, from start to end. Reads only; what can't be read is left to recovery. */
export function scanAhead(disk: Disk, { paths, shared }: ScanAheadJob): void {
  const table = new ScanAheadTable(shared);
  const memory = new ScanMemory();
  for (let index = table.claimLast(); index >= 0; index = table.claimLast()) {
    try {
      scanSegment(disk, paths[index] ?? '', memory, (checkedBytes) => table.publish(index, checkedBytes));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }
}

function scanSegment(
  disk: Disk,
  path: string,
  memory: ScanMemory,
  publish: (checkedBytes: number) => boolean,
): void {
  const file = disk.open(path, false);
  try {
    const scanner = new BatchScanner(file, 0, file.sizeBytes(), { chunkBytes: SCAN_CHUNK_BYTES, memory });
    while (scanner.next() && scanner.isIntact()) {
      if (!publish(scanner.position + scanner.sizeBytes)) return;
    }
  } finally {
    file.close();
  }
}

/**
 * The segments of a log that recovery is going to scan; none where a crash has interrupted renames, since those are
 * settled first. @throws {DiskError}
 */
export function unflushedSegments(disk: Disk, directory: string, recoveryPoint: number): UnflushedSegment[] {
  const offsets: number[] = [];
  for (const { name, isDirectory } of disk.list(directory)) {
    if (isDirectory) continue;
    if (name.endsWith(SWAP_SUFFIX) || name.endsWith(CLEANED_SUFFIX)) return [];
    const offset = offsetOfFileName(name, LOG_SUFFIX);
    if (offset >= 0) offsets.push(offset);
  }
  offsets.sort((a, b) => a - b);
  const first = Math.max(
    0,
    offsets.findLastIndex((offset) => offset <= recoveryPoint),
  );
  return offsets.slice(first).flatMap((offset) => {
    const path = joinPath(directory, segmentFileName(offset, LOG_SUFFIX));
    const status = disk.status(path);
    return status === null ? [] : [{ path, sizeBytes: status.sizeBytes }];
  });
}
