/**
 * The end of an event-loop turn, as appends see it: every partition appended to in this turn writes its staged
 * bytes with one system call, its high watermark moves, and whoever waited is answered, all once per turn.
 *
 * What is always true: a partition that has staged bytes is in the stage until the flush, and a flush is scheduled
 * whenever the stage is not empty.
 */
import type { Purgatory } from './purgatory.ts';

export interface Staged {
  /** Writes what is staged and moves what depends on it. Must not throw. */
  flush(): void;
}

export class AppendStage {
  #staged = new Set<Staged>();
  #isScheduled = false;
  readonly #endOfTurn: (action: () => void) => void;
  readonly #purgatory: Purgatory;

  /** `endOfTurn` runs an action once the current callbacks are through, as setImmediate does. */
  constructor(endOfTurn: (action: () => void) => void, purgatory: Purgatory) {
    this.#endOfTurn = endOfTurn;
    this.#purgatory = purgatory;
  }

  add(partition: Staged): void {
    this.#staged.add(partition);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#endOfTurn(() => this.flush());
  }

  /** Flushes now; also for callers that can't wait for the end of the turn (shutdown). */
  flush(): void {
    this.#isScheduled = false;
    const staged = this.#staged;
    this.#staged = new Set();
    for (const partition of staged) partition.flush();
    this.#purgatory.drain();
  }
}
