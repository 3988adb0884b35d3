// What is inside a batch of magic 2, as far as an append hangs on it: LogValidator#validateRecord for every record, and
// RecordIterator of DefaultRecordBatch.
//
// A batch without a codec is walked at once. One with a codec is unfolded piece by piece and walked as it comes, as
// Kafka does, so that a batch takes a small constant of memory whatever it unfolds to; and the walk can rest between
// two pieces, so that it need not hold up everything else. Always true: what is found does not hang on where the pieces
// or the rests fall, nor on the offsets that the batch will get.

import { assert } from '../protocol/assert.ts';
import { BEYOND_END, RecordCursor, RUN_RECORDS } from '../protocol/batch/record.ts';
import { SplitRecord } from '../protocol/batch/split-record.ts';
import * as batch from '../protocol/batch.ts';
import { Unfolding } from '../protocol/compression/index.ts';
import { COMPRESSION_TYPES, CompressionError } from '../protocol/compression/types.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { AppendRefused, RecordErrors } from './append-errors.ts';
import type { AppendOptions } from './append-types.ts';

/**
 * Kafka streams through a compressed batch and so accepts one that unfolds without bound. Time is bounded here: a
 * megabyte of zeros folds a thousandfold, an honest batch twenty- to fifty-fold.
 */
export const MAX_UNFOLDED_BYTES = 128 * 1024 * 1024;

/** The most that is held at once where a codec refers far back; what clients write refers back 8 MiB at most. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;

/** What walking a record costs beside its bytes: records of a few bytes would else make a step a hundred times as long. */
const RECORD_COST_BYTES = 32;

export type ContentOptions = Pick<AppendOptions, 'config' | 'maxUnfoldedBytes' | 'nowMs' | 'topicPartition'>;

/** What the records of a sound batch say together. */
export type Content = {
  readonly count: number;
  readonly maxTimestampMs: number;
  /** Offsets are not one after another from 0 on. */
  readonly hasGaps: boolean;
};

/** One for the process: a step ends before another begins, and a cursor per batch would be garbage per batch. */
const cursor = new RecordCursor(Buffer.alloc(0), 0, 0);
const EMPTY = Buffer.alloc(0);

/** The records of one batch, checked and counted as they come. */
class Tally implements Content {
  readonly count: number;
  maxTimestampMs = batch.NO_TIMESTAMP;
  hasGaps = false;
  /** Of the record that comes next. */
  index = 0;
  readonly errors: RecordErrors;
  private readonly isAppendTime: boolean;
  private readonly batchMaxMs: number;
  private readonly baseMs: number;

  /** @throws {AppendRefused} */
  constructor(records: Buffer, options: ContentOptions) {
    this.count = batch.recordCount(records);
    this.errors = new RecordErrors(options);
    this.isAppendTime = batch.timestampType(records) === 'LogAppendTime';
    this.batchMaxMs = batch.maxTimestamp(records);
    this.baseMs = batch.firstTimestamp(records);
    if (this.count < 0) throw invalid(`a batch counts ${this.count} records`);
  }

  /** The records that lie in the cursor's bytes whole. @throws {AppendRefused} */
  walk(): void {
    this.#pass();
    for (let hasMore = true; hasMore && this.index < this.count; ) {
      hasMore = this.#look(Math.min(this.index + RUN_RECORDS, this.count));
    }
  }

