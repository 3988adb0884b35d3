/**
 * The log cleaner of a node: compaction in the background, and what it has to say.
 */

import type { CleanerNote } from '../../storage/cleaner.ts';
import { Cleaner } from '../../storage/cleaner.ts';
import { ThreadedCompaction } from '../../storage/cleaner-thread.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import { SlicedCompaction } from '../../storage/compaction-slices.ts';
import type { Disk } from '../../storage/disk.ts';
import type { LogManager } from '../../storage/log-manager.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Logger } from '../logging.ts';

export interface CleanerParts {
  readonly settings: { readonly current: BrokerConfig };
  readonly logs: LogManager;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly log: Logger;
}

/** Starts the cleaner, unless log.cleaner.enable says no. Gives what ends it, to be awaited before the logs are closed. */
export function startCleaner(parts: CleanerParts): () => Promise<void> {
  const { settings, logs, disk, clock, timer } = parts;
  const { cleanerEnable } = settings.current.logs;
  if (!cleanerEnable) return async () => {};
  const log = parts.log.child({ part: 'cleaner' });
  // What lies in this process's memory can't be reached by a worker.
  const isInMemory = settings.current.durability === 'memory';
  const pause = () => new Promise<void>((resolve) => timer.after(0, resolve));
  const cleaner = new Cleaner({
    logs,
    disk,
    clock,
    settings: () => ({
      backoffMs: settings.current.logs.cleanerBackoffMs,
      dedupeBufferBytes: settings.current.logs.cleanerDedupeBufferBytes,
      ioMaxBytesPerSecond: settings.current.logs.cleanerIoMaxBytesPerSecond,
    }),
    makeEngine: () => (isInMemory ? new SlicedCompaction(disk, pause) : new ThreadedCompaction()),
    onNote: (note) => write(log, note),
  });
  cleaner.start(timer);
  return () => cleaner.stop();
}

function write(log: Logger, note: CleanerNote): void {
  const { topic, partition } = note;
  if (note.kind === 'uncleanable') {
    log.error({ topic, partition, err: note.error }, 'log can not be compacted and is left as it is');
  } else if (note.kind === 'postponed') {
    log.info({ topic, partition, reason: note.error.message }, 'compaction postponed');
  } else {
    const { fromOffset, toOffset, statistics } = note;
    const elapsedMs = Math.round(note.elapsedMs);
    const mapFill = Number(note.mapFill.toFixed(3));
    log.info({ topic, partition, fromOffset, toOffset, elapsedMs, mapFill, ...statistics }, 'log compacted');
  }
}
