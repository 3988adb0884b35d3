/**
 * The leader epochs of the metadata log as its batches tell them, a flipped bit here and there notwithstanding.
 *
 * No checksum covers a batch's epoch. But epochs never go back along a log, so one that stands alone between others is
 * not the one that was written. What the last batch says is believed.
 */
import type { EpochStart } from '../raft/log-view.ts';

/** Bytes to be written over those of a file. */
export interface Mend {
  readonly path: string;
  readonly position: number;
  readonly bytes: Buffer;
  /** For an operator. */
  readonly what: string;
}

export interface BatchEpoch {
  readonly path: string;
  readonly position: number;
  readonly base: number;
  readonly epoch: number;
  readonly isControl: boolean;
}

/** Within a batch. */
const EPOCH_POSITION = 12;

export class EpochTrail {
  #starts: EpochStart[] = [];
  readonly #onMend: (mend: Mend) => void;
  /** Not judged yet: the next two are needed for that. */
  readonly #pending: BatchEpoch[] = [];

  constructor(onMend: (mend: Mend) => void) {
    this.#onMend = onMend;
  }

  /** Which epoch begins where. */
  get starts(): readonly EpochStart[] {
    return this.#starts;
  }

  add(batch: BatchEpoch): void {
    this.#pending.push(batch);
    if (this.#pending.length > 2) this.#judge();
  }

  end(): void {
    while (this.#pending.length > 0) this.#judge();
  }

  cutAt(offset: number): void {
    this.#starts = this.#starts.filter(({ startOffset }) => startOffset < offset);
  }

  #judge(): void {
    const [batch, next, after] = this.#pending;
    if (batch === undefined) return;
    this.#pending.shift();
    const before = this.#starts.at(-1)?.epoch ?? 0;
    const isDip = batch.epoch < before;
    // Unless it is the next one that dips.
    const isPeak =
      next !== undefined &&
      next.epoch >= before &&
      batch.epoch > next.epoch &&
      (after === undefined || after.epoch < batch.epoch);
    let { epoch } = batch;
    if (isDip || isPeak) {
      // An epoch begins with a control batch.
      epoch = batch.isControl && next !== undefined && next.epoch > before ? next.epoch : before;
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(epoch);
      const { path, base } = batch;
      const what = `the epoch of the batch at offset ${base} is put right`;
      this.#onMend({ path, position: batch.position + EPOCH_POSITION, bytes, what });
    }
    if (this.#starts.length === 0 || epoch > before) this.#starts.push({ epoch, startOffset: batch.base });
  }
}
