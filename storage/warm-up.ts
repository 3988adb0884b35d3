/**
 * Brings what is about to be read into the page cache, on the thread pool, so that the reading itself holds nobody up.
 *
 * Always true: nothing is kept of what is read here, and nothing depends on it. Whoever waited looks at the log anew,
 * as if he had just come: it may have been cut, rolled, deleted or moved meanwhile. A failure is left to his own read.
 */

import { BATCH_HEADER_SIZE } from '../protocol/batch.ts';
import type { Disk } from './disk.ts';
import { DiskError } from './disk.ts';
import { joinPath, OFFSET_INDEX_SUFFIX, segmentFileName, TIME_INDEX_SUFFIX } from './layout.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';

/** Read at a time. Everybody reads into the same memory, since nobody looks at it. */
const PIECE_BYTES = 1024 * 1024;
/** A search that begins at an index entry reads on in chunks, and the batch that it finds whole. */
const SEARCH_BYTES = 256 * 1024;
let nobodyLooks: Buffer | null = null;

/** A log's files. */
export interface WarmUpPlace {
  readonly disk: Disk;
  readonly directory: string;
  readonly segments: Segments;
}

/** For a read of at most `maxBytes` from `offset` on; null when that is warm. */
export function warmUpBytes(
  { disk, directory, segments }: WarmUpPlace,
  offset: number,
  maxBytes: number,
): Promise<void> | null {
  const segment = segments.floor(offset);
  if (segment === undefined) return null;
  if (
    segment.isIndexLoaded &&
    firstCold(segment, segment.offsetIndex.positionNear(offset), maxBytes) === null
  )
    return null;
  return ignoringFailures(async () => {
    await warmIndexes({ disk, directory, segments }, segment);
    if (segments.has(segment))
      await warmBytes(segments, segment, segment.offsetIndex.positionNear(offset), maxBytes);
  });
}

/** For a search for `timestampMs`, or with null for the largest one; null when all that it looks at is warm. */
export function warmUpTimes(
  { disk, directory, segments }: WarmUpPlace,
  timestampMs: number | null,
): Promise<void> | null {
  if (segments.all.every(({ isIndexLoaded }) => isIndexLoaded)) {
    const holder = holderOf(segments, timestampMs);
    if (holder === null || firstCold(holder.segment, holder.position, SEARCH_BYTES) === null) return null;
  }
  return ignoringFailures(async () => {
    for (const segment of [...segments.all]) {
      await warmIndexes({ disk, directory, segments }, segment);
      if (!segments.has(segment) || timestampMs === null) continue;
      if (segment.largestTimestampMs < timestampMs) continue;
      await warmBytes(segments, segment, positionNearTime(segment, timestampMs), SEARCH_BYTES);
      return;
    }
  });
}

function positionNearTime({ baseOffset, offsetIndex, timeIndex }: Segment, timestampMs: number): number {
  const slot = timeIndex.lookup(timestampMs);
  return offsetIndex.positionNear(slot < 0 ? baseOffset : timeIndex.offsetAt(slot));
}

function holderOf(
  segments: Segments,
  timestampMs: number | null,
): { segment: Segment; position: number } | null {
  if (timestampMs === null) return null;
  const segment = segments.all.find((one) => one.largestTimestampMs >= timestampMs);
  return segment === undefined ? null : { segment, position: positionNearTime(segment, timestampMs) };
}

/** The index files, and the end of the batches, by which the time index is checked. */
async function warmIndexes({ disk, directory, segments }: WarmUpPlace, segment: Segment): Promise<void> {
  if (segment.isIndexLoaded || !segments.has(segment)) return;
  for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX]) {
    const path = joinPath(directory, segmentFileName(segment.baseOffset, suffix));
    if (disk.status(path) === null) continue;
    const file = disk.open(path, false);
    try {
      const sizeBytes = file.sizeBytes();
      for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
        await file.readAsync(scratch().subarray(0, Math.min(PIECE_BYTES, sizeBytes - at)), at);
      }
    } finally {
      file.close();
    }
  }
  if (segments.has(segment)) await warmBytes(segments, segment, segment.writtenBytes - 1, 0);
}

async function warmBytes(
  segments: Segments,
  segment: Segment,
  position: number,
  maxBytes: number,
): Promise<void> {
  let cold = firstCold(segment, position, maxBytes);
  while (cold !== null) {
    const bytes = Math.min(cold.to, segment.writtenBytes) - cold.from;
    await segment.file.readAsync(scratch().subarray(0, bytes), cold.from);
    if (!segments.has(segment)) return;
    segment.warm.touch(cold.from, cold.to);
    cold = firstCold(segment, position, maxBytes);
  }
}

function firstCold(
  segment: Segment,
  position: number,
  maxBytes: number,
): { from: number; to: number } | null {
  // The batch that is looked for may begin an index interval behind the entry.
  const end = position + maxBytes + segment.indexIntervalBytes + BATCH_HEADER_SIZE;
  return segment.warm.firstCold(Math.max(0, position), Math.min(end, segment.writtenBytes), PIECE_BYTES);
}

function scratch(): Buffer {
  nobodyLooks ??= Buffer.allocUnsafeSlow(PIECE_BYTES);
  return nobodyLooks;
}

async function ignoringFailures(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}
