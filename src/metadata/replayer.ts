/**
 * Committed batches of the metadata log turned into images, metadata transactions included (KIP-868;
 * org.apache.kafka.image.loader.MetadataBatchLoader).
 *
 * Always true: `settle` never gives an image with half a transaction in it. While one is open the image stays as it
 * was before its BeginTransactionRecord, and an AbortTransactionRecord leaves no trace of it.
 */
import { assert } from '../../protocol/assert.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import { MetadataDelta } from './delta.ts';
import type { Provenance } from './image.ts';
import { MetadataImage } from './image.ts';
import { Touched } from './touched.ts';

/** One batch of the log. A control batch has no records here but takes up its offsets. */
export interface CommittedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Raft epoch in which it was appended. */
  readonly epoch: number;
  readonly appendTimestampMs: number;
  /** Bytes it takes in the log. */
  readonly sizeInBytes: number;
  readonly records: readonly MetadataRecord[];
}

/** A snapshot's content. `lastContainedOffset` is one below the end offset in its file name. */
export interface LoadedSnapshot {
  readonly lastContainedOffset: number;
  readonly epoch: number;
  readonly lastContainedLogTimestampMs: number;
  readonly records: Iterable<MetadataRecord>;
}

export class MetadataReplayer {
  #settled: MetadataImage;
  /** Changes on top of `#settled` that belong to no open transaction. */
  #delta: MetadataDelta | null = null;
  #transaction: { readonly startOffset: number; readonly delta: MetadataDelta } | null = null;
  #touched = new Touched();
  #last: Provenance;

  constructor(image: MetadataImage = MetadataImage.EMPTY) {
    this.#settled = image;
    this.#last = image;
  }

  /** Highest offset that was applied, inside a transaction or not. */
  get lastOffset(): number {
    return this.#last.offset;
  }

  get lastEpoch(): number {
    return this.#last.epoch;
  }

  /** Offset of the BeginTransactionRecord of the open transaction, -1 when none is open. */
  get transactionStartOffset(): number {
    return this.#transaction?.startOffset ?? -1;
  }

  apply(batch: CommittedBatch): void {
    assert(batch.baseOffset > this.#last.offset, 'Committed batches come in the order of their offsets.');
    for (const [index, record] of batch.records.entries()) {
      this.#applyRecord(record, batch, batch.baseOffset + index);
    }
    this.#last = {
      offset: batch.lastOffset,
      epoch: batch.epoch,
      timestampMs: batch.appendTimestampMs,
    };
  }

  /** Replaces everything by a snapshot. */
  reset(snapshot: LoadedSnapshot): void {
    const delta = new MetadataDelta(MetadataImage.EMPTY);
    for (const record of snapshot.records) delta.replay(record);
    this.#touched.addImage(this.#settled);
    this.#touched.addAll(delta.touched);
    this.#last = {
      offset: snapshot.lastContainedOffset,
      epoch: snapshot.epoch,
      timestampMs: snapshot.lastContainedLogTimestampMs,
    };
    this.#settled = delta.build(this.#last);
    this.#delta = null;
    this.#transaction = null;
  }

  /** Starts again from an image that is known to be the committed state. */
  resetTo(image: MetadataImage): void {
    this.#settled = image;
    this.#delta = null;
    this.#transaction = null;
    this.#touched = new Touched();
    this.#last = image;
  }

  /** The image that holds everything applied so far, save an open transaction. */
  settle(): MetadataImage {
    if (this.#transaction === null && this.#settled.offset !== this.#last.offset) {
      this.#settled = (this.#delta ?? new MetadataDelta(this.#settled)).build(this.#last);
      this.#absorb(this.#delta);
      this.#delta = null;
    }
    return this.#settled;
  }

  /** What was touched since the last call. Call it after `settle`. */
  takeTouched(): Touched {
    const touched = this.#touched;
    this.#touched = new Touched();
    return touched;
  }

  #absorb(delta: MetadataDelta | null): void {
    if (delta !== null) this.#touched.addAll(delta.touched);
  }

  #applyRecord(record: MetadataRecord, batch: CommittedBatch, offset: number): void {
    const provenance = { offset, epoch: batch.epoch, timestampMs: batch.appendTimestampMs };
    switch (record.type) {
      case 'BeginTransactionRecord': {
        assert(this.#transaction === null, 'A metadata transaction begins while none is open.');
        if (this.#delta !== null) this.#settled = this.#delta.build(this.#last);
        this.#absorb(this.#delta);
        this.#delta = null;
        this.#transaction = { startOffset: offset, delta: new MetadataDelta(this.#settled) };
        break;
      }
      case 'EndTransactionRecord': {
        const { delta } = this.#openTransaction();
        this.#settled = delta.build(provenance);
        this.#absorb(delta);
        this.#transaction = null;
        break;
      }
      case 'AbortTransactionRecord':
        this.#openTransaction();
        this.#transaction = null;
        break;
      default: {
        if (this.#transaction !== null) {
          this.#transaction.delta.replay(record);
          break;
        }
        this.#delta ??= new MetadataDelta(this.#settled);
        this.#delta.replay(record);
      }
    }
    this.#last = provenance;
  }

  #openTransaction(): { readonly startOffset: number; readonly delta: MetadataDelta } {
    assert(this.#transaction !== null, 'A metadata transaction that ends was begun.');
    return this.#transaction;
  }
}
