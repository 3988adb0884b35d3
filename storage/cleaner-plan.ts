/**
 * Which part of a log can be compacted, how dirty it is, and which segments become one. Pure: facts in, numbers out.
 *
 * Always true: the active segment, and everything from the segment of the last stable offset on, stays as it is; so do
 * segments younger than min.compaction.lag.ms. Agrees with Kafka's LogCleanerManager and Cleaner.groupSegmentsBySize.
 */

import type { LogConfig } from './log-config.ts';
import { MAX_RELATIVE_OFFSET } from './offset-index.ts';

export interface CleanableSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly largestTimestampMs: number;
  readonly offsetIndexBytes: number;
  readonly timeIndexBytes: number;
  /** Largest timestamp of the first batch, or -1. */
  readonly firstTimestampMs: number;
}

export interface CleanableLog<S extends CleanableSegment> {
  /** Oldest first; the last is the active one. */
  readonly segments: readonly S[];
  readonly config: LogConfig;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly lastStableOffset: number;
  /** How far an earlier compaction came, or undefined. */
  readonly cleanedOffset: number | undefined;
}

export interface CleaningPlan<S extends CleanableSegment> {
  readonly firstDirtyOffset: number;
  /** Exclusive; the base of a segment. */
  readonly firstUncleanableOffset: number;
  /** Every segment below `firstUncleanableOffset`. */
  readonly segments: readonly S[];
  readonly cleanBytes: number;
  readonly cleanableBytes: number;
  /** What is dirty of what can be compacted, 0 to 1. */
  readonly dirtyRatio: number;
  /** By how much the oldest dirty record outlived max.compaction.lag.ms; 0 when it did not. */
  readonly delayMs: number;
  /** Whether it is dirty enough, or has waited long enough. */
  readonly isDue: boolean;
}

export function planCleaning<S extends CleanableSegment>(
  log: CleanableLog<S>,
  nowMs: number,
): CleaningPlan<S> {
  const { segments, config, cleanedOffset } = log;
  const active = segments.at(-1);
  const firstDirtyOffset = startOfDirt(log, cleanedOffset ?? log.logStartOffset);
  const bound = Math.max(firstDirtyOffset, uncleanableBound(log, firstDirtyOffset, nowMs));
  // The segment that holds the bound is not compacted either: only whole segments are.
  const firstUncleanable = closedFrom(segments, bound)[0] ?? active;
  const firstUncleanableOffset = firstUncleanable?.baseOffset ?? firstDirtyOffset;
  const cleanable = segments.filter((segment) => segment.baseOffset < firstUncleanableOffset);
  const dirtyFrom = Math.min(firstDirtyOffset, firstUncleanableOffset);
  // As Kafka counts: the segment that the dirt begins in counts on either side.
  const cleanBytes = sizeOf(segments.filter((segment) => segment.baseOffset < firstDirtyOffset));
  const cleanableBytes = sizeOf(between(segments, dirtyFrom, firstUncleanableOffset));
  const totalBytes = cleanBytes + cleanableBytes;
  const dirtyRatio = totalBytes === 0 ? 0 : cleanableBytes / totalBytes;
  const delayMs = compactionDelayMs(closedFrom(segments, firstDirtyOffset), config, nowMs);
  return {
    firstDirtyOffset,
    firstUncleanableOffset,
    segments: cleanable,
    cleanBytes,
    cleanableBytes,
    dirtyRatio,
    delayMs,
    isDue: (delayMs > 0 && cleanableBytes > 0) || dirtyRatio > config.minCleanableDirtyRatio,
  };
}

/** A checkpoint that lies outside of the log is not believed (LogCleanerManager.cleanableOffsets). */
function startOfDirt(log: CleanableLog<CleanableSegment>, checkpointed: number): number {
  const isWithin = checkpointed >= log.logStartOffset && checkpointed <= log.logEndOffset;
  return isWithin ? checkpointed : log.logStartOffset;
}

function uncleanableBound(
  { segments, config, lastStableOffset }: CleanableLog<CleanableSegment>,
  firstDirtyOffset: number,
  nowMs: number,
): number {
  const activeOffset = segments.at(-1)?.baseOffset ?? 0;
  const bound = Math.min(lastStableOffset, activeOffset);
  if (config.minCompactionLagMs <= 0) return bound;
  const oldEnoughMs = nowMs - config.minCompactionLagMs;
  const young = closedFrom(segments, firstDirtyOffset).find(
    (segment) => segment.largestTimestampMs > oldEnoughMs,
  );
  return young === undefined ? bound : Math.min(bound, young.baseOffset);
}

function compactionDelayMs(dirty: readonly CleanableSegment[], config: LogConfig, nowMs: number): number {
  const cleanUntilMs = nowMs - Math.max(0, config.maxCompactionLagMs);
  // Mostly there is no such bound: then no segment need be asked for its first timestamp.
  if (cleanUntilMs <= 0) return 0;
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const { firstTimestampMs } of dirty) {
    if (firstTimestampMs > 0) earliestMs = Math.min(earliestMs, firstTimestampMs);
  }
  return earliestMs < cleanUntilMs ? cleanUntilMs - earliestMs : 0;
}

/** The closed segments from the one that holds `offset` on. */
function closedFrom<S extends CleanableSegment>(segments: readonly S[], offset: number): readonly S[] {
  return between(segments, offset, segments.at(-1)?.baseOffset ?? 0);
}

/** The segments below `end`, where a segment begins, from the one that holds `from` on. */
function between<S extends CleanableSegment>(
  segments: readonly S[],
  from: number,
  end: number,
): readonly S[] {
  return segments.filter(
    ({ baseOffset }, index) => baseOffset < end && (segments[index + 1]?.baseOffset ?? end) > from,
  );
}

const sizeOf = (segments: readonly CleanableSegment[]): number =>
  segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/**
 * Neighbours that together stay within the sizes of one segment and its indexes, and whose offsets fit one segment, become
 * one: else segments would shrink for ever.
 */
export function groupSegments<S extends CleanableSegment>(
  segments: readonly S[],
  config: LogConfig,
  firstUncleanableOffset: number,
): S[][] {
  const groups: S[][] = [];
  let group: S[] = [];
  let sum = { log: 0, offsets: 0, times: 0 };
  segments.forEach((segment, index) => {
    const lastOffset = (segments[index + 1]?.baseOffset ?? firstUncleanableOffset) - 1;
    const next = {
      log: sum.log + segment.sizeBytes,
      offsets: sum.offsets + segment.offsetIndexBytes,
      times: sum.times + segment.timeIndexBytes,
    };
    const first = group[0];
    const fits =
      first !== undefined &&
      next.log <= config.segmentBytes &&
      next.offsets <= config.segmentIndexBytes &&
      next.times <= config.segmentIndexBytes &&
      (segment.sizeBytes === 0 || lastOffset - first.baseOffset <= MAX_RELATIVE_OFFSET);
    if (fits) {
      group.push(segment);
      sum = next;
      return;
    }
    group = [segment];
    groups.push(group);
    sum = { log: segment.sizeBytes, offsets: segment.offsetIndexBytes, times: segment.timeIndexBytes };
  });
  return groups;
}
