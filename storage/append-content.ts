// What is inside a batch of magic 2, as far as an append hangs on it: LogValidator#validateRecord for every record, and
// RecordIterator of DefaultRecordBatch.
//
// A batch without a codec is walked at once. One with a codec is unfolded piece by piece and walked as it comes, as
// Kafka does, so that a batch takes a small constant of memory whatever it unfolds to; and the walk can rest between
// two pieces, so that it need not hold up everything else. Always true: what is found does not hang on where the pieces
// or the rests fall, nor on the offsets that the batch will get.

import { BEYOND_END, RecordCursor } from '../protocol/batch/record.ts';
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

/** The walk over one batch. `records` is looked at until the walk has ended, or `moveTo` was called. */
export class ContentWalk {
  readonly #errors: RecordErrors;
  readonly #count: number;
  readonly #isAppendTime: boolean;
  readonly #batchMaxMs: number;
  readonly #baseMs: number;
  readonly #maxBytes: number;
  readonly #codec: number;
  #records: Buffer;
  /** Null before the first step of a compressed batch. */
  #unfolding: Unfolding | null = null;
  /** The record that began in an earlier piece. */
  #split: SplitRecord | null = null;
  #index = 0;
  #maxTimestampMs = batch.NO_TIMESTAMP;
  #hasGaps = false;
  #failure: AppendRefused | CompressionError | null = null;
  #isOver = false;
  #spentBytes = 0;

  /** `records` begins with a whole batch of magic 2. */
  constructor(records: Buffer, options: ContentOptions) {
    this.#records = records;
    this.#errors = new RecordErrors(options);
    this.#count = batch.recordCount(records);
    this.#codec = batch.compressionId(records);
    this.#isAppendTime = batch.timestampType(records) === 'LogAppendTime';
    this.#batchMaxMs = batch.maxTimestamp(records);
    this.#baseMs = batch.firstTimestamp(records);
    this.#maxBytes = options.maxUnfoldedBytes ?? MAX_UNFOLDED_BYTES;
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

  /** Gives up: what is unfolded in part is let go. */
  abandon(): void {
    this.#end();
  }

  /** What was found, when the walk is over. @throws {AppendRefused} @throws {CompressionError} */
  result(): Content {
    if (this.#failure !== null) throw this.#failure;
    this.#errors.throwIfAny();
    return { count: this.#count, maxTimestampMs: this.#maxTimestampMs, hasGaps: this.#hasGaps };
  }

  #step(): void {
    if (this.#count < 0) throw invalid(`a batch counts ${this.#count} records`);
    if (this.#codec === 0) {
      cursor.reset(this.#records, batch.BATCH_HEADER_SIZE, batch.sizeInBytes(this.#records));
      this.#walk();
      if (cursor.problem !== null) throw invalid(cursor.problem);
      this.#noteEnd(cursor.remaining > 0);
      return;
    }
    this.#unfolding ??= new Unfolding(this.#codec, sectionOf(this.#records), this.#maxBytes, {
      firstFrameOnly: true,
      maxHeldBytes: MAX_HELD_BYTES,
    });
    const piece = this.#unfolding.next();
    if (piece === null) {
      if (this.#split?.isOpen === true) this.#split.cut();
      if (this.#split?.problem) throw invalid(this.#split.problem);
      this.#noteEnd(false);
      return;
    }
    this.#spentBytes += piece.length;
    this.#take(piece);
  }

  #take(piece: Buffer): void {
    let pos = 0;
    const split = this.#split;
    if (split?.isOpen === true) {
      pos = this.#takeSplit(split, piece, 0);
      if (split.isOpen) return;
    }
    if (this.#index < this.#count) {
      cursor.reset(piece, pos, piece.length);
      this.#walk();
      pos = piece.length - cursor.remaining;
      if (cursor.problem !== null) {
        if (cursor.problem !== BEYOND_END) throw invalid(cursor.problem);
        this.#split ??= new SplitRecord();
        this.#split.begin();
        pos = this.#takeSplit(this.#split, piece, cursor.recordStart);
      }
    }
    // The last record may end where a piece does: then only the next, or the end, tells whether more follows.
    if (this.#index === this.#count && pos < piece.length) this.#noteEnd(true);
  }

  #takeSplit(split: SplitRecord, piece: Buffer, start: number): number {
    const pos = split.take(piece, start);
    if (split.problem !== null) throw invalid(split.problem);
    if (!split.isOpen) this.#noteSplit(split);
    return pos;
  }

  /** The records that lie in the cursor's bytes whole. */
  #walk(): void {
    const errors = this.#errors;
    const isAppendTime = this.#isAppendTime;
    const count = this.#count;
    const from = this.#index;
    let index = from;
    let maxTimestampMs = this.#maxTimestampMs;
    for (; index < count && cursor.next(); index++) {
      const timestampMs = isAppendTime ? this.#batchMaxMs : this.#baseMs + cursor.timestampDeltaMs;
      errors.check(index, cursor.offsetDelta, cursor.keyLength >= 0, timestampMs, isAppendTime);
      if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
      if (cursor.offsetDelta !== index) this.#hasGaps = true;
    }
    this.#index = index;
    this.#maxTimestampMs = maxTimestampMs;
    this.#spentBytes += (index - from) * RECORD_COST_BYTES;
  }

  /** The record that lay in several pieces. */
  #noteSplit(split: SplitRecord): void {
    const isAppendTime = this.#isAppendTime;
    const timestampMs = isAppendTime ? this.#batchMaxMs : this.#baseMs + split.timestampDeltaMs;
    this.#errors.check(this.#index, split.offsetDelta, split.keyLength >= 0, timestampMs, isAppendTime);
    if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    if (split.offsetDelta !== this.#index) this.#hasGaps = true;
    this.#index++;
  }

  #noteEnd(hasMore: boolean): void {
    if (this.#index < this.#count) throw invalid('a batch holds fewer records than it counts');
    if (hasMore && this.#count > 0) throw invalid('a batch holds bytes after its last record');
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#unfolding?.close();
    this.#unfolding = null;
    this.#records = EMPTY;
  }
}

/**
 * The walk over the content of `records`, where that is one batch that must be unfolded for it; null where there is none
 * to do ahead of an append, which then finds by itself what there is.
 */
export function compressedContent(records: Buffer, options: ContentOptions): ContentWalk | null {
  if (records.length < batch.BATCH_HEADER_SIZE || batch.magic(records) !== batch.MAGIC_V2) return null;
  const id = batch.compressionId(records);
  const size = batch.sizeInBytes(records);
  if (id === 0 || id >= COMPRESSION_TYPES.length) return null;
  if (size < batch.BATCH_HEADER_SIZE || size > records.length) return null;
  return new ContentWalk(records, options);
}

function sectionOf(records: Buffer): Buffer {
  return records.subarray(batch.BATCH_HEADER_SIZE, batch.sizeInBytes(records));
}

function invalid(reason: string): AppendRefused {
  return new AppendRefused(ErrorCode.INVALID_RECORD, reason);
}
