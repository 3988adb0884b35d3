/**
 * Requests that wait for a partition to move: one of the two places where news travels upwards.
 *
 * A waiter watches some partitions. When one of them moves (its high watermark or log end rose, its leadership or
 * its log start changed) the partition calls `notify`; the waiter is then tried once in the next `drain`, however
 * many of its partitions moved. What is always true: a waiter completes at most once, and after it completed or
 * expired nothing here refers to it.
 *
 * Lost wake-ups can't happen: `watch` tries the waiter once more after registering it, as Kafka's
 * DelayedOperationPurgatory does.
 */
import type { Timer } from '../../storage/clock.ts';

export interface Waiter {
  /** Finishes the request if its condition holds now; true when it did. */
  tryComplete(): boolean;
  /** Finishes the request with whatever there is, because its time is over. */
  expire(): void;
}

interface Watched {
  readonly waiter: Waiter;
  readonly watches: ReadonlyArray<Set<Watched>>;
  cancelTimer: () => void;
  isReady: boolean;
  isDone: boolean;
}

/** The waiters of one partition. */
export class WatchList {
  readonly #watched = new Set<Watched>();
  readonly #purgatory: Purgatory;

  constructor(purgatory: Purgatory) {
    this.#purgatory = purgatory;
  }

  /** Says that the partition moved. Cost: one step per waiter. */
  notify(): void {
    if (this.#watched.size > 0) this.#purgatory.markReady(this.#watched);
  }

  /** For the purgatory alone. */
  get entries(): Set<Watched> {
    return this.#watched;
  }
}

export class Purgatory {
  readonly #timer: Timer;
  #ready: Watched[] = [];
  #size = 0;

  constructor(timer: Timer) {
    this.#timer = timer;
  }

  /** Requests that wait now. */
  get size(): number {
    return this.#size;
  }

  watch(lists: readonly WatchList[], timeoutMs: number, waiter: Waiter): void {
    const watched: Watched = {
      waiter,
      watches: lists.map((list) => list.entries),
      cancelTimer: () => undefined,
      isReady: false,
      isDone: false,
    };
    for (const entries of watched.watches) entries.add(watched);
    this.#size++;
    if (waiter.tryComplete()) {
      this.#forget(watched);
      return;
    }
    watched.cancelTimer = this.#timer.after(timeoutMs, () => {
      if (watched.isDone) return;
      this.#forget(watched);
      waiter.expire();
    });
  }

  markReady(entries: Set<Watched>): void {
    for (const watched of entries) {
      if (watched.isReady) continue;
      watched.isReady = true;
      this.#ready.push(watched);
    }
  }

  /** Tries every waiter that was notified since the last drain, each once. */
  drain(): void {
    while (this.#ready.length > 0) {
      const ready = this.#ready;
      this.#ready = [];
      for (const watched of ready) {
        watched.isReady = false;
        if (!watched.isDone && watched.waiter.tryComplete()) this.#forget(watched);
      }
    }
  }

  #forget(watched: Watched): void {
    watched.isDone = true;
    watched.cancelTimer();
    for (const entries of watched.watches) entries.delete(watched);
    this.#size--;
  }
}
