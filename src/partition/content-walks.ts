/**
 * How much is unfolded in one turn of the event loop, so that batches that unfold to much do not hold up everybody
 * else. A walk over a batch's content begins in the turn that brings it, where nearly all end; what is not over when the
 * turn's allowance is spent waits, and goes on in later turns, one after the other.
 *
 * What is always true: a turn spends TURN_BYTES on walks that begin, and STEP_BYTES on those that wait, the longest
 * waiting first; each is exceeded by a piece at most. So who waits comes to an end whatever else arrives. Only the
 * one that waits longest keeps what its codec holds; the others begin again, so that many together take no more memory.
 */
import type { ContentWalk } from '../../storage/append-content.ts';

/** 4 to 9 ms, in measurements with gzip, the slowest; a batch of 1 MB that folds eightfold. */
export const TURN_BYTES = 8 * 1024 * 1024;
/** 2 to 5 ms. */
export const STEP_BYTES = 4 * 1024 * 1024;

interface Waiting {
  readonly walk: ContentWalk;
  readonly isWanted: () => boolean;
  readonly resolve: (isOver: boolean) => void;
}

export class ContentWalks {
  readonly #nextTurn: (action: () => void) => void;
  readonly #waiting: Waiting[] = [];
  #leftBytes = TURN_BYTES;
  #isScheduled = false;

  /** `nextTurn` runs an action in a turn of its own, as setImmediate does; what arrives is read in between. */
  constructor(nextTurn: (action: () => void) => void) {
    this.#nextTurn = nextTurn;
  }

  /** Walks as far as this turn allows, and tells whether the walk is over. */
  begin(walk: ContentWalk): boolean {
    this.#schedule();
    if (this.#leftBytes <= 0) return false;
    const isOver = walk.advance(this.#leftBytes);
    this.#leftBytes -= walk.spentBytes;
    return isOver;
  }

  /**
   * Ends in later turns what has begun. Resolves to true when the walk is over, to false when it was given up because it
   * `isWanted` no more: then nothing may be made of it.
   */
  finish(walk: ContentWalk, isWanted: () => boolean): Promise<boolean> {
    this.#schedule();
    if (this.#waiting.length > 0) walk.restart();
    return new Promise((resolve) => {
      this.#waiting.push({ walk, isWanted, resolve });
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#nextTurn(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    this.#leftBytes = TURN_BYTES;
    this.#step();
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Those that wait longest, as far as the step goes. */
  #step(): void {
    let leftBytes = STEP_BYTES;
    for (let first = this.#waiting[0]; first !== undefined && leftBytes > 0; first = this.#waiting[0]) {
      const { walk, isWanted, resolve } = first;
      const spentBefore = walk.spentBytes;
      const isOver = isWanted() && walk.advance(leftBytes);
      leftBytes -= walk.spentBytes - spentBefore;
      if (!isOver && isWanted()) return;
      if (!isOver) walk.abandon();
      this.#waiting.shift();
      resolve(isOver);
    }
  }
}
