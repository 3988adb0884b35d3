/**
 * What the threads that look at segments ahead of recovery share: who has which segment, and how far it was found intact.
 *
 * Recovery takes segments from the front, helpers from the end, until they meet. Always true: recovery never waits for a
 * helper. It takes a segment over in whatever state it is, with what was published of it until then; a helper that has
 * died, or never came to life, costs the work that it leaves undone and nothing else.
 */

/** Nobody has looked at it, a helper does or did, recovery has it. */
const FREE = 0;
const AHEAD = 1;
const TAKEN = 2;

/** Positions beyond it are not told: a lower one is true as well. */
const MAX_TOLD_BYTES = 2_147_483_647;

export class ScanAheadTable {
  /** To be handed to another thread. */
  readonly shared: SharedArrayBuffer;
  readonly #states: Int32Array;
  readonly #checkedBytes: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    const count = shared.byteLength / Int32Array.BYTES_PER_ELEMENT / 2;
    this.#states = new Int32Array(shared, 0, count);
    this.#checkedBytes = new Int32Array(shared, count * Int32Array.BYTES_PER_ELEMENT, count);
  }

  static of(segmentCount: number): ScanAheadTable {
    return new ScanAheadTable(new SharedArrayBuffer(segmentCount * 2 * Int32Array.BYTES_PER_ELEMENT));
  }

  get segmentCount(): number {
    return this.#states.length;
  }

  /** For a helper: the last segment that nobody has, or -1. */
  claimLast(): number {
    for (let index = this.segmentCount - 1; index >= 0; index--) {
      if (Atomics.compareExchange(this.#states, index, FREE, AHEAD) === FREE) return index;
    }
    return -1;
  }

  /** For a helper: what ends at or below this position is an unbroken chain of intact batches. False: enough of it. */
  publish(index: number, checkedBytes: number): boolean {
    Atomics.store(this.#checkedBytes, index, Math.min(checkedBytes, MAX_TOLD_BYTES));
    return Atomics.load(this.#states, index) === AHEAD;
  }

  /** For recovery: no helper works on the segment from now on, or is listened to; how much of it was found intact. */
  takeOver(index: number): number {
    Atomics.store(this.#states, index, TAKEN);
    return Atomics.load(this.#checkedBytes, index);
  }
}
