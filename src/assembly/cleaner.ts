/**
 * The log cleaner of a node: compaction in the background, what it has to say, and its gauges.
 */

import type { CleanerNote, CleanerSettings, ThreadState } from '../../storage/cleaner.ts';
import { Cleaner } from '../../storage/cleaner.ts';
import { ThreadedCompaction } from '../../storage/cleaner-thread.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import { SlicedCompaction } from '../../storage/compaction-slices.ts';
import type { Disk } from '../../storage/disk.ts';
import type { LogManager } from '../../storage/log-manager.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Logger } from '../logging.ts';
import type { CleanerMetrics, ThreadFacts } from '../metrics/cleaner.ts';
import { cleanerMetrics } from '../metrics/cleaner.ts';

export interface CleanerParts {
  readonly settings: { readonly current: BrokerConfig };
  readonly logs: LogManager;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly log: Logger;
}

export interface NodeCleaner {
  metrics(): CleanerMetrics;
  /** Begins to clean: when the logs have the configuration of their topics, and not before. */
  start(): void;
  /** To be called after settings have changed: threads are started anew if they go by other ones. */
  settingsChanged(): void;
  /** Ends it; to be awaited before the logs are closed. */
  stop(): Promise<void>;
}

/** The cleaner, which does nothing where log.cleaner.enable says no. */
export function nodeCleaner(parts: CleanerParts): NodeCleaner {
  const { settings, logs, disk, clock, timer } = parts;
  const startedMs = clock.monotonicMs();
  if (!settings.current.logs.cleanerEnable) {
    const metrics = () => cleanerMetrics([], clock.monotonicMs() - startedMs, []);
    return { metrics, start: () => {}, settingsChanged: () => {}, stop: async () => {} };
  }
  const log = parts.log.child({ part: 'cleaner' });
  // What lies in this process's memory can't be reached by a worker.
  const isInMemory = settings.current.durability === 'memory';
  const pause = (delayMs: number) => new Promise<void>((resolve) => timer.after(delayMs, resolve));
  const cleaner = new Cleaner({
    logs,
    disk,
    clock,
    settings: () => cleanerSettings(settings.current),
    makeEngine: () => (isInMemory ? new SlicedCompaction(disk, pause) : new ThreadedCompaction()),
    onNote: (note) => write(log, note),
    onThreadDeath: (thread, err) => log.error({ thread, err }, 'cleaner thread ended'),
  });
  let inForce = cleanerSettings(settings.current);
  return {
    metrics: () =>
      cleanerMetrics(
        cleaner.threads.map(factsOf),
        clock.monotonicMs() - (cleaner.lastRunMs ?? startedMs),
        cleaner.uncleanable(),
      ),
    start: () => cleaner.start(timer),
    settingsChanged() {
      const wanted = cleanerSettings(settings.current);
      if (isSame(inForce, wanted)) return;
      inForce = wanted;
      log.info(wanted, 'cleaner starts anew with other settings');
      void cleaner.reconfigure();
    },
    stop: () => cleaner.stop(),
  };
}

const cleanerSettings = ({ logs }: BrokerConfig): CleanerSettings => ({
  threads: logs.cleanerThreads,
  backoffMs: logs.cleanerBackoffMs,
  dedupeBufferBytes: logs.cleanerDedupeBufferBytes,
  maxLoad: logs.cleanerDedupeBufferLoadFactor,
  ioBufferBytes: logs.cleanerIoBufferBytes,
  ioMaxBytesPerSecond: logs.cleanerIoMaxBytesPerSecond,
});

const isSame = (a: CleanerSettings, b: CleanerSettings): boolean =>
  (Object.keys(a) as (keyof CleanerSettings)[]).every((key) => Object.is(a[key], b[key]));

const factsOf = ({ isDead, last }: ThreadState): ThreadFacts => {
  if (last === null) return { isDead, last };
  const { map, statistics, elapsedMs, delayMs } = last;
  // Kafka counts what was read for the keys and what was read to be copied.
  const bytesRead = map.bytesRead + statistics.bytesRead;
  const mapFill = map.keys / map.slots;
  return { isDead, last: { bytesRead, bytesWritten: statistics.bytesWritten, elapsedMs, mapFill, delayMs } };
};

function write(log: Logger, note: CleanerNote): void {
  const { topic, partition } = note;
  if (note.kind === 'uncleanable') {
    log.error({ topic, partition, err: note.error }, 'log can not be compacted and is left as it is');
  } else if (note.kind === 'postponed') {
    log.info({ topic, partition, reason: note.error.message }, 'compaction postponed');
  } else {
    const { thread, fromOffset, map, statistics, delayMs } = note;
    const { bytesRead, bytesWritten, recordsRead, recordsWritten, recordsWithoutKey, oversizedBatches } =
      statistics;
    const fields = {
      ...{ topic, partition, thread, fromOffset, toOffset: map.endOffset },
      ...{ bytesMapped: map.bytesRead, bytesRead, bytesWritten },
      ...{ recordsRead, recordsKept: recordsWritten, recordsDropped: recordsRead - recordsWritten },
      ...{ recordsWithoutKey, oversizedBatches, mapFill: Number((map.keys / map.slots).toFixed(3)) },
      ...{ mapMs: Math.round(note.mapMs), elapsedMs: Math.round(note.elapsedMs), delayMs },
    };
    log.info(fields, 'log compacted');
  }
}
