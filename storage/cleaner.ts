/**
 * The log cleaner: keeps compacted logs (cleanup.policy=compact) from growing, one log at a time, the dirtiest first.
 *
 * Always true:
 * - Reading and writing happen in a `CompactionEngine`, away from the event loop; only renames happen here.
 * - A finished group replaces its segments only if the log is still the one it was made from: not deleted, cut or offline.
 * - Before a log's first swap the cleaner's checkpoint names it, which tells recovery that offsets may be missing, and the
 *   recovery point lies above what is compacted; the cleaner's offset moves on only after the new names were synced.
 * - A log that can't be compacted (damaged batches, a bug of ours) is left alone until the process ends, and the others
 *   go on. A disk that fails takes the log's directory offline. Tombstones go by a clock that does not jump.
 *
 * Agrees with Kafka's LogCleaner and LogCleanerManager.
 */

import type { CleanableSegment, CleaningPlan } from './cleaner-plan.ts';
import { groupSegments, planCleaning } from './cleaner-plan.ts';
import type { Cancel, Clock, Timer } from './clock.ts';
import type { CompactionEngine, CompactionStatistics, LastProducerRecord } from './compaction-types.ts';
import { CompactionAborted, noStatistics } from './compaction-types.ts';
import { removeCleaned } from './compaction-writer.ts';
import type { Disk } from './disk.ts';
import { DiskError } from './disk.ts';
import type { Log } from './log.ts';
import { isCompacted } from './log-config.ts';
import type { LogDirectory } from './log-directory.ts';
import type { LogManager } from './log-manager.ts';
import type { Segment } from './segment.ts';
import type { AbortedTransactionEntry } from './transaction-index.ts';

export interface CleanerSettings {
  /** log.cleaner.backoff.ms: the wait when nothing is dirty. */
  readonly backoffMs: number;
  /** log.cleaner.dedupe.buffer.size */
  readonly dedupeBufferBytes: number;
  /** log.cleaner.io.max.bytes.per.second */
  readonly ioMaxBytesPerSecond: number;
}

/** What happened to a log, for whoever keeps the journal. */
export type CleanerNote = { readonly topic: string; readonly partition: number } & (
  | {
      readonly kind: 'compacted';
      readonly fromOffset: number;
      /** Exclusive. */
      readonly toOffset: number;
      readonly statistics: CompactionStatistics;
      readonly mapFill: number;
      readonly elapsedMs: number;
    }
  /** To be tried again: the disk is full, or the log has changed meanwhile. */
  | { readonly kind: 'postponed'; readonly error: Error }
  /** Left alone until the process ends. */
  | { readonly kind: 'uncleanable'; readonly error: Error }
);

export interface CleanerOptions {
  readonly logs: LogManager;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Asked anew for every log. */
  readonly settings: () => CleanerSettings;
  readonly makeEngine: () => CompactionEngine;
  readonly onNote: (note: CleanerNote) => void;
}

/** A segment as planning wants to see it; what costs a look into files is asked for only where it counts. */
class Facts implements CleanableSegment {
  readonly segment: Segment;

  constructor(segment: Segment) {
    this.segment = segment;
  }

  get baseOffset(): number {
    return this.segment.baseOffset;
  }

  get sizeBytes(): number {
    return this.segment.sizeBytes;
  }

  get largestTimestampMs(): number {
    return this.segment.largestTimestampMs;
  }

  get firstTimestampMs(): number {
    return this.segment.firstTimestampMs;
  }

  get offsetIndexBytes(): number {
    return this.segment.offsetIndex.file.sizeBytes;
  }

  get timeIndexBytes(): number {
    return this.segment.timeIndex.file.sizeBytes;
  }
}

interface Candidate {
  readonly log: Log;
  readonly directory: LogDirectory;
  readonly plan: CleaningPlan<Facts>;
}

