/** Batches, logs and disks for the storage tests. */

import { buildBatch, nextOffset, sizeInBytes } from '../../../protocol/batch.ts';
import type { Disk, DiskError } from '../../../storage/disk.ts';
import { Log } from '../../../storage/log.ts';
import type { LogConfig } from '../../../storage/log-config.ts';
import { defaultLogConfig } from '../../../storage/log-config.ts';
import type { LogLeftBy } from '../../../storage/log-types.ts';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import { StagingPool } from '../../../storage/staging.ts';
import type { WriteMode } from '../../../storage/stall-guard.ts';
import { StallGuards } from '../../../storage/stall-guard.ts';

export const TOPIC_ID = 'q1w2e3r4t5y6u7i8o9p0Aw';
export const DIRECTORY = '/data/orders-0';
export const NOW_MS = 1_700_000_000_000;

/** Indexes small enough to fill, so that rolling by a full index is met too. */
export const smallConfig: LogConfig = {
  ...defaultLogConfig,
  segmentIndexBytes: 1024,
  segmentBytes: 16 * 1024,
};

export interface OpenedLog {
  readonly log: Log;
  readonly failures: DiskError[];
}

/** What is in the directory, or a new log where there is none. */
export function openLog(
  disk: Disk,
  config: LogConfig = smallConfig,
  leftBy: LogLeftBy = NEW_LOG,
  mode: WriteMode = 'loop',
): OpenedLog {
  const failures: DiskError[] = [];
  const log = new Log(
    { topic: 'orders', partition: 0, topicId: TOPIC_ID, directory: DIRECTORY },
    config,
    disk.status(DIRECTORY) === null ? null : leftBy,
    {
      disk,
      stagingPool: new StagingPool(),
      stallGuards: new StallGuards(() => 0, mode),
      openProducers: openProducerState({
        expirationMs: () => 86_400_000,
        isVerificationEnabled: () => false,
      }),
      random: () => 0,
      onFailure: (_log, error) => failures.push(error),
      beforeTruncation: () => {},
    },
    NOW_MS,
  );
  return { log, failures };
}

/** A client's batch of `values`, as it comes off the wire. */
export function batchOf(values: readonly string[], timestampMs = NOW_MS): Buffer {
  return buildBatch({ records: values.map((value) => ({ value: Buffer.from(value) })), timestampMs });
}

export const append = (log: Log, values: readonly string[], leaderEpoch = 0, timestampMs = NOW_MS) =>
  log.appendAsLeader(batchOf(values, timestampMs), { leaderEpoch, origin: 'client', nowMs: NOW_MS });

/** Everything in the log from `offset` on, as [offset of the batch, bytes]. */
export function readAll(log: Log, offset = log.logStartOffset): Buffer[] {
  const batches: Buffer[] = [];
  for (let next = offset; next < log.logEndOffset; ) {
    const read = log.read(next, { maxBytes: 1 << 20, minOneBatch: true });
    if (read.errorCode !== 0) throw new Error(`read failed with ${read.errorCode} at ${next}`);
    if (read.bytes === 0) break;
    for (const records of read.records) {
      for (let at = 0; at < records.length; at += sizeInBytes(records, at)) {
        batches.push(records.subarray(at, at + sizeInBytes(records, at)));
        next = nextOffset(records, at);
      }
    }
  }
  return batches;
}

/** A repeatable source of numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Every file below a directory, with its bytes. */
export function filesBelow(
  disk: Disk,
  directory: string,
  files = new Map<string, Buffer>(),
): Map<string, Buffer> {
  for (const { name, isDirectory } of disk.list(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) filesBelow(disk, path, files);
    else {
      const file = disk.open(path, false);
      const bytes = Buffer.alloc(file.sizeBytes());
      file.read(bytes, 0);
      file.close();
      files.set(path, bytes);
    }
  }
  return files;
}

/** A disk in memory with these files. */
export function diskOf(files: ReadonlyMap<string, Buffer>): MemoryDisk {
  const disk = new MemoryDisk();
  for (const [path, bytes] of files) {
    disk.makeDirectory(path.slice(0, path.lastIndexOf('/')));
    const file = disk.open(path, true);
    file.write([bytes], 0);
    file.close();
  }
  return disk;
}
