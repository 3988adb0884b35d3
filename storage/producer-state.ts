// The producers of one partition: idempotence, open transactions, and their snapshots (Kafka's ProducerStateManager).
//
// Always true: `check` changes nothing; `apply` takes over exactly what was last checked. Open transactions are kept
// in the order of their first offsets; a completed one still holds the last stable offset back until the high
// watermark has passed its marker. A producer with an open transaction never expires.

import { assert } from '../protocol/assert.ts';
import { checkBatchFrame, hasProducerId, sizeInBytes } from '../protocol/batch.ts';
import type { Disk } from './disk.ts';
import { joinPath, offsetOfFileName, PRODUCER_SNAPSHOT_SUFFIX, segmentFileName } from './layout.ts';
import type { ProducerLookup } from './producer-append.ts';
import { ProducerAppend } from './producer-append.ts';
import type { ProducerEntry } from './producer-entry.ts';
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.ts';
import type {
  AppendOrigin,
  CompletedTransaction,
  OpenProducers,
  Producers,
  ProducerVerdict,
} from './producers.ts';
import { readSmallFile, replaceSmallFile } from './small-file.ts';

/** A transaction is late when it outlives the longest allowed one by this much: it probably hangs. */
const LATE_TRANSACTION_BUFFER_MS = 5 * 60 * 1000;

export type ProducerStateOptions = {
  /** `producer.id.expiration.ms`, a dynamic config. */
  readonly expirationMs: () => number;
  /** `transaction.partition.verification.enable`, a dynamic config (KIP-890). */
  readonly isVerificationEnabled: () => boolean;
};

/** Proof that the coordinator was asked about a producer's transaction on this partition (KIP-890); 0 proves nothing. */
export type VerificationGuard = number;
export const NO_GUARD: VerificationGuard = 0;

type Verification = {
  readonly guard: VerificationGuard;
  readonly startedMs: number;
  lowestSequence: number;
  producerEpoch: number;
  /** The coordinator has agreed. Only the appends of coordinators rely on it; others bring the guard itself. */
  isConfirmed: boolean;
};

/**
 * Producers, and verifications under way, that a partition remembers. Beyond that the longest idle ones are forgotten,
 * as if they had expired: a producer id is free for the asking, and a million of them are not to fill the memory.
 * Kafka has no such limit.
 */
const MAX_PRODUCERS = 100_000;
/** So many go at once, so that the search for them is seldom. */
const FORGOTTEN_AT_ONCE = MAX_PRODUCERS / 4;

/** Guards are never reused in a process, so that a late answer cannot open a newer transaction. */
let lastGuard = NO_GUARD;

/** Of the last batch that is remembered, or -1. */
const lastOffsetOf = ({ batches }: ProducerEntry): number => batches.at(-1)?.lastOffset ?? -1;

const NEW: ProducerVerdict = { kind: 'new' };
const NONE: readonly CompletedTransaction[] = [];

/** For `Log`: opens the state of the partition in a directory. */
export function openProducerState(options: ProducerStateOptions): OpenProducers {
  return (disk, directory) => new ProducerState(disk, directory, options);
}

export class ProducerState implements Producers {
  readonly #disk: Disk;
  readonly #options: ProducerStateOptions;
  #directory: string;

