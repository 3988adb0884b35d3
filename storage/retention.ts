/**
 * Which segments may go, and why. Pure: sizes, ages and offsets in, a count out.
 *
 * Always true: segments go only from the front; the records of a deleted segment lie below the high watermark; an
 * empty active segment is never chosen; time, size and log start are judged in Kafka's order of conditions
 * (UnifiedLog.deleteOldSegments).
 */

import type { LogConfig } from './log-config.ts';
import { isDeleted } from './log-config.ts';

/** What retention needs to know of a segment. */
export interface SegmentFacts {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** Largest record timestamp, or the file's time where records have none. */
  readonly largestTimestampMs: number;
}

export interface LogFacts {
  readonly segments: readonly SegmentFacts[];
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
}

export type RetentionReason = 'log start offset' | 'retention size' | 'retention time';

/** How many segments from the front may go. When it is all of them the log rolls first. */
export interface RetentionDecision {
  readonly count: number;
  readonly reason: RetentionReason;
}

const NOTHING = 0;

/** Segments wholly below the log start offset, whatever the cleanup policy. */
export function breachedByLogStart(log: LogFacts): number {
  return countDeletable(log, (_segment, next) => next !== undefined && next.baseOffset <= log.logStartOffset);
}

/** Segments beyond `retention.bytes`, oldest first, as long as what remains is still at least that much. */
export function breachedBySize(log: LogFacts, config: LogConfig): number {
  if (!isDeleted(config) || config.retentionBytes < 0) return NOTHING;
  const total = log.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  let excess = total - config.retentionBytes;
  if (excess < 0) return NOTHING;
  return countDeletable(log, (segment) => {
    if (excess - segment.sizeBytes < 0) return false;
    excess -= segment.sizeBytes;
    return true;
  });
}

/** Segments whose newest record is older than `retention.ms`. */
export function breachedByTime(log: LogFacts, config: LogConfig, nowMs: number): number {
  if (!isDeleted(config) || config.retentionMs < 0) return NOTHING;
  return countDeletable(log, (segment) => nowMs - segment.largestTimestampMs > config.retentionMs);
}

/** The first condition that lets a segment go, in Kafka's order. Null when none does. */
export function decideRetention(log: LogFacts, config: LogConfig, nowMs: number): RetentionDecision | null {
  const byStart = breachedByLogStart(log);
  if (byStart > 0) return { count: byStart, reason: 'log start offset' };
  const bySize = breachedBySize(log, config);
  if (bySize > 0) return { count: bySize, reason: 'retention size' };
  const byTime = breachedByTime(log, config, nowMs);
  return byTime > 0 ? { count: byTime, reason: 'retention time' } : null;
}

/** Counts from the front while `mayGo` says so and all records are committed (LocalLog.deletableSegments). */
function countDeletable(
  log: LogFacts,
  mayGo: (segment: SegmentFacts, next: SegmentFacts | undefined) => boolean,
): number {
  let count = 0;
  for (const segment of log.segments) {
    const next = log.segments[count + 1];
    const upperBoundOffset = next?.baseOffset ?? log.logEndOffset;
    const isLastAndEmpty = next === undefined && segment.sizeBytes === 0;
    if (log.highWatermark < upperBoundOffset || isLastAndEmpty || !mayGo(segment, next)) break;
    count++;
  }
  return count;
}
