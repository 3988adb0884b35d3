/**
 * Compacting one log: first the latest offset of each key in its dirty part is collected, then segments are copied,
 * group by group, without the records that later ones replace.
 *
 * Always true: the segments that are read are never changed; every batch is checked against its CRC before its records are
 * believed or copied; memory is bounded by the offset map, one chunk of a segment and the largest batch. The work is a
 * generator that pauses after some bytes, so that a worker can run it through and an event loop in slices.
 *
 * Agrees with Kafka's Cleaner. Putting the result in place is the business of the log.
 */

import { RecordCursor } from '../protocol/batch/record.ts';
import { baseOffset, isControl, recordCount, recordsSection } from '../protocol/batch.ts';
import { BatchScanner } from './batch-scanner.ts';
import { BatchFilter } from './compaction-filter.ts';
import { CompactedTransactions } from './compaction-transactions.ts';
import type { CompactionJob, CompactionStatistics, MapSummary, SourceSegment } from './compaction-types.ts';
import { CorruptSegmentError, noStatistics } from './compaction-types.ts';
import { CleanedSegment } from './compaction-writer.ts';
import type { Disk } from './disk.ts';
import { joinPath, LOG_SUFFIX, segmentFileName } from './layout.ts';
import { BYTES_PER_SLOT, OffsetMap } from './offset-map.ts';

/** How much is done between two pauses. */
const PAUSE_BYTES = 256 * 1024;

/** Work in pieces: each yield tells how many bytes were read and written since the last. */
export type Work<T> = Generator<number, T, void>;

export class Compaction {
  readonly #disk: Disk;
  readonly #job: CompactionJob;
  readonly #map: OffsetMap;
  readonly #maxKeys: number;
  readonly #filter: BatchFilter;
  readonly #transactions: CompactedTransactions;
  readonly #statistics = noStatistics();
  readonly #cursor = new RecordCursor(Buffer.alloc(0), 0, 0);
  #bytesMapped = 0;