  /** Looks at each record below `stop`, and tells whether there were as many. Short runs: see RecordCursor.pass. */
  #look(stop: number): boolean {
    const { errors } = this;
    const isAppendTime = this.isAppendTime;
    let index = this.index;
    let maxTimestampMs = this.maxTimestampMs;
    for (; index < stop && cursor.next(); index++) {
      const timestampMs = isAppendTime ? this.batchMaxMs : this.baseMs + cursor.timestampDeltaMs;
      errors.check(index, cursor.offsetDelta, cursor.keyLength >= 0, timestampMs, isAppendTime);
      if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
      if (cursor.offsetDelta !== index) this.hasGaps = true;
    }
    this.index = index;
    this.maxTimestampMs = maxTimestampMs;
    return index === stop;
  }

  /** Records of the usual shape that nothing is wrong with, which most batches hold alone. */
  #pass(): void {
    if (this.isAppendTime) return;
    const { errors, index, baseMs } = this;
    const minDeltaMs = asInt32(errors.earliestMs - baseMs);
    const maxDeltaMs = asInt32(errors.latestMs - baseMs);
    this.index = cursor.pass(index, this.count, minDeltaMs, maxDeltaMs, errors.needsKey);
    if (this.index === index) return;
    this.maxTimestampMs = Math.max(this.maxTimestampMs, baseMs + cursor.timestampDeltaMs);
  }

  /** The record that lay in several pieces. @throws {AppendRefused} */
  take(split: SplitRecord): void {
    const isAppendTime = this.isAppendTime;
    const timestampMs = isAppendTime ? this.batchMaxMs : this.baseMs + split.timestampDeltaMs;
    this.errors.check(this.index, split.offsetDelta, split.keyLength >= 0, timestampMs, isAppendTime);
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
    if (split.offsetDelta !== this.index) this.hasGaps = true;
    this.index++;
  }

  /** The content is at its end, or, when it `hasMore`, where its last record ends. @throws {AppendRefused} */
  end(hasMore: boolean): void {
    if (this.index < this.count) throw invalid('a batch holds fewer records than it counts');
    if (hasMore && this.count > 0) throw invalid('a batch holds bytes after its last record');
  }
}

/** A bound for what is less than these, so that comparisons are of small integers. */
function asInt32(bound: number): number {
  return Math.min(Math.max(bound, -0x80000000), 0x7fffffff);
}

/** What is inside the batch that `records` begins with. @throws {AppendRefused} @throws {CompressionError} */
export function contentOf(records: Buffer, options: ContentOptions): Content {
  if (batch.compressionId(records) !== 0) {
    const walk = new ContentWalk(records, options);
    walk.advance();
    return walk.result();
  }
  const tally = new Tally(records, options);
  cursor.reset(records, batch.BATCH_HEADER_SIZE, batch.sizeInBytes(records));
  try {
    tally.walk();
    if (cursor.problem !== null) throw invalid(cursor.problem);
    tally.end(cursor.remaining > 0);
  } finally {
    cursor.reset(EMPTY, 0, 0);
  }
  tally.errors.throwIfAny();
  return tally;
}

/** The walk over one compressed batch. `records` is looked at until the walk is over, or `moveTo` was called. */
export class ContentWalk {
  readonly #options: ContentOptions;
  #records: Buffer;
  #tally: Tally | null = null;
  #unfolding: Unfolding | null = null;
  /** The record that began in an earlier piece. */
  #split: SplitRecord | null = null;
  #failure: AppendRefused | CompressionError | null = null;
  #isOver = false;
  #spentBytes = 0;

  /** `records` begins with a whole batch of magic 2. */
  constructor(records: Buffer, options: ContentOptions) {
    this.#records = records;
    this.#options = options;
  }

  /** What the steps so far cost, in bytes. */
  get spentBytes(): number {
    return this.#spentBytes;
  }

