/**
 * Group commit: many who wait for durability share one fdatasync.
 *
 * Always true: at most one run is under way; a request is answered by a run that began after it was made, so everything
 * written before the request is covered; after a run failed every later request fails with the same error, because
 * the kernel may have dropped the pages that it could not write and calls them clean (fsyncgate).
 */

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class GroupSync {
  readonly #run: () => Promise<void>;
  #waiting: Waiter[] = [];
  #isRunning = false;
  #failure: unknown = null;

  constructor(run: () => Promise<void>) {
    this.#run = run;
  }

  request(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const done = new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    if (!this.#isRunning) void this.#drain();
    return done;
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#run();
        for (const waiter of group) waiter.resolve();
      } catch (error) {
        this.#failure = error;
        for (const waiter of [...group, ...this.#waiting]) waiter.reject(error);
        this.#waiting = [];
      }
    }
    this.#isRunning = false;
  }
}
