/**
 * The end of an event-loop turn: staged work is done, then every connection that has answers writes once.
 *
 * Always true: within one turn the actions given to `endOfTurn` run before any answer is written, so that an
 * acknowledgement never leaves before the bytes it acknowledges were handed to the operating system. Answers that
 * promises yield because of those actions still leave in the same turn.
 */

/** Something with bytes to write, a connection. */
export interface Flushable {
  flush(): void;
}

export class Turn {
  #actions: (() => void)[] = [];
  #dirty: Flushable[] = [];
  #isScheduled = false;
  readonly #runBound = () => this.#run();
  readonly #flushBound = () => this.#flush();
  readonly #afterMicrotasks = () => process.nextTick(this.#flushBound);

  /** Runs `action` once when the callbacks of this turn are through, before answers are written. */
  endOfTurn(action: () => void): void {
    this.#actions.push(action);
    this.#schedule();
  }

  /** Calls `connection.flush()` at the end of the turn. Callers add themselves once per flush. */
  flushLater(connection: Flushable): void {
    this.#dirty.push(connection);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#runBound);
  }

  #run(): void {
    try {
      while (this.#actions.length > 0) {
        const actions = this.#actions;
        this.#actions = [];
        for (const action of actions) action();
      }
    } finally {
      // A tick queued from a microtask runs when all microtasks are through: by then every promise that the actions
      // resolved has delivered its answer.
      queueMicrotask(this.#afterMicrotasks);
    }
  }

  #flush(): void {
    this.#isScheduled = false;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
    // What was staged while promises ran still waits for its own turn.
    if (this.#actions.length > 0) this.#schedule();
  }
}