export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #uncleanable = new WeakSet<Log>();
  /** Not tried again in this round. */
  readonly #postponed = new Set<Log>();
  #engine: CompactionEngine | null = null;
  #round: Promise<void> = Promise.resolve();
  #cancel: Cancel = () => {};
  #isStopping = false;

  constructor(options: CleanerOptions) {
    this.#options = options;
  }

  /** Begins rounds of cleaning, one after each `backoffMs`. */
  start(timer: Timer): void {
    this.#cancel = timer.after(this.#options.settings().backoffMs, () => {
      this.#round = this.cleanAll().finally(() => {
        if (!this.#isStopping) this.start(timer);
      });
    });
  }

  /** Ends what is under way; the logs stay as they are. Call it before they are closed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancel();
    await this.#closeEngine();
    await this.#round;
  }

  /** One round: compacts logs until none is dirty enough, and applies retention to them. How many were compacted. */
  async cleanAll(): Promise<void> {
    this.#postponed.clear();
    while (await this.cleanDirtiest());
    this.#retain();
    await this.#closeEngine();
  }

  /** Compacts the dirtiest log that is due; false when there is none. */
  async cleanDirtiest(): Promise<boolean> {
    if (this.#isStopping) return false;
    const candidate = this.#dirtiest();
    if (candidate === null) return false;
    const { log } = candidate;
    const { topic, partition } = log;
    try {
      await this.#clean(candidate);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#postponed.add(log);
      // As Kafka's LogCleaner.cleanLog: what the cleaner can't read or write is no better in the hands of others.
      if (error instanceof DiskError && error.kind === 'io') this.#options.logs.diskFailed(log, error);
      const isWeather = error instanceof CompactionAborted || isPassing(error) || log.isOffline;
      if (!isWeather) this.#uncleanable.add(log);
      if (!this.#isStopping) {
        this.#options.onNote({ topic, partition, kind: isWeather ? 'postponed' : 'uncleanable', error });
      }
    }
    return true;
  }

  #dirtiest(): Candidate | null {
    const { logs } = this.#options;
    const nowMs = logs.retentionWallMs;
    let best: Candidate | null = null;
    for (const directory of logs.directories) {
      for (const log of directory.logs) {
        if (!isCompacted(log.config) || log.isOffline || this.#uncleanable.has(log)) continue;
        if (this.#postponed.has(log)) continue;
        const plan = planCleaning(factsOf(log, directory), nowMs);
        if (plan.isDue && (best === null || plan.dirtyRatio > best.plan.dirtyRatio)) {
          best = { log, directory, plan };
        }
      }
    }
    return best;
  }

  async #clean({ log, directory, plan }: Candidate): Promise<void> {
    const { clock, logs, settings } = this.#options;
    const startedMs = clock.monotonicMs();
    const { truncationCount } = log.files;
    // Afterwards every closed segment is on the disk, indexes included, and a start need not look at what is compacted.
    await log.flush();
    this.#assertSame(log, truncationCount);
    directory.checkpointRecoveryPoints();
    if (directory.cleanerOffset(log) === undefined) directory.setCleanerOffset(log, plan.firstDirtyOffset);
    this.#engine ??= this.#options.makeEngine();
    const nowMs = logs.retentionWallMs;
    const map = await this.#engine.begin(jobOf(log, plan, settings(), nowMs));
    const toClean = plan.segments.filter(({ baseOffset }) => baseOffset < map.endOffset);
    let statistics = noStatistics();
    for (const group of groupSegments(toClean, log.config, plan.firstUncleanableOffset)) {
      this.#assertSame(log, truncationCount);
      statistics = await this.#cleanGroup(log, group, truncationCount);
    }
    await log.sync();
    this.#assertSame(log, truncationCount);
    directory.setCleanerOffset(log, map.endOffset);
    // Without progress it would be the dirtiest again.
    if (map.endOffset <= plan.firstDirtyOffset) this.#postponed.add(log);
    this.#options.onNote({
      kind: 'compacted',
      topic: log.topic,
      partition: log.partition,
      fromOffset: plan.firstDirtyOffset,
      toOffset: map.endOffset,
      statistics,
      mapFill: map.keys / map.slots,
      elapsedMs: clock.monotonicMs() - startedMs,
    });
  }

  async #cleanGroup(
    log: Log,
    group: readonly Facts[],
    truncationCount: number,
  ): Promise<CompactionStatistics> {
    const { disk, clock } = this.#options;
    const { dir } = log;
    const segments = group.map(({ segment }) => segment);
    const baseOffset = segments[0]?.baseOffset ?? 0;
    if (this.#engine === null) throw new CompactionAborted();
    let isSwapped = false;
    try {
      const statistics = await this.#engine.cleanGroup(
        group.map(({ baseOffset, sizeBytes }) => ({ baseOffset, sizeBytes })),
      );
      this.#assertSame(log, truncationCount);
      // Retention may have taken some of them.
      if (!segments.every((segment) => log.files.segments.all.includes(segment)))
        throw new CompactionAborted();
      isSwapped = true;
      log.files.guarded(() => {
        log.files.replace(segments, clock.wallMs());
        for (const { baseOffset } of segments.slice(1)) log.producers.removeSnapshot(baseOffset);
      });
      return statistics;
    } finally {
      if (!isSwapped && log.dir === dir) removeCleaned(disk, dir, baseOffset);
    }
  }

  /** @throws {CompactionAborted} when the log was deleted, cut or taken offline since its compaction began. */
  #assertSame(log: Log, truncationCount: number): void {
    const isSame =
      !this.#isStopping &&
      this.#options.logs.get(log.topic, log.partition) === log &&
      !log.isOffline &&
      log.files.truncationCount === truncationCount;
    if (!isSame) throw new CompactionAborted();
  }

  /** Segments of compacted logs go too: below the log's start, and by retention where `delete` is in the policy. */
  #retain(): void {
    const { logs } = this.#options;
    if (this.#isStopping) return;
    for (const log of [...logs.all()]) {
      if (!isCompacted(log.config) || log.isOffline) continue;
      try {
        log.deleteOldSegments(logs.retentionWallMs);
      } catch (error) {
        // The log has gone offline by it.
        if (!(error instanceof DiskError)) throw error;
      }
    }
  }

  async #closeEngine(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    await engine?.close();
  }
}

