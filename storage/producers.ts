/**
 * What the log asks of producer state: idempotence, open transactions, and their snapshots.
 *
 * The log calls in a fixed order: `check` a set of batches, then, once their bytes are staged, `apply` what was
 * checked. `endOffset` is the offset up to which batches have been seen. Always true: after `undo` the state is what
 * it was at `mark`; after `reload` and a replay up to the log's end it is what it would be had the process never stopped.
 */

import type { Disk } from './disk.ts';
import type { ProducerEntry } from './producer-entry.ts';

export type AppendOrigin = 'client' | 'coordinator' | 'raft' | 'replication';

/** A transaction that an end marker has closed. */
export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of the marker. */
  readonly lastOffset: number;
  readonly isAborted: boolean;
}

/** A batch that was appended before, as the producer's retry should be answered. */
export interface DuplicateBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly timestampMs: number;
}

export type ProducerVerdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'duplicate'; readonly batch: DuplicateBatch }
  | { readonly kind: 'refused'; readonly errorCode: number; readonly errorMessage: string };

export interface Producers {
  readonly endOffset: number;
  /** First offset of the earliest transaction that readers of committed data may not pass yet, or -1. */
  readonly firstUnstableOffset: number;
  readonly latestSnapshotOffset: number;

  /** Every producer known, for DescribeProducers. */
  activeProducers(): Iterable<ProducerEntry>;
  /** Begins to ask whether a producer's transaction includes this partition: see producer-state.ts (KIP-890). */
  startVerification(producerId: number, sequence: number, producerEpoch: number, nowMs: number): number;
  /** The coordinator has agreed: appends of a coordinator of this broker need no guard from now on. */
  confirmVerification(producerId: number, guard: number): void;

  /** Judges a set of batches whose offsets are assigned. Changes nothing. `guard`: see `VerificationGuard`. */
  check(records: Buffer, origin: AppendOrigin, nowMs: number, guard?: number): ProducerVerdict;
  /** Takes the set last checked into the state; the transactions it closed. */
  apply(): readonly CompletedTransaction[];
  /** Takes one batch of the log into the state, believing it; the transaction it closed. */
  replay(buffer: Buffer, at: number): CompletedTransaction | null;
  /** The last stable offset right after `completed`, for the transaction index. */
  lastStableOffsetAfter(completed: CompletedTransaction): number;
  completed(transaction: CompletedTransaction): void;
  setEndOffset(offset: number): void;
  onHighWatermark(offset: number): void;
  onLogStartOffset(offset: number): void;
  expire(nowMs: number): void;

  mark(): void;
  undo(): void;

  /** Loads the latest snapshot at or below `endOffset` and drops later ones; `endOffset` tells where replay begins. */
  reload(logStartOffset: number, endOffset: number, nowMs: number): void;
  restartAt(offset: number): void;
  /** Writes a snapshot at `endOffset`; the path, or null when there is one already. */
  takeSnapshot(durable: boolean): string | null;
  /** Drops the snapshot at `offset`, of a segment that has gone. */
  removeSnapshot(offset: number): void;
  /** Keeps of the snapshots only those at a segment's start, and the newest of all (removeStraySnapshots). */
  removeStraySnapshots(baseOffsets: readonly number[]): void;
  movedTo(directory: string): void;
}

export type OpenProducers = (disk: Disk, directory: string) => Producers;

const NEW: ProducerVerdict = { kind: 'new' };
const NONE: readonly CompletedTransaction[] = [];

/** For logs without producers: the metadata log has one writer, the Raft leader. */
export class NoProducers implements Producers {
  endOffset = 0;
  readonly firstUnstableOffset = -1;
  readonly latestSnapshotOffset = -1;
  #markedEnd = 0;

  activeProducers(): Iterable<ProducerEntry> {
    return [];
  }

  startVerification(): number {
    return 0;
  }

  confirmVerification(): void {}

  check(): ProducerVerdict {
    return NEW;
  }

  apply(): readonly CompletedTransaction[] {
    return NONE;
  }

  replay(): null {
    return null;
  }

  lastStableOffsetAfter(completed: CompletedTransaction): number {
    return completed.lastOffset + 1;
  }

  completed(): void {}

  setEndOffset(offset: number): void {
    this.endOffset = offset;
  }

  onHighWatermark(): void {}

  onLogStartOffset(): void {}

  expire(): void {}

  mark(): void {
    this.#markedEnd = this.endOffset;
  }

  undo(): void {
    this.endOffset = this.#markedEnd;
  }

  reload(_logStartOffset: number, endOffset: number): void {
    this.endOffset = endOffset;
  }

  restartAt(offset: number): void {
    this.endOffset = offset;
  }

  takeSnapshot(): null {
    return null;
  }

  removeSnapshot(): void {}

  removeStraySnapshots(): void {}

  movedTo(): void {}
}