  constructor(disk: Disk, job: CompactionJob) {
    this.#disk = disk;
    this.#job = job;
    this.#map = new OffsetMap(slotsFor(job));
    // One slot stays empty, or a search for a key that is not there would not end.
    this.#maxKeys = Math.min(this.#map.slots - 1, Math.floor(this.#map.slots * job.share.maxLoad));
    this.#transactions = new CompactedTransactions(job.aborted);
    const { lastRecords, nowMs, deleteRetentionMs, maxMessageBytes } = job;
    this.#filter = new BatchFilter({
      map: this.#map,
      transactions: this.#transactions,
      lastRecords,
      nowMs,
      deleteRetentionMs,
      maxMessageBytes,
      statistics: this.#statistics,
    });
  }

  /** Collects the keys of the dirty part, as far as they fit. */
  *buildMap(): Work<MapSummary> {
    const { segments, firstDirtyOffset, firstUncleanableOffset, aborted, firstDirtyPosition } = this.#job;
    // What ended before the dirt begins must not be taken for open: its marker will not be met.
    const unfinished = aborted.filter(({ lastOffset }) => lastOffset >= firstDirtyOffset);
    const transactions = new CompactedTransactions(unfinished);
    for (const [index, segment] of segments.entries()) {
      const nextBase = segments[index + 1]?.baseOffset ?? firstUncleanableOffset;
      if (nextBase <= firstDirtyOffset) continue;
      const from = segment.baseOffset < firstDirtyOffset ? firstDirtyPosition : 0;
      if (!(yield* this.#mapSegment(segment, from, transactions))) break;
      // Offsets may be missing before the next segment: they count as seen.
      this.#map.latestOffset = nextBase - 1;
    }
    return {
      endOffset: this.#map.latestOffset + 1,
      keys: this.#map.size,
      slots: this.#map.slots,
      bytesRead: this.#bytesMapped,
    };
  }

  /** False when the map was full before the segment's end. */
  *#mapSegment(segment: SourceSegment, from: number, transactions: CompactedTransactions): Work<boolean> {
    for (const scanner of this.#batches(segment, from)) {
      if (typeof scanner === 'number') {
        yield scanner;
        continue;
      }
      this.#bytesMapped += scanner.sizeBytes;
      if (scanner.lastOffset < this.#job.firstDirtyOffset) continue;
      const { buffer, at } = scanner;
      const isAborted = transactions.isDiscardable(buffer, at);
      if (!isControl(buffer, at) && !isAborted && !this.#mapRecords(buffer, at)) return false;
      this.#map.latestOffset = scanner.lastOffset;
    }
    return true;
  }

  #mapRecords(buffer: Buffer, at: number): boolean {
    const base = baseOffset(buffer, at);
    const count = recordCount(buffer, at);
    if (count === 0) return true;
    const section = recordsSection(buffer, at);
    const cursor = this.#cursor;
    cursor.reset(section, 0, section.length);
    let index = 0;
    for (; index < count && cursor.next(); index++) {
      const { keyStart, keyLength } = cursor;
      const offset = base + cursor.offsetDelta;
      if (keyLength < 0 || offset < this.#job.firstDirtyOffset) continue;
      if (this.#map.size >= this.#maxKeys) return false;
      this.#map.put(section.subarray(keyStart, keyStart + keyLength), offset);
    }
    if (index < count) throw new CorruptSegmentError('a batch lacks records', base);
    return true;
  }

  /** Copies a group of neighbouring segments into one, named as the first with `.cleaned` behind. */
  *cleanGroup(group: readonly SourceSegment[]): Work<CompactionStatistics> {
    const { directory, indexIntervalBytes, segmentIndexBytes } = this.#job;
    const cleaned = new CleanedSegment({
      disk: this.#disk,
      directory,
      baseOffset: group[0]?.baseOffset ?? 0,
      indexIntervalBytes,
      segmentIndexBytes,
      writeBytes: this.#job.share.ioBufferBytes,
    });
    let isFinished = false;
    try {
      this.#transactions.onKeptAbort = (entry) => cleaned.transactionIndex.append(entry);
      for (const segment of group) yield* this.#copySegment(segment, cleaned);
      this.#statistics.bytesWritten += cleaned.finish();
      isFinished = true;
    } finally {
      if (!isFinished) cleaned.abandon();
    }
    return { ...this.#statistics };
  }

  *#copySegment(segment: SourceSegment, cleaned: CleanedSegment): Work<void> {
    let keptBytes = 0;
    for (const scanner of this.#batches(segment, 0)) {
      if (typeof scanner === 'number') {
        yield scanner + keptBytes;
        keptBytes = 0;
        continue;
      }
      this.#statistics.bytesRead += scanner.sizeBytes;
      const kept = this.#filter.apply(scanner.buffer, scanner.at);
      if (kept === null) continue;
      cleaned.append(kept);
      keptBytes += kept.length;
    }
    if (keptBytes > 0) yield keptBytes;
  }

  /** The batches of a segment, checked; the bytes read since the last pause whenever it is time for one. */
  *#batches(segment: SourceSegment, from: number): Generator<BatchScanner | number, void, void> {
    const path = joinPath(this.#job.directory, segmentFileName(segment.baseOffset, LOG_SUFFIX));
    const file = this.#disk.open(path, false);
    try {
      const scanner = new BatchScanner(file, from, segment.sizeBytes, {
        chunkBytes: this.#job.share.ioBufferBytes,
      });
      let bytes = 0;
      while (scanner.next()) {
        const base = scanner.baseOffset;
        if (!scanner.isIntact()) throw new CorruptSegmentError('a batch has the wrong CRC', base);
        bytes += scanner.sizeBytes;
        yield scanner;
        if (bytes < PAUSE_BYTES) continue;
        yield bytes;
        bytes = 0;
      }
      if (bytes > 0) yield bytes;
      if (scanner.problem === 'none') return;
      throw new CorruptSegmentError('the segment holds bytes that are no batch', segment.baseOffset);
    } finally {
      file.close();
    }
  }
}

/** No more than there are offsets, so that a small log takes little memory. */
function slotsFor({ firstDirtyOffset, firstUncleanableOffset, share }: CompactionJob): number {
  const needed = Math.ceil((firstUncleanableOffset - firstDirtyOffset) / Math.min(share.maxLoad, 1)) + 2;
  return Math.max(2, Math.min(needed, Math.floor(share.dedupeBufferBytes / BYTES_PER_SLOT)));
}
