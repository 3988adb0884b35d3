/**
 * Compacting one log once: asking an engine for compacted segments, and putting them in place.
 *
 * Always true:
 * - A finished group replaces its segments only if the log is still the one it was made from: not deleted, cut or offline.
 * - Before a log's first swap the cleaner's checkpoint names it, which tells recovery that offsets may be missing, and the
 *   recovery point lies above what is compacted; the cleaner's offset moves on only after the new names were synced.
 *
 * Agrees with Kafka's Cleaner.doClean.
 */

import type { CleanableSegment, CleaningPlan } from './cleaner-plan.ts';
import { groupSegments } from './cleaner-plan.ts';
import type { Clock } from './clock.ts';
import type {
  CleanerShare,
  CompactionEngine,
  CompactionJob,
  CompactionStatistics,
  LastProducerRecord,
  MapSummary,
} from './compaction-types.ts';
import { CompactionAborted, noStatistics } from './compaction-types.ts';
import { removeCleaned } from './compaction-writer.ts';
import type { Disk } from './disk.ts';
import type { Log } from './log.ts';
import type { LogDirectory } from './log-directory.ts';
import type { LogManager } from './log-manager.ts';
import type { Segment } from './segment.ts';
import type { AbortedTransactionEntry } from './transaction-index.ts';

/** A segment as planning wants to see it; what costs a look into files is asked for only where it counts. */
export class SegmentFacts implements CleanableSegment {
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

/** A log that is due. */
export interface Candidate {
  readonly log: Log;
  readonly directory: LogDirectory;
  readonly plan: CleaningPlan<SegmentFacts>;
}

export interface PassParts {
  readonly logs: LogManager;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly engine: CompactionEngine;
  readonly share: CleanerShare;
  /** False from the moment on when whoever asked wants no more of it. */
  readonly isWanted: () => boolean;
}

/** What a pass has done to a log. */
export interface PassSummary {
  readonly map: MapSummary;
  readonly statistics: CompactionStatistics;
  readonly mapMs: number;
  readonly elapsedMs: number;
}

export class CleaningPass {
  readonly #candidate: Candidate;
  readonly #parts: PassParts;
  readonly #truncationCount: number;

  constructor(candidate: Candidate, parts: PassParts) {
    this.#candidate = candidate;
    this.#parts = parts;
    this.#truncationCount = candidate.log.files.truncationCount;
  }

  /** @throws {CompactionAborted} @throws {CorruptSegmentError} @throws {DiskError} */
  async run(): Promise<PassSummary> {
    const { log, directory, plan } = this.#candidate;
    const { clock, logs, engine, share } = this.#parts;
    const startedMs = clock.monotonicMs();
    // Afterwards every closed segment is on the disk, indexes included, and a start need not look at what is compacted.
    await log.flush();
    this.#assertSame();
    await directory.checkpointLater('recoveryPoints');
    if (directory.cleanerOffset(log) === undefined)
      await directory.setCleanerOffsetLater(log, plan.firstDirtyOffset);
    this.#assertSame();
    const map = await engine.begin(jobOf(log, plan, share, logs.retentionWallMs));
    const mapMs = clock.monotonicMs() - startedMs;
    const toClean = plan.segments.filter(({ baseOffset }) => baseOffset < map.endOffset);
    let statistics = noStatistics();
    for (const group of groupSegments(toClean, log.config, plan.firstUncleanableOffset)) {
      this.#assertSame();
      statistics = await this.#cleanGroup(group);
    }
    await log.sync();
    this.#assertSame();
    await directory.setCleanerOffsetLater(log, map.endOffset);
    return { map, statistics, mapMs, elapsedMs: clock.monotonicMs() - startedMs };
  }

  async #cleanGroup(group: readonly SegmentFacts[]): Promise<CompactionStatistics> {
    const { log } = this.#candidate;
    const { disk, clock, engine } = this.#parts;
    const { dir } = log;
    const segments = group.map(({ segment }) => segment);
    const baseOffset = segments[0]?.baseOffset ?? 0;
    let isSwapped = false;
    try {
      const statistics = await engine.cleanGroup(
        group.map(({ baseOffset, sizeBytes }) => ({ baseOffset, sizeBytes })),
      );
      this.#assertSame();
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
  #assertSame(): void {
    const { log } = this.#candidate;
    const isSame =
      this.#parts.isWanted() &&
      this.#parts.logs.get(log.topic, log.partition) === log &&
      !log.isOffline &&
      log.files.truncationCount === this.#truncationCount;
    if (!isSame) throw new CompactionAborted();
  }
}

function jobOf(
  log: Log,
  plan: CleaningPlan<SegmentFacts>,
  share: CleanerShare,
  nowMs: number,
): CompactionJob {
  const { firstDirtyOffset, firstUncleanableOffset } = plan;
  const { deleteRetentionMs, maxMessageBytes, indexIntervalBytes, segmentIndexBytes } = log.config;
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
    share,
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