  /** Goes on until about `budgetBytes` more are spent, by a piece at most, and tells whether the walk is over. */
  advance(budgetBytes = Number.POSITIVE_INFINITY): boolean {
    const stopAt = this.#spentBytes + budgetBytes;
    try {
      while (!this.#isOver && this.#spentBytes < stopAt) this.#step();
    } catch (error) {
      if (!(error instanceof AppendRefused || error instanceof CompressionError)) throw error;
      this.#failure = error;
      this.#end();
    } finally {
      cursor.reset(EMPTY, 0, 0);
    }
    return this.#isOver;
  }

  /** The same bytes lie here from now on. */
  moveTo(records: Buffer): void {
    this.#records = records;
    this.#unfolding?.moveTo(sectionOf(records));
  }

  /** Lets go of what is unfolded in part: the walk, which is not over, begins again. */
  restart(): void {
    this.#unfolding?.close();
    this.#unfolding = null;
    this.#tally = null;
    this.#split = null;
  }

  /** Gives up: what is unfolded in part is let go. */
  abandon(): void {
    this.#end();
  }

  /** What was found, when the walk is over. @throws {AppendRefused} @throws {CompressionError} */
  result(): Content {
    if (this.#failure !== null) throw this.#failure;
    const tally = this.#tally;
    assert(tally !== null && this.#isOver, 'a walk is asked for its result when it is over');
    tally.errors.throwIfAny();
    return tally;
  }

  #step(): void {
    this.#tally ??= new Tally(this.#records, this.#options);
    const maxBytes = this.#options.maxUnfoldedBytes ?? MAX_UNFOLDED_BYTES;
    this.#unfolding ??= new Unfolding(
      batch.compressionId(this.#records),
      sectionOf(this.#records),
      maxBytes,
      UNFOLD_OPTIONS,
    );
    const piece = this.#unfolding.next();
    if (piece !== null) {
      this.#spentBytes += piece.length;
      this.#take(piece, this.#tally);
      return;
    }
    if (this.#split?.isOpen === true) this.#split.cut();
    if (this.#split?.problem) throw invalid(this.#split.problem);
    this.#tally.end(false);
    this.#end();
  }

  #take(piece: Buffer, tally: Tally): void {
    const from = tally.index;
    let pos = this.#split?.isOpen === true ? this.#takeSplit(this.#split, piece, 0, tally) : 0;
    if (tally.index < tally.count && pos < piece.length) {
      cursor.reset(piece, pos, piece.length);
      tally.walk();
      pos = piece.length - cursor.remaining;
      if (cursor.problem !== null) {
        if (cursor.problem !== BEYOND_END) throw invalid(cursor.problem);
        this.#split ??= new SplitRecord();
        this.#split.begin();
        pos = this.#takeSplit(this.#split, piece, cursor.recordStart, tally);
      }
    }
    this.#spentBytes += (tally.index - from) * RECORD_COST_BYTES;
    // The last record may end where a piece does: then only the next piece, or the end, tells whether more follows.
    if (tally.index === tally.count && pos < piece.length) tally.end(true);
  }

  #takeSplit(split: SplitRecord, piece: Buffer, start: number, tally: Tally): number {
    const pos = split.take(piece, start);
    if (split.problem !== null) throw invalid(split.problem);
    if (!split.isOpen) tally.take(split);
    return pos;
  }

  #end(): void {
    this.#isOver = true;
    this.#unfolding?.close();
    this.#unfolding = null;
    this.#records = EMPTY;
  }
}

// Kafka's reader ends with the first lz4 frame: so do we, or a batch would mean two things.
const UNFOLD_OPTIONS = { firstFrameOnly: true, maxHeldBytes: MAX_HELD_BYTES };

/**
 * The walk over the content of `records`, where that is one batch that must be unfolded for it; null where there is none
 * to do ahead of an append, which then finds by itself what there is. `optionsOf` is asked only if there is one.
 */
export function compressedContent(records: Buffer, optionsOf: () => ContentOptions): ContentWalk | null {
  if (records.length < batch.BATCH_HEADER_SIZE || batch.magic(records) !== batch.MAGIC_V2) return null;
  const id = batch.compressionId(records);
  const size = batch.sizeInBytes(records);
  if (id === 0 || id >= COMPRESSION_TYPES.length) return null;
  if (size < batch.BATCH_HEADER_SIZE || size > records.length) return null;
  return new ContentWalk(records, optionsOf());
}

function sectionOf(records: Buffer): Buffer {
  return records.subarray(batch.BATCH_HEADER_SIZE, batch.sizeInBytes(records));
}

function invalid(reason: string): AppendRefused {
  return new AppendRefused(ErrorCode.INVALID_RECORD, reason);
}
