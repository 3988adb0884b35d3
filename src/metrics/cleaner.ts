/**
 * Gauges of the log cleaner, with the names and units of Kafka's (kafka.log:type=LogCleaner and LogCleanerManager). Plain
 * numbers, worked out when they are read from what the cleaner knows of itself.
 */

export interface CleanerMetrics {
  /** cleaner-recopy-percent: of what the last compactions read, how much they wrote again. */
  readonly cleanerRecopyPercent: number;
  /** max-clean-time-secs: the longest of the threads' last compactions. */
  readonly maxCleanTimeSeconds: number;
  /** max-buffer-utilization-percent: the fullest dedupe buffer of the threads' last compactions. */
  readonly maxBufferUtilizationPercent: number;
  /** max-compaction-delay-secs: by how much the logs they compacted last had outlived max.compaction.lag.ms, at most. */
  readonly maxCompactionDelaySeconds: number;
  /** DeadThreadCount */
  readonly deadThreadCount: number;
  /** time-since-last-run-ms; since the start before the first run. */
  readonly timeSinceLastRunMs: number;
  /** uncleanable-partitions-count and uncleanable-bytes, by log directory. */
  readonly uncleanable: readonly UncleanableMetrics[];
}

export interface UncleanableMetrics {
  readonly directory: string;
  readonly partitions: number;
  readonly bytes: number;
}

/** What a thread of the cleaner did last. */
export interface ThreadFacts {
  readonly isDead: boolean;
  readonly last: {
    readonly bytesRead: number;
    readonly bytesWritten: number;
    readonly elapsedMs: number;
    /** 0 to 1. */
    readonly mapFill: number;
    readonly delayMs: number;
  } | null;
}

export function cleanerMetrics(
  threads: readonly ThreadFacts[],
  timeSinceLastRunMs: number,
  uncleanable: readonly UncleanableMetrics[],
): CleanerMetrics {
  let [bytesRead, bytesWritten, elapsedMs, mapFill, delayMs] = [0, 0, 0, 0, 0];
  for (const { last } of threads) {
    if (last === null) continue;
    bytesRead += last.bytesRead;
    bytesWritten += last.bytesWritten;
    elapsedMs = Math.max(elapsedMs, last.elapsedMs);
    mapFill = Math.max(mapFill, last.mapFill);
    delayMs = Math.max(delayMs, last.delayMs);
  }
  return {
    cleanerRecopyPercent: Math.trunc((100 * bytesWritten) / Math.max(bytesRead, 1)),
    maxCleanTimeSeconds: Math.trunc(elapsedMs / 1000),
    maxBufferUtilizationPercent: Math.trunc(mapFill * 100),
    maxCompactionDelaySeconds: Math.trunc(delayMs / 1000),
    deadThreadCount: threads.filter(({ isDead }) => isDead).length,
    timeSinceLastRunMs,
    uncleanable,
  };
}
