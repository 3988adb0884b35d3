/**
 * What the Raft core knows of its log without reading it: where it begins and ends, which epoch began where, which
 * snapshots exist and how far the disk has it for sure.
 *
 * Always true: epochs and their start offsets both increase; `startOffset` <= `syncedTo` <= `endOffset`; a start
 * offset above 0 is covered by a snapshot. The bytes themselves belong to the driver's log, which every change
 * here reaches as an effect of the same step.
 */

import { assert } from '../../protocol/assert.ts';
import type { EpochEndOffset, SnapshotId } from './messages.ts';

export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

/** The leader's judgement of a follower's (fetch offset, last fetched epoch). */
export type Validation =
  | { readonly kind: 'valid' }
  | { readonly kind: 'diverging'; readonly at: EpochEndOffset }
  | { readonly kind: 'snapshot'; readonly id: SnapshotId };

export interface LogViewInit {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly epochs: readonly EpochStart[];
  readonly snapshots: readonly SnapshotId[];
}

export const compareSnapshots = (a: SnapshotId, b: SnapshotId): number =>
  a.epoch === b.epoch ? a.endOffset - b.endOffset : a.epoch - b.epoch;

export const sameSnapshot = (a: SnapshotId, b: SnapshotId): boolean =>
  a.epoch === b.epoch && a.endOffset === b.endOffset;

const VALID: Validation = { kind: 'valid' };

export class LogView {
  startOffset: number;
  endOffset: number;
  /** Everything below is durable. What was found at start-up counts: a crash can't take it any more. */
  syncedTo: number;
  #epochs: EpochStart[];
  #snapshots: readonly SnapshotId[];

  constructor(init: LogViewInit) {
    this.startOffset = init.startOffset;
    this.endOffset = init.endOffset;
    this.syncedTo = init.endOffset;
    this.#epochs = [...init.epochs];
    this.#snapshots = [...init.snapshots].sort(compareSnapshots);
    const latest = this.latestSnapshot;
    assert(
      this.startOffset === 0 || (latest !== null && latest.endOffset >= this.startOffset),
      'A log that starts above 0 has a snapshot at or above its start.',
    );
  }

  /** Epoch of the last record, or of the snapshot an empty log goes on from, or 0. */
  get lastEpoch(): number {
    const last = this.#epochs.at(-1);
    return last === undefined ? (this.latestSnapshot?.epoch ?? 0) : last.epoch;
  }

  get latestSnapshot(): SnapshotId | null {
    return this.#snapshots.at(-1) ?? null;
  }

  get epochs(): readonly EpochStart[] {
    return this.#epochs;
  }

  hasSnapshot(id: SnapshotId): boolean {
    return this.#snapshots.some((known) => sameSnapshot(known, id));
  }

  appended(epoch: number, baseOffset: number, lastOffset: number): void {
    assert(baseOffset === this.endOffset, 'Batches are appended without gaps.');
    assert(lastOffset >= baseOffset, 'A batch has at least one offset.');
    const last = this.#epochs.at(-1);
    assert(last === undefined || epoch >= last.epoch, 'Epochs never go back along the log.');
    if (last === undefined || epoch > last.epoch) {
      this.#epochs.push({ epoch, startOffset: baseOffset });
    }
    this.endOffset = lastOffset + 1;
  }

  truncatedTo(offset: number): void {
    assert(offset >= this.startOffset, 'Truncation stays above the log start.');
    this.endOffset = Math.min(this.endOffset, offset);
    this.syncedTo = Math.min(this.syncedTo, offset);
    this.#epochs = this.#epochs.filter((entry) => entry.startOffset < offset);
  }

  /** The log is emptied and goes on from the end of `id`, which is durable. */
  restartedAt(id: SnapshotId): void {
    this.startOffset = id.endOffset;
    this.endOffset = id.endOffset;
    this.syncedTo = id.endOffset;
    this.#epochs = [];
    this.#snapshots = [id];
  }

  snapshotAdded(id: SnapshotId): void {
    if (!this.hasSnapshot(id)) {
      this.#snapshots = [...this.#snapshots, id].sort(compareSnapshots);
    }
  }

  snapshotsChanged(logStartOffset: number, snapshots: readonly SnapshotId[]): void {
    this.#snapshots = [...snapshots].sort(compareSnapshots);
    if (logStartOffset > this.startOffset) {
      assert(logStartOffset <= this.endOffset, 'The log start stays within the log.');
      this.startOffset = logStartOffset;
      const kept = this.#epochs.filter((entry) => entry.startOffset > logStartOffset);
      const covering = this.#epochs.filter((entry) => entry.startOffset <= logStartOffset).at(-1);
      // The epoch that reaches across the new start begins there now, unless nothing of it is left.
      const begins = kept[0]?.startOffset ?? this.endOffset;
      this.#epochs =
        covering !== undefined && begins > logStartOffset
          ? [{ epoch: covering.epoch, startOffset: logStartOffset }, ...kept]
          : kept;
    }
  }

  /**
   * The largest epoch not above `epoch` and where it ends, as KafkaMetadataLog answers it: an epoch below all known
   * ones ends where the first known one begins, one above all of them where the log ends.
   */
  endOffsetForEpoch(epoch: number): EpochEndOffset {
    const found = this.#cachedEndOffset(epoch);
    const earliest = this.#snapshots[0];
    if (earliest !== undefined && found.endOffset === earliest.endOffset && found.epoch === epoch) {
      // The asked epoch lies before the log: the oldest snapshot is the end of everything that came before.
      return { epoch: earliest.epoch, endOffset: earliest.endOffset };
    }
    return found;
  }

  #cachedEndOffset(epoch: number): EpochEndOffset {
    const last = this.#epochs.at(-1);
    if (last === undefined || epoch > last.epoch) {
      return { epoch: this.lastEpoch, endOffset: this.endOffset };
    }
    if (epoch === last.epoch) {
      return { epoch, endOffset: this.endOffset };
    }
    const above = this.#epochs.findIndex((entry) => entry.epoch > epoch);
    const floor = this.#epochs[above - 1];
    const endOffset = this.#epochs[above]?.startOffset ?? this.endOffset;
    return { epoch: floor === undefined ? epoch : floor.epoch, endOffset };
  }

  /** Whether a follower's log, ending at `offset` with a record of `epoch`, is a prefix of this one. */
  validate(offset: number, epoch: number): Validation {
    if (this.startOffset === 0 && offset === 0) {
      return VALID;
    }
    const earliest = this.#snapshots[0];
    const latest = this.latestSnapshot;
    const before =
      earliest !== undefined &&
      (offset < this.startOffset ||
        (offset === this.startOffset && epoch !== earliest.epoch) ||
        epoch < earliest.epoch);
    if (before && latest !== null) {
      return { kind: 'snapshot', id: latest };
    }
    const end = this.endOffsetForEpoch(epoch);
    return end.epoch !== epoch || end.endOffset < offset ? { kind: 'diverging', at: end } : VALID;
  }

  /** Where a follower cuts its log when the leader says that its own `diverging.epoch` ends at that offset. */
  truncationPoint(diverging: EpochEndOffset): number {
    if (diverging.epoch === 0) {
      return Math.min(diverging.endOffset, this.endOffset);
    }
    const local = this.endOffsetForEpoch(diverging.epoch);
    return local.epoch === diverging.epoch ? Math.min(local.endOffset, diverging.endOffset) : local.endOffset;
  }
}