/** A full disk, no descriptors, or a file that retention or deletion has taken away: all may be well another time. */
const isPassing = (error: Error): boolean => error instanceof DiskError && error.kind !== 'io';

function factsOf(log: Log, directory: LogDirectory) {
  return {
    segments: log.files.segments.all.map((segment) => new Facts(segment)),
    config: log.config,
    logStartOffset: log.logStartOffset,
    logEndOffset: log.logEndOffset,
    lastStableOffset: log.lastStableOffset,
    cleanedOffset: directory.cleanerOffset(log),
  };
}

function jobOf(log: Log, plan: CleaningPlan<Facts>, settings: CleanerSettings, nowMs: number) {
  const { firstDirtyOffset, firstUncleanableOffset } = plan;
  const { deleteRetentionMs, maxMessageBytes, indexIntervalBytes, segmentIndexBytes } = log.config;
  const { dedupeBufferBytes, ioMaxBytesPerSecond } = settings;
  const holder = plan.segments.findLast(({ baseOffset }) => baseOffset <= firstDirtyOffset);
  return {
    directory: log.dir,
    segments: plan.segments.map(({ baseOffset, sizeBytes }) => ({ baseOffset, sizeBytes })),
    firstDirtyOffset,
    firstDirtyPosition: holder?.segment.positionFor(firstDirtyOffset) ?? 0,
    firstUncleanableOffset,
    aborted: abortedBelow(log, firstUncleanableOffset),
    lastRecords: lastRecordsOf(log),
    nowMs,
    deleteRetentionMs,
    maxMessageBytes,
    indexIntervalBytes,
    segmentIndexBytes,
    dedupeBufferBytes,
    ioMaxBytesPerSecond,
  };
}

/** The aborted transactions with records below `offset`; their markers may lie above it. */
function abortedBelow(log: Log, offset: number): AbortedTransactionEntry[] {
  const found: AbortedTransactionEntry[] = [];
  for (const segment of log.files.segments.all) {
    for (const entry of segment.transactionIndex.entries) {
      if (entry.firstOffset < offset) found.push(entry);
      // As TransactionIndex.collectAbortedTxns: no later entry can reach back below.
      if (entry.lastStableOffset >= offset) return found;
    }
  }
  return found;
}

/** Of every producer that the log remembers (UnifiedLog.lastRecordsOfActiveProducers). */
function lastRecordsOf(log: Log): Map<number, LastProducerRecord> {
  const records = new Map<number, LastProducerRecord>();
  for (const { producerId, producerEpoch, batches } of log.producers.activeProducers()) {
    records.set(producerId, { lastDataOffset: batches.at(-1)?.lastOffset ?? -1, producerEpoch });
  }
  return records;
}
