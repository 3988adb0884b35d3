/**
 * Transactions as a compaction meets them, batch by batch: which data was aborted, and which markers are still needed.
 *
 * Always true: batches are shown in the order of their offsets; a marker may go only when no batch of its transaction
 * was met before it. An aborted transaction of which a batch was met keeps its entry in the transaction index, because
 * a reader may still get at that batch until the segments are swapped, or later if it stays as an empty one.
 * Agrees with Kafka's CleanedTransactionMetadata.
 */

import { ControlType, controlTypeOf } from '../protocol/batch/control.ts';
import { isControl, isTransactional, iterateRecords, lastOffset, producerId } from '../protocol/batch.ts';
import type { AbortedTransactionEntry } from './transaction-index.ts';

interface OngoingAborted {
  readonly entry: AbortedTransactionEntry;
  hasBatches: boolean;
}

export class CompactedTransactions {
  /** Told the entries that the new transaction index needs. */
  onKeptAbort: (entry: AbortedTransactionEntry) => void = () => {};
  /** Ascending by first offset. */
  readonly #aborted: readonly AbortedTransactionEntry[];
  #next = 0;
  readonly #ongoingAborted = new Map<number, OngoingAborted>();
  readonly #ongoingCommitted = new Set<number>();

  constructor(aborted: readonly AbortedTransactionEntry[]) {
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Takes note of a batch; true when it is aborted data, or a marker that nothing needs. */
  isDiscardable(buffer: Buffer, at: number): boolean {
    this.#beginUpTo(lastOffset(buffer, at));
    const id = producerId(buffer, at);
    if (isControl(buffer, at)) return this.#isMarkerDiscardable(buffer, at, id);
    if (!isTransactional(buffer, at)) return false;
    const aborted = this.#ongoingAborted.get(id);
    if (aborted === undefined) {
      this.#ongoingCommitted.add(id);
      return false;
    }
    aborted.hasBatches = true;
    return true;
  }

  #beginUpTo(offset: number): void {
    for (let entry = this.#aborted[this.#next]; entry !== undefined; entry = this.#aborted[this.#next]) {
      if (entry.firstOffset > offset) return;
      this.#next++;
      if (!this.#ongoingAborted.has(entry.producerId)) {
        this.#ongoingAborted.set(entry.producerId, { entry, hasBatches: false });
      }
    }
  }

  #isMarkerDiscardable(buffer: Buffer, at: number, id: number): boolean {
    for (const { key } of iterateRecords(buffer, at)) {
      const type = controlTypeOf(key);
      if (type === ControlType.COMMIT) return !this.#ongoingCommitted.delete(id);
      if (type !== ControlType.ABORT) return false;
      const aborted = this.#ongoingAborted.get(id);
      this.#ongoingAborted.delete(id);
      if (aborted?.hasBatches !== true) return true;
      this.onKeptAbort(aborted.entry);
      return false;
    }
    // An empty control batch has lost its marker already: only its producer's state may still need it.
    return true;
  }
}
