/**
 * Opening a log: from the files a process left behind, clean or not, to segments that can be trusted.
 *
 * After a clean stop nothing is scanned. After any other stop every segment from the recovery point on is read whole:
 * each batch's CRC is checked, indexes, leader epochs and producer state are made anew, and the first bytes that are no
 * batch end the log: the torn tail is cut, and segments after it go; a single flipped bit is put right instead. What lies below the recovery point was synced, so
 * it cannot be torn; a batch there that fails its CRC is damage, and is kept in place (and refused to readers)
 * rather than cut with everything acknowledged after it.
 *
 * Always true afterwards: the segments hold whole batches with ascending offsets and no gap in bytes; the leader epochs
 * and producer state agree with the log's end. Files of other names are not touched. Agrees with Kafka's LogLoader.
 */

import { assert } from '../protocol/assert.ts';
import {
  baseOffset,
  hasProducerId,
  isControl,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
} from '../protocol/batch.ts';
import { BatchScanner, SCAN_CHUNK_BYTES } from './batch-scanner.ts';
import type { Disk } from './disk.ts';
import {
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  joinPath,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetOfFileName,
  SWAP_SUFFIX,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from './layout.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import type { LogConfig } from './log-config.ts';
import { isCompacted } from './log-config.ts';
import { mendInFile } from './mend-batch.ts';
import type { Producers } from './producers.ts';
import type { ScanAhead } from './scan-ahead.ts';
import { ScanMemory } from './scan-memory.ts';
import { Segment } from './segment.ts';
import type { SegmentParts } from './segment-types.ts';
import { Segments } from './segments.ts';
import { endOfBatches, soundAfter } from './sound-batch.ts';

export interface RecoveryParts {
  readonly disk: Disk;
  readonly directory: string;
  readonly config: LogConfig;
  readonly epochs: LeaderEpochs;
  readonly producers: Producers;
  readonly hadCleanShutdown: boolean;
  /** Below this offset everything was synced, indexes included. */
  readonly recoveryPoint: number;
  /** Below this offset, too, bytes that are no batch are damage and no torn write, as whoever looked before has found. */
  readonly soundEndOffset?: number;
  /** This node alone has written the log: offsets follow one on the other, unless it was compacted. */
  readonly isOnlyReplica?: boolean;
  /** The log was compacted, which leaves offsets out. */
  readonly mayHaveGaps: boolean;
  /** As checkpointed; 0 when unknown. */
  readonly logStartOffset: number;
  readonly nowMs: number;
  readonly rollJitterMs: () => number;
  /** Other threads look at segments before this one comes to them. */
  readonly scanAhead: ScanAhead | null;
}

/** What recovery found worth telling an operator. */
export interface RecoveryReport {
  readonly scannedSegments: number;
  readonly scannedBytes: number;
  /** Bytes after the last whole batch that were cut, later segments included. */
  readonly truncatedBytes: number;
  /** Base offsets of batches below the recovery point whose bytes are damaged. */
  readonly damagedOffsets: readonly number[];
  /** Base offsets of batches of which one bit was put right. */
  readonly mendedOffsets: readonly number[];
}

export interface RecoveredLog {
  readonly segments: Segments;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  /** Segments whose rebuilt indexes are not synced. */
  readonly rebuilt: readonly Segment[];
  readonly report: RecoveryReport;
}

/** Within a batch. */
const EPOCH_POSITION = 12;
const EPOCH_BYTES = 4;

export function recoverLog(parts: RecoveryParts): RecoveredLog {
  settleInterruptedRenames(parts);
  return new Recovery(parts).run();
}

/** A new log in place of what recovery would find: one segment that is planned. */
export function planLog(
  parts: Pick<RecoveryParts, 'disk' | 'directory' | 'config' | 'nowMs' | 'rollJitterMs'>,
): RecoveredLog {
  const segments = new Segments();
  segments.add(Segment.plan(segmentParts(parts, 0), parts.config.segmentIndexBytes));
  return {
    ...{ segments, rebuilt: [], logStartOffset: 0, logEndOffset: 0, recoveryPoint: 0 },
    report: { scannedSegments: 0, scannedBytes: 0, truncatedBytes: 0, damagedOffsets: [], mendedOffsets: [] },
  };
}

class Recovery {
  readonly #parts: RecoveryParts;
  readonly #segments = new Segments();
  readonly #rebuilt: Segment[] = [];
  readonly #damagedOffsets: number[] = [];
  readonly #mendedOffsets: number[] = [];
  #scannedBytes = 0;
  /** Where the scan found the log to end, or -1. */
  #scannedEndOffset = -1;
  /** Leader epoch of the last batch scanned, in this segment or one before. */
  #scannedEpoch = -1;
  /** The batch with which the epoch rose last. */
  #risen: { readonly position: number; readonly base: number; readonly from: number } | null = null;
  /** Of the batch scanned last. */
  #lastPosition = -1;
  #truncatedBytes = 0;
  readonly #memory = new ScanMemory();
  /** What is damaged below stays where it is. */
  readonly #keptBelow: number;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
    this.#keptBelow = Math.max(parts.recoveryPoint, parts.soundEndOffset ?? 0);
  }

  run(): RecoveredLog {
    const { config, epochs, producers, hadCleanShutdown, nowMs } = this.#parts;
    for (const baseOffset of segmentOffsets(this.#parts)) this.#segments.add(this.#load(baseOffset));
    if (!hadCleanShutdown) this.#scanUnflushed();
    let logEndOffset = this.#segments.isEmpty ? -1 : this.#endOffset();
    if (logEndOffset < this.#parts.logStartOffset) {
      // Files were removed by hand: what is left lies below the log's start.
      for (const segment of this.#segments.removeAll().reverse()) removeSegment(this.#parts.disk, segment);
      epochs.clear();
      logEndOffset = this.#parts.logStartOffset;
      this.#segments.add(this.#create(logEndOffset));
    }
    this.#segments.active.resizeIndexes(config.segmentIndexBytes);
    const logStartOffset = Math.max(this.#parts.logStartOffset, this.#segments.first.baseOffset);
    if (epochs.isDamaged && hadCleanShutdown) this.#readEpochsOf(this.#segments.all);
    epochs.truncateFromEnd(logEndOffset);
    epochs.truncateFromStart(logStartOffset);
    producers.removeStraySnapshots(this.#segments.all.map((segment) => segment.baseOffset));
    if (hadCleanShutdown && producers.latestSnapshotOffset < 0) {
      // A log without snapshots after a clean stop never had producers (UnifiedLog.rebuildProducerState).
      producers.restartAt(logEndOffset);
    } else {
      rebuildProducers(producers, this.#segments, logStartOffset, logEndOffset, nowMs);
    }
    return {
      segments: this.#segments,
      logStartOffset,
      logEndOffset,
      recoveryPoint: hadCleanShutdown ? logEndOffset : Math.min(this.#parts.recoveryPoint, logEndOffset),
      rebuilt: this.#rebuilt,
      report: {
        scannedSegments: this.#rebuilt.length,
        scannedBytes: this.#scannedBytes,
        truncatedBytes: this.#truncatedBytes,
        damagedOffsets: this.#damagedOffsets,
        mendedOffsets: this.#mendedOffsets,
      },
    };
  }

  /**
   * A clean stop leaves the recovery point at the log's end. Where the last batches say otherwise, the whole segment
   * decides, and where that is in doubt, too, the recovery point.
   */
  #endOffset(): number {
    const { active } = this.#segments;
    const { hadCleanShutdown, recoveryPoint } = this.#parts;
    if (this.#scannedEndOffset >= 0) return this.#scannedEndOffset;
    const { nextOffset } = active.readEnd();
    if (!hadCleanShutdown || recoveryPoint === 0 || nextOffset === recoveryPoint) return nextOffset;
    const whole = endOfBatches({ ...active.searched(), trustedFrom: active.writtenBytes }, 0);
    return whole.isCertain || recoveryPoint < whole.certainOffset ? whole.nextOffset : recoveryPoint;
  }

  #load(baseOffset: number): Segment {
    return Segment.load(segmentParts(this.#parts, baseOffset));
  }

  #create(baseOffset: number): Segment {
    return Segment.create(segmentParts(this.#parts, baseOffset), this.#parts.config.segmentIndexBytes);
  }

  #scanUnflushed(): void {
    if (this.#segments.isEmpty) return;
    const { producers, epochs, logStartOffset, recoveryPoint, nowMs, disk } = this.#parts;
    const unflushed = this.#segments.from(recoveryPoint);
    const first = unflushed[0];
    assert(first !== undefined, 'a log with segments has one to scan');
    rebuildProducers(producers, this.#segments, logStartOffset, first.baseOffset, nowMs);
    // From here on the batches tell the epochs; the file may be of before a truncation.
    epochs.truncateFromEnd(first.baseOffset);
    if (epochs.isDamaged)
      this.#readEpochsOf(this.#segments.all.filter((segment) => segment.baseOffset < first.baseOffset));
    let nextOffset = first.baseOffset;
    for (const [index, segment] of unflushed.entries()) {
      const sizeBefore = segment.writtenBytes;
      const boundOffset = Math.min(this.#keptBelow, unflushed[index + 1]?.baseOffset ?? this.#keptBelow);
      const end = this.#follows(segment, nextOffset) ? this.#scan(segment, boundOffset) : null;
      if (end !== null && segment.writtenBytes === sizeBefore) {
        nextOffset = Math.max(end, segment.baseOffset);
        this.#scannedEndOffset = nextOffset;
        producers.setEndOffset(nextOffset);
        continue;
      }
      this.#truncatedBytes += sizeBefore - (end === null ? 0 : segment.writtenBytes);
      this.#scannedEndOffset = Math.max(end ?? nextOffset, -1);
      const lastKept = end === null ? segment.baseOffset - 1 : segment.baseOffset;
      for (const later of this.#segments.removeAfter(lastKept).reverse()) {
        if (later !== segment) this.#truncatedBytes += later.writtenBytes;
        removeSegment(disk, later);
      }
      return;
    }
  }

  /**
   * Whether a segment goes on where the one before ended. One that begins below was left by an interrupted truncation.
   * One that begins above has lost records before it, which were never promised, and so neither was it; only
   * compaction makes such gaps, and leaves them at the front of what the leader then sends.
   */
  #follows(segment: Segment, nextOffset: number): boolean {
    if (segment.baseOffset === nextOffset) return true;
    return segment.baseOffset > nextOffset && (this.#parts.mayHaveGaps || isCompacted(this.#parts.config));
  }

  /** Reads a segment whole and rebuilds all that is derived from it; its end offset. */
  #scan(segment: Segment, boundOffset: number): number {
    const { config, producers } = this.#parts;
    const size = segment.writtenBytes;
    const searched = { ...segment.searched(), trustedFrom: size };
    const { scanAhead } = this.#parts;
    const chunks = { chunkBytes: SCAN_CHUNK_BYTES, memory: scanAhead?.memory ?? this.#memory };
    // It holds for the unbroken chain of batches from the front alone, and so for the first scanner only.
    const checkedBytes = scanAhead?.takeOver(segment.file.path) ?? 0;
    let scanner = new BatchScanner(segment.file, 0, size, { ...chunks, checkedBytes });
    this.#rebuilt.push(segment);
    producers.setEndOffset(segment.baseOffset);
    producers.takeSnapshot(false);
    segment.beginRecovery(config.segmentIndexBytes);
    // A log that was never truncated has no stale segments; there an epoch that goes back is a flipped bit.
    if (this.#parts.isOnlyReplica === true) this.#scannedEpoch = -1;
    this.#risen = null;
    let nextOffset = segment.baseOffset;
    for (;;) {
      nextOffset = this.#scanSound(segment, scanner, nextOffset);
      if (scanner.position >= size) break;
      if (this.#mend(segment, scanner.position, nextOffset)) {
        scanner = new BatchScanner(segment.file, scanner.position, size, chunks);
        continue;
      }
      if (nextOffset >= this.#keptBelow) break;
      // What was synced can't be torn: it is damaged, is kept, and whatever is whole behind it is found again.
      this.#damagedOffsets.push(nextOffset);
      const found = soundAfter(searched, scanner.position, nextOffset);
      const next = found ?? { position: size, base: boundOffset };
      segment.add(next.base - 1, -1, next.position - scanner.position);
      nextOffset = next.base;
      producers.setEndOffset(nextOffset);
      if (found === null) break;
      scanner = new BatchScanner(segment.file, found.position, size, chunks);
    }
    this.#scannedBytes += size;
    const hasDamage = this.#damagedOffsets.some((offset) => offset >= segment.baseOffset);
    segment.recovered(segment.sizeBytes);
    // Damaged batches stay under guard: their CRC is checked at each read.
    if (hasDamage) segment.trustedFrom = segment.sizeBytes;
    return nextOffset;
  }

  /** Puts right a single flipped bit, where the checksum tells which. */
  #mend({ file, writtenBytes }: Segment, position: number, nextOffset: number): boolean {
    const mended = mendInFile(file, position, writtenBytes, nextOffset);
    if (mended === null) return false;
    this.#mendedOffsets.push(nextOffset);
    file.write([mended], position);
    return true;
  }

  /** Takes batch after batch as long as they are whole and in order; the offset after the last of them. */
  #scanSound(segment: Segment, scanner: BatchScanner, start: number): number {
    const { config, epochs, isOnlyReplica } = this.#parts;
    const keptBelow = this.#keptBelow;
    const mayHaveGaps = this.#parts.mayHaveGaps || isCompacted(config);
    let nextOffset = start;
    while (scanner.next()) {
      const { baseOffset: base, lastOffset: last } = scanner;
      const epoch = partitionLeaderEpoch(scanner.buffer, scanner.at);
      const mayFollow = mayHaveGaps || (nextOffset >= keptBelow && isOnlyReplica !== true);
      const isInPlace = base === nextOffset || (base > nextOffset && mayFollow);
      // Epochs never go back along a log: an older one is what a truncation had removed before the power went.
      const isBackwards = last >= keptBelow && epoch < this.#scannedEpoch;
      const isStale = isBackwards && epoch >= 0 && isOnlyReplica !== true;
      if (!isInPlace || isStale || !segment.offsetIndex.canHold(last) || !scanner.isIntact()) break;
      if (isBackwards && isOnlyReplica === true) this.#mendEpoch(segment, scanner, epoch);
      else if (epoch !== this.#scannedEpoch)
        this.#risen = { position: scanner.position, base, from: this.#scannedEpoch };
      this.#scannedEpoch = partitionLeaderEpoch(scanner.buffer, scanner.at);
      this.#lastPosition = scanner.position;
      // Only a control batch is judged by what is in it; of the others the header tells all.
      if (isControl(scanner.buffer, scanner.at) && !scanner.loadWhole()) break;
      this.#take(segment, scanner.buffer, scanner.at);
      segment.add(last, maxTimestamp(scanner.buffer, scanner.at), scanner.sizeBytes);
      if (epochs.wouldAssign(this.#scannedEpoch, last)) this.#takeEpoch(scanner.buffer, scanner.at);
      nextOffset = last + 1;
    }
    return nextOffset;
  }

  /**
   * Nobody but this node has written here, so the epoch never went back: a bit was flipped in it, which no checksum
   * covers. Either the batch before stands alone with its epoch, or this one does.
   */
  #mendEpoch({ file }: Segment, scanner: BatchScanner, epoch: number): void {
    const { epochs } = this.#parts;
    const risen = this.#risen;
    const bytes = Buffer.alloc(EPOCH_BYTES);
    if (risen !== null && risen.position === this.#lastPosition && epoch >= risen.from) {
      bytes.writeInt32BE(epoch);
      file.write([bytes], risen.position + EPOCH_POSITION);
      epochs.truncateFromEnd(risen.base);
      this.#mendedOffsets.push(risen.base);
      if (epoch > risen.from) epochs.assign(epoch, risen.base);
      return;
    }
    bytes.writeInt32BE(this.#scannedEpoch);
    file.write([bytes], scanner.position + EPOCH_POSITION);
    bytes.copy(scanner.buffer, scanner.at + EPOCH_POSITION);
    this.#mendedOffsets.push(scanner.baseOffset);
  }

  #take(segment: Segment, buffer: Buffer, at: number): void {
    const { producers } = this.#parts;
    if (hasProducerId(buffer, at)) {
      const completed = producers.replay(buffer, at);
      if (completed !== null) {
        if (completed.isAborted) {
          const lastStableOffset = producers.lastStableOffsetAfter(completed);
          segment.transactionIndex.append({ ...completed, lastStableOffset });
        }
        producers.completed(completed);
      }
    }
    producers.setEndOffset(lastOffset(buffer, at) + 1);
  }

  #takeEpoch(buffer: Buffer, at: number): void {
    const { epochs } = this.#parts;
    const epoch = partitionLeaderEpoch(buffer, at);
    if (epoch >= 0 && epoch > epochs.latestEpoch) epochs.assign(epoch, baseOffset(buffer, at));
  }

  /** The checkpoint was lost, but every batch header names its epoch. */
  #readEpochsOf(segments: readonly Segment[]): void {
    for (const segment of segments) {
      const scanner = new BatchScanner(segment.file, 0, segment.writtenBytes, { memory: this.#memory });
      while (scanner.next()) this.#takeEpoch(scanner.buffer, scanner.at);
    }
  }
}

function segmentParts(
  {
    disk,
    directory,
    config,
    nowMs,
    rollJitterMs,
  }: Pick<RecoveryParts, 'disk' | 'directory' | 'config' | 'nowMs' | 'rollJitterMs'>,
  baseOffset: number,
): SegmentParts {
  const { indexIntervalBytes } = config;
  return {
    ...{ disk, directory, baseOffset, indexIntervalBytes },
    rollJitterMs: rollJitterMs(),
    createdMs: nowMs,
  };
}

/** Brings producer state to `endOffset`, from the latest snapshot and the batches after it. */
export function rebuildProducers(
  producers: Producers,
  segments: Segments,
  logStartOffset: number,
  endOffset: number,
  nowMs: number,
): void {
  producers.reload(logStartOffset, endOffset, nowMs);
  if (producers.endOffset < endOffset) {
    for (const segment of segments.from(producers.endOffset)) {
      if (segment.baseOffset >= endOffset) break;
      replaySegment(producers, segment, Math.max(producers.endOffset, logStartOffset), endOffset);
    }
  }
  producers.setEndOffset(endOffset);
}

function replaySegment(producers: Producers, segment: Segment, from: number, endOffset: number): void {
  const start = from <= segment.baseOffset ? 0 : segment.positionFor(from);
  const scanner = new BatchScanner(segment.file, start, segment.writtenBytes);
  while (scanner.next() && scanner.baseOffset < endOffset) {
    const { buffer, at } = scanner;
    const next = scanner.lastOffset + 1;
    if (hasProducerId(buffer, at)) {
      // Only a control batch is judged by what is in it; of the others the header tells all.
      if (isControl(buffer, at) && !scanner.loadWhole()) return;
      const completed = producers.replay(scanner.buffer, scanner.at);
      if (completed !== null) producers.completed(completed);
    }
    producers.setEndOffset(next);
  }
}

/** Base offsets of the segments in the directory, ascending; index files without a log go. */
function segmentOffsets({ disk, directory }: RecoveryParts): number[] {
  const names = disk.list(directory).filter((entry) => !entry.isDirectory);
  const offsets = names.map(({ name }) => offsetOfFileName(name, LOG_SUFFIX)).filter((offset) => offset >= 0);
  const known = new Set(offsets);
  for (const { name } of names) {
    for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX]) {
      const offset = offsetOfFileName(name, suffix);
      if (offset >= 0 && !known.has(offset)) disk.removeNow(joinPath(directory, name));
    }
  }
  return offsets.sort((a, b) => a - b);
}

const SEGMENT_SUFFIXES = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX];

/** The offset in `<offset><segment suffix><marker>`, or -1. */
function markedOffset(name: string, marker: string): number {
  for (const suffix of SEGMENT_SUFFIXES) {
    const offset = offsetOfFileName(name, suffix + marker);
    if (offset >= 0) return offset;
  }
  return -1;
}

/**
 * Completes or forgets what a crash interrupted: files marked deleted go, unfinished compactions go, finished ones
 * replace the segments they were made from.
 */
function settleInterruptedRenames({ disk, directory }: RecoveryParts): void {
  const names = disk.list(directory).filter((entry) => !entry.isDirectory);
  let minCleaned = Number.POSITIVE_INFINITY;
  const cleaned: string[] = [];
  const swapped: string[] = [];
  for (const { name } of names) {
    const isOurs =
      markedOffset(name, DELETED_SUFFIX) >= 0 || offsetOfFileName(name, `.snapshot${DELETED_SUFFIX}`) >= 0;
    if (isOurs) disk.removeNow(joinPath(directory, name));
    const offset = markedOffset(name, CLEANED_SUFFIX);
    if (offset >= 0) cleaned.push(name);
    if (offset >= 0) minCleaned = Math.min(minCleaned, offset);
    if (markedOffset(name, SWAP_SUFFIX) >= 0) swapped.push(name);
  }
  const valid = swapped.filter((name) => {
    // A swap file past an unfinished one belongs to a replacement that was not complete (KAFKA-6264).
    if (markedOffset(name, SWAP_SUFFIX) < minCleaned) return true;
    disk.removeNow(joinPath(directory, name));
    return false;
  });
  // These tell that a swap was not complete, so they go after its files: this start may be cut short as well.
  for (const name of cleaned) disk.removeNow(joinPath(directory, name));
  if (valid.length === 0) return;
  removeReplaced(disk, directory, valid);
  for (const name of valid) {
    disk.rename(joinPath(directory, name), joinPath(directory, name.slice(0, -SWAP_SUFFIX.length)));
  }
  disk.syncDirectoryNow(directory);
}

/** Removes the segments whose offsets the finished compaction covers. */
function removeReplaced(disk: Disk, directory: string, swapped: readonly string[]): void {
  let from = Number.POSITIVE_INFINITY;
  let to = -1;
  for (const name of swapped) {
    const offset = offsetOfFileName(name, LOG_SUFFIX + SWAP_SUFFIX);
    if (offset < 0) continue;
    const file = disk.open(joinPath(directory, name), false);
    const scanner = new BatchScanner(file, 0, file.sizeBytes());
    from = Math.min(from, offset);
    // Even when nothing is left: the files of this name are replaced.
    to = Math.max(to, offset + 1);
    while (scanner.next()) to = Math.max(to, scanner.lastOffset + 1);
    file.close();
  }
  for (const { name } of disk.list(directory)) {
    const offset = markedOffset(name, '');
    if (offset >= from && offset < to) disk.removeNow(joinPath(directory, name));
  }
}

function removeSegment(disk: Disk, segment: Segment): void {
  for (const path of segment.markDeleted()) disk.removeNow(path);
}
