/**
 * The disk of a simulated node: what was written, and what of it a power cut leaves.
 *
 * Log operations queue up until a flush makes them durable. A crash keeps some prefix of the queue and may tear the
 * last append at a batch border, which is where recovery would cut it. An election state is replaced whole: after a
 * crash the old one or one of the newer ones is there.
 */

import type { LogViewInit } from '../../../src/raft/log-view.ts';
import { compareSnapshots } from '../../../src/raft/log-view.ts';
import type { ElectionState, RaftBatch, SnapshotId } from '../../../src/raft/messages.ts';
import type { Chance } from './chance.ts';

/** A batch as stored: its values, and the hash of the whole log up to and with it. */
export interface StoredBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly epoch: number;
  readonly values: readonly number[];
  readonly hash: number;
}

export interface StoredSnapshot {
  readonly id: SnapshotId;
  readonly hash: number;
}

export const mix = (hash: number, value: number): number =>
  Math.imul(hash ^ value ^ (hash >>> 15), 0x2c1b3c6d) ^ (value << 7);

export const encodeValues = (values: readonly number[]): Uint8Array =>
  new Uint8Array(new Int32Array(values).buffer);

export const decodeValues = (bytes: Uint8Array): number[] => [
  ...new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4),
];

type Operation =
  | { readonly kind: 'append'; readonly batch: StoredBatch }
  | { readonly kind: 'truncate'; readonly offset: number }
  | { readonly kind: 'restart'; readonly snapshot: StoredSnapshot }
  | { readonly kind: 'trim'; readonly offset: number; readonly hash: number };

/** One image of the log: the volatile and the durable one are of the same make. */
class LogImage {
  startOffset = 0;
  /** Hash of everything below the first batch. */
  startHash = 0;
  batches: StoredBatch[] = [];

  get endOffset(): number {
    const last = this.batches.at(-1);
    return last === undefined ? this.startOffset : last.lastOffset + 1;
  }

  get endHash(): number {
    return this.batches.at(-1)?.hash ?? this.startHash;
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'append':
        this.batches.push(operation.batch);
        return;
      case 'truncate':
        while ((this.batches.at(-1)?.lastOffset ?? -1) >= operation.offset) {
          this.batches.pop();
        }
        return;
      case 'restart':
        this.batches = [];
        this.startOffset = operation.snapshot.id.endOffset;
        this.startHash = operation.snapshot.hash;
        return;
      case 'trim':
        this.batches = this.batches.filter((batch) => batch.lastOffset >= operation.offset);
        this.startOffset = operation.offset;
        this.startHash = operation.hash;
        return;
    }
  }

  copy(): LogImage {
    const image = new LogImage();
    image.startOffset = this.startOffset;
    image.startHash = this.startHash;
    image.batches = [...this.batches];
    return image;
  }

  /** Hash of the log below `offset`, or null where that is not at a batch border of this image. */
  hashBelow(offset: number): number | null {
    if (offset === this.startOffset) {
      return this.startHash;
    }
    return this.batchEndingAt(offset)?.hash ?? null;
  }

  batchEndingAt(offset: number): StoredBatch | null {
    let low = 0;
    let high = this.batches.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const batch = this.batches[middle] as StoredBatch;
      if (batch.lastOffset + 1 === offset) {
        return batch;
      }
      if (batch.lastOffset + 1 < offset) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return null;
  }

  from(offset: number): StoredBatch[] {
    let index = this.batches.length;
    while (index > 0 && (this.batches[index - 1] as StoredBatch).baseOffset >= offset) {
      index -= 1;
    }
    return this.batches.slice(index);
  }
}

/** Unflushed operations the page cache holds at most; the kernel writes back the rest. */
const WRITEBACK_AT = 64;

export class SimDisk {
  log = new LogImage();
  snapshots: StoredSnapshot[] = [];
  #durable = new LogImage();
  #queue: Operation[] = [];
  #queued = 0;
  #applied = 0;
  savedState: ElectionState | null = null;
  #pendingStates: { readonly version: number; readonly state: ElectionState }[] = [];

  get durable(): LogImage {
    return this.#durable;
  }