  #entries = new Map<number, ProducerEntry>();
  #forgetAbove = MAX_PRODUCERS;
  /** First offset to producer id, ascending. */
  #ongoing = new Map<number, number>();
  /** Completed, with markers at or above the high watermark. */
  #unreplicated: CompletedTransaction[] = [];
  /** The least first offset of `#unreplicated`, or -1. */
  #firstUnreplicated = -1;
  readonly #verifications = new Map<number, Verification>();
  /** What an append is judged by; one object for all of them. */
  readonly #lookup: ProducerLookup = {
    entry: (producerId) => this.#entries.get(producerId),
    lowestSequence: (producerId) => this.#verifications.get(producerId)?.lowestSequence ?? null,
    isVerified: (producerId) => this.#isVerified(producerId),
  };
  /** Of the append under judgement. */
  #guard: VerificationGuard = NO_GUARD;
  #origin: AppendOrigin = 'replication';

  #checked: ProducerAppend | null = null;
  #endOffset = 0;
  #lastSnapshotOffset = 0;
  /** Offsets of the snapshot files, ascending. */
  #snapshots: number[];

  /** What `undo` needs: entries as they were at `mark` where they have changed since, and transactions since. */
  #markedEndOffset = 0;
  readonly #replaced = new Map<number, ProducerEntry | undefined>();
  readonly #startedSince = new Set<number>();
  readonly #completedSince: CompletedTransaction[] = [];

  constructor(disk: Disk, directory: string, options: ProducerStateOptions) {
    this.#disk = disk;
    this.#directory = directory;
    this.#options = options;
    this.#snapshots = listSnapshots(disk, directory);
  }

  // ---------------------------------------------------------------------------------------------------- asking

  get endOffset(): number {
    return this.#endOffset;
  }

  get latestSnapshotOffset(): number {
    return this.#snapshots.at(-1) ?? -1;
  }

  get firstUnstableOffset(): number {
    const undecided = this.firstUndecidedOffset;
    if (this.#firstUnreplicated < 0) return undecided;
    return undecided < 0 ? this.#firstUnreplicated : Math.min(undecided, this.#firstUnreplicated);
  }

  /** The first offset of the earliest open transaction, or -1. */
  get firstUndecidedOffset(): number {
    for (const firstOffset of this.#ongoing.keys()) return firstOffset;
    return -1;
  }

  /** Every producer known, for DescribeProducers. */
  activeProducers(): IterableIterator<ProducerEntry> {
    return this.#entries.values();
  }

  get producerCount(): number {
    return this.#entries.size;
  }

  hasOngoingTransaction(producerId: number): boolean {
    return (this.#entries.get(producerId)?.currentTxnFirstOffset ?? -1) >= 0;
  }

  /** Whether the earliest open transaction has been silent for longer than any transaction may be open. */
  hasLateTransaction(nowMs: number, maxTransactionTimeoutMs: number): boolean {
    const producerId = this.#ongoing.get(this.firstUndecidedOffset);
    if (producerId === undefined) return false;
    const lastMs = this.#entries.get(producerId)?.lastTimestampMs ?? -1;
    return lastMs > 0 && nowMs - lastMs > maxTransactionTimeoutMs + LATE_TRANSACTION_BUFFER_MS;
  }

  // ------------------------------------------------------------------------------------------------- appending

  /** `guard` is what `startVerification` gave for the batch's producer, once the coordinator has agreed. */
  check(
    records: Buffer,
    origin: AppendOrigin,
    _nowMs: number,
    guard: VerificationGuard = NO_GUARD,
  ): ProducerVerdict {
    this.#checked = null;
    this.#guard = guard;
    this.#origin = origin;
    let append: ProducerAppend | null = null;
    // A plain loop: batchPositions would make a generator for each append.
    for (let at = 0; checkBatchFrame(records, at) === 'ok'; at += sizeInBytes(records, at)) {
      if (!hasProducerId(records, at)) continue;
      append ??= new ProducerAppend(this.#lookup, origin);
      const verdict = append.add(records, at);
      if (verdict.kind !== 'new') return verdict;
    }
    this.#checked = append;
    return NEW;
  }

  #isVerified(producerId: number): boolean {
    if (!this.#options.isVerificationEnabled()) return true;
    const verification = this.#verifications.get(producerId);
    if (verification === undefined) return false;
    return verification.guard === this.#guard || (this.#origin === 'coordinator' && verification.isConfirmed);
  }

  apply(): readonly CompletedTransaction[] {
    const append = this.#checked;
    if (append === null) return NONE;
    this.#checked = null;
    for (const [producerId, entry] of append.entries) this.#setEntry(producerId, entry);
    for (const [firstOffset, producerId] of append.started) {
      this.#ongoing.set(firstOffset, producerId);
      this.#startedSince.add(firstOffset);
    }
    for (const producerId of append.verified) this.#verifications.delete(producerId);
    if (this.#entries.size > this.#forgetAbove) this.#forgetIdle();
    return append.completed;
  }

  replay(buffer: Buffer, at: number): CompletedTransaction | null {
    if (!hasProducerId(buffer, at)) return null;
    const append = new ProducerAppend(this.#lookup, 'replication');
    append.add(buffer, at);
    this.#checked = append;
    return this.apply()[0] ?? null;
  }

  lastStableOffsetAfter(completed: CompletedTransaction): number {
    for (const [firstOffset, producerId] of this.#ongoing) {
      if (producerId !== completed.producerId) return firstOffset;
    }
    return completed.lastOffset + 1;
  }

  completed(transaction: CompletedTransaction): void {
    const { firstOffset } = transaction;
    assert(this.#ongoing.delete(firstOffset), 'a transaction that completes has begun');
    this.#unreplicated.push(transaction);
    if (this.#firstUnreplicated < 0 || firstOffset < this.#firstUnreplicated)
      this.#firstUnreplicated = firstOffset;
    this.#completedSince.push(transaction);
  }

  setEndOffset(offset: number): void {
    this.#endOffset = offset;
  }

  onHighWatermark(offset: number): void {
    this.#dropReplicated(offset);
  }

  onLogStartOffset(offset: number): void {
    this.#dropReplicated(offset);
    if (this.#endOffset < offset) this.#endOffset = offset;
    this.#lastSnapshotOffset = this.#snapshots.at(-1) ?? offset;
  }

  #dropReplicated(offset: number): void {
    if (this.#unreplicated.length === 0) return;
    this.#unreplicated = this.#unreplicated.filter((transaction) => transaction.lastOffset >= offset);
    this.#firstUnreplicated = this.#unreplicated.reduce(
      (least, { firstOffset }) => (least < 0 ? firstOffset : Math.min(least, firstOffset)),
      -1,
    );
  }

  expire(nowMs: number): void {
    const expirationMs = this.#options.expirationMs();
    for (const entry of this.#entries.values()) {
      if (isExpired(entry, nowMs, expirationMs)) this.#entries.delete(entry.producerId);
    }
    for (const [producerId, { startedMs }] of this.#verifications) {
      if (nowMs - startedMs >= expirationMs) this.#verifications.delete(producerId);
    }
  }

  /** Forgets those that appended longest ago, whatever their timestamps say, but none with an open transaction. */
  #forgetIdle(): void {
    const idle = [...this.#entries.values()].filter(({ currentTxnFirstOffset }) => currentTxnFirstOffset < 0);
    idle.sort((a, b) => lastOffsetOf(a) - lastOffsetOf(b));
    for (const { producerId } of idle.slice(0, FORGOTTEN_AT_ONCE)) this.#entries.delete(producerId);
    // More may be in transactions than are to be kept: then not every append looks for idle ones in vain.
    this.#forgetAbove = Math.max(MAX_PRODUCERS, this.#entries.size + FORGOTTEN_AT_ONCE);
  }

  // ---------------------------------------------------------------------------------------------- verification

  /**
   * Begins, or goes on with, asking the coordinator whether the producer's transaction includes this partition.
   * Returns the guard to append with, or `NO_GUARD` when the transaction is already open here.
   */
  startVerification(
    producerId: number,
    sequence: number,
    producerEpoch: number,
    nowMs: number,
  ): VerificationGuard {
    if (this.hasOngoingTransaction(producerId)) return NO_GUARD;
    const known = this.#verifications.get(producerId);
    if (known === undefined) {
      const guard = ++lastGuard;
      if (this.#verifications.size >= MAX_PRODUCERS) this.#forgetOldestVerification();
      this.#verifications.set(producerId, {
        guard,
        startedMs: nowMs,
        lowestSequence: sequence,
        producerEpoch,
        isConfirmed: false,
      });
      return guard;
    }
    // The lowest sequence must be appended first, or its retry would be out of order for ever.
    const isNewEpoch = producerEpoch > known.producerEpoch;
    if (isNewEpoch || (producerEpoch === known.producerEpoch && sequence < known.lowestSequence)) {
      if (isNewEpoch) known.isConfirmed = false;
      known.producerEpoch = producerEpoch;
      known.lowestSequence = sequence;
    }
    return known.guard;
  }

  #forgetOldestVerification(): void {
    for (const producerId of this.#verifications.keys()) {
      this.#verifications.delete(producerId);
      return;
    }
  }

  /** The coordinator has agreed to the verification with this guard; an answer to an earlier one changes nothing. */
  confirmVerification(producerId: number, guard: VerificationGuard): void {
    const verification = this.#verifications.get(producerId);
    if (verification?.guard === guard) verification.isConfirmed = true;
  }

  /** The guard of a verification under way, or `NO_GUARD`. */
  verificationGuard(producerId: number): VerificationGuard {
    return this.#verifications.get(producerId)?.guard ?? NO_GUARD;
  }

  // ---------------------------------------------------------------------------------------------- mark and undo

  mark(): void {
    this.#markedEndOffset = this.#endOffset;
    // Each clear makes a table anew, and most appends have no producer id.
    if (this.#replaced.size > 0) this.#replaced.clear();
    if (this.#startedSince.size > 0) this.#startedSince.clear();
    this.#completedSince.length = 0;
  }

  undo(): void {
    for (const [producerId, entry] of this.#replaced) {
      if (entry === undefined) this.#entries.delete(producerId);
      else this.#entries.set(producerId, entry);
    }
    const reopened = this.#completedSince.filter(({ firstOffset }) => !this.#startedSince.has(firstOffset));
    const kept = [...this.#ongoing].filter(([firstOffset]) => !this.#startedSince.has(firstOffset));
    for (const { firstOffset, producerId } of reopened) kept.push([firstOffset, producerId]);
    this.#ongoing = new Map(kept.sort(([a], [b]) => a - b));
    const undone = new Set(this.#completedSince);
    this.#unreplicated = this.#unreplicated.filter((transaction) => !undone.has(transaction));
    this.#dropReplicated(0);
    if (this.#unreplicated.length === 0) this.#firstUnreplicated = -1;
    this.#endOffset = this.#markedEndOffset;
    this.mark();
  }

  #setEntry(producerId: number, entry: ProducerEntry): void {
    if (!this.#replaced.has(producerId)) this.#replaced.set(producerId, this.#entries.get(producerId));
    this.#entries.set(producerId, entry);
  }

  // -------------------------------------------------------------------------------------------------- snapshots

  reload(logStartOffset: number, endOffset: number, nowMs: number): void {
    for (const offset of [...this.#snapshots]) {
      if (offset > endOffset || offset <= logStartOffset) this.removeSnapshot(offset);
    }
    if (endOffset === this.#endOffset) {
      this.onLogStartOffset(logStartOffset);
    } else {
      this.#clear();
      this.#loadLatest(logStartOffset, nowMs);
    }
    this.mark();
  }

  #loadLatest(logStartOffset: number, nowMs: number): void {
    for (let offset = this.latestSnapshotOffset; offset >= 0; offset = this.latestSnapshotOffset) {
      const bytes = readSmallFile(this.#disk, this.#pathOf(offset));
      const entries = bytes === null ? null : decodeProducerSnapshot(bytes);
      if (entries !== null) {
        this.#restore(entries, nowMs);
        this.#lastSnapshotOffset = offset;
        this.#endOffset = offset;
        return;
      }
      this.removeSnapshot(offset);
    }
    this.#lastSnapshotOffset = logStartOffset;
    this.#endOffset = logStartOffset;
  }

  #restore(entries: readonly ProducerEntry[], nowMs: number): void {
    const expirationMs = this.#options.expirationMs();
    const kept = entries.filter((entry) => !isExpired(entry, nowMs, expirationMs));
    for (const entry of kept) this.#entries.set(entry.producerId, entry);
    const open = kept.filter((entry) => entry.currentTxnFirstOffset >= 0);
    open.sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset);
    for (const entry of open) this.#ongoing.set(entry.currentTxnFirstOffset, entry.producerId);
  }

  restartAt(offset: number): void {
    this.#clear();
    for (const snapshot of [...this.#snapshots]) this.removeSnapshot(snapshot);
    this.#lastSnapshotOffset = 0;
    this.#endOffset = offset;
    this.mark();
  }

  #clear(): void {
    this.#checked = null;
    this.#entries.clear();
    this.#ongoing.clear();
    this.#unreplicated = [];
    this.#firstUnreplicated = -1;
  }

  takeSnapshot(durable: boolean): string | null {
    const offset = this.#endOffset;
    if (offset <= this.#lastSnapshotOffset) return null;
    const path = this.#pathOf(offset);
    replaceSmallFile(this.#disk, path, encodeProducerSnapshot(this.#entries.values()), durable);
    this.#snapshots = [...this.#snapshots.filter((known) => known !== offset), offset].sort((a, b) => a - b);
    this.#lastSnapshotOffset = offset;
    return path;
  }

  removeSnapshot(offset: number): void {
    if (!this.#snapshots.includes(offset)) return;
    this.#snapshots = this.#snapshots.filter((known) => known !== offset);
    this.#disk.removeNow(this.#pathOf(offset));
  }

  removeStraySnapshots(baseOffsets: readonly number[]): void {
    this.#snapshots = listSnapshots(this.#disk, this.#directory);
    const isBase = new Set(baseOffsets);
    const strays = this.#snapshots.filter((offset) => !isBase.has(offset));
    // The newest of them is what a clean stop has left at the log's end, unless a segment lies above it.
    const newest = strays.at(-1) ?? -1;
    const lastBase = baseOffsets.reduce((most, offset) => Math.max(most, offset), -1);
    for (const offset of strays) {
      if (offset !== newest || offset < lastBase) this.removeSnapshot(offset);
    }
  }

  movedTo(directory: string): void {
    this.#directory = directory;
  }

  #pathOf(offset: number): string {
    return joinPath(this.#directory, segmentFileName(offset, PRODUCER_SNAPSHOT_SUFFIX));
  }
}

function isExpired(entry: ProducerEntry, nowMs: number, expirationMs: number): boolean {
  return entry.currentTxnFirstOffset < 0 && nowMs - entry.lastTimestampMs >= expirationMs;
}

function listSnapshots(disk: Disk, directory: string): number[] {
  if (disk.status(directory) === null) return [];
  const offsets = disk.list(directory).map(({ name }) => offsetOfFileName(name, PRODUCER_SNAPSHOT_SUFFIX));
  return offsets.filter((offset) => offset >= 0).sort((a, b) => a - b);
}