  #write(operation: Operation): void {
    this.log.apply(operation);
    this.#queue.push(operation);
    this.#queued += 1;
    if (this.#queue.length > WRITEBACK_AT) {
      this.#writeBack(WRITEBACK_AT / 2);
    }
  }

  #writeBack(count: number): void {
    for (const operation of this.#queue.splice(0, count)) {
      this.#durable.apply(operation);
      this.#applied += 1;
    }
  }

  append(batch: Omit<StoredBatch, 'hash'>): StoredBatch {
    let hash = mix(this.log.endHash, batch.epoch);
    for (const value of batch.values) {
      hash = mix(hash, value);
    }
    const stored = { ...batch, hash };
    this.#write({ kind: 'append', batch: stored });
    return stored;
  }

  truncateTo(offset: number): void {
    this.#write({ kind: 'truncate', offset });
  }

  restartAt(id: SnapshotId): void {
    const snapshot = this.snapshot(id);
    if (snapshot === undefined) {
      throw new Error('restart at a snapshot that is not stored');
    }
    this.#write({ kind: 'restart', snapshot });
    this.snapshots = [snapshot];
  }

  /** Removes all below a snapshot's end, and older snapshots. */
  trimTo(id: SnapshotId): void {
    const hash = this.log.hashBelow(id.endOffset);
    if (hash !== null) {
      this.#write({ kind: 'trim', offset: id.endOffset, hash });
      this.snapshots = this.snapshots.filter((snapshot) => compareSnapshots(snapshot.id, id) >= 0);
    }
  }

  snapshot(id: SnapshotId): StoredSnapshot | undefined {
    return this.snapshots.find((known) => compareSnapshots(known.id, id) === 0);
  }

  storeSnapshot(snapshot: StoredSnapshot): void {
    if (this.snapshot(snapshot.id) === undefined) {
      this.snapshots = [...this.snapshots, snapshot].sort((a, b) => compareSnapshots(a.id, b.id));
    }
  }

  /** How much has been written so far: what a flush begun now will cover. */
  get written(): number {
    return this.#queued;
  }

  flushedUpTo(written: number): void {
    this.#writeBack(Math.max(0, written - this.#applied));
  }

  beginSave(version: number, state: ElectionState): void {
    this.#pendingStates.push({ version, state });
  }

  endSave(version: number): void {
    for (const pending of this.#pendingStates) {
      if (pending.version <= version) {
        this.savedState = pending.state;
      }
    }
    this.#pendingStates = this.#pendingStates.filter((pending) => pending.version > version);
  }

  powerCut(chance: Chance): void {
    this.#writeBack(chance.int(this.#queue.length + 1));
    if (this.#pendingStates.length > 0 && chance.happens(0.5)) {
      this.savedState = chance.pick(this.#pendingStates).state;
    }
    this.#queue = [];
    this.#pendingStates = [];
    this.log = this.#durable.copy();
    this.#applied = this.#queued;
  }

  /** What start-up finds: snapshots below the log start are gone, and a snapshot ahead of the log replaces it. */
  recover(): LogViewInit {
    const latest = this.snapshots.at(-1);
    const lastEpoch = this.log.batches.at(-1)?.epoch ?? 0;
    if (
      latest !== undefined &&
      compareSnapshots(latest.id, { epoch: lastEpoch, endOffset: this.log.endOffset }) > 0
    ) {
      this.restartAt(latest.id);
    }
    this.snapshots = this.snapshots.filter((snapshot) => snapshot.id.endOffset >= this.log.startOffset);
    this.#writeBack(this.#queue.length);
    const epochs: { epoch: number; startOffset: number }[] = [];
    for (const batch of this.log.batches) {
      if (batch.epoch !== epochs.at(-1)?.epoch) {
        epochs.push({ epoch: batch.epoch, startOffset: batch.baseOffset });
      }
    }
    return {
      startOffset: this.log.startOffset,
      endOffset: this.log.endOffset,
      epochs,
      snapshots: this.snapshots.map((snapshot) => snapshot.id),
    };
  }

  read(offset: number, upTo: number, maxBatches: number): RaftBatch[] {
    return this.log
      .from(offset)
      .filter((batch) => batch.lastOffset < upTo)
      .slice(0, maxBatches)
      .map((batch) => ({
        baseOffset: batch.baseOffset,
        lastOffset: batch.lastOffset,
        epoch: batch.epoch,
        bytes: encodeValues(batch.values),
      }));
  }
}
