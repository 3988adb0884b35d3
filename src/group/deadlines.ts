/**
 * The deadlines of a shard: an indexed binary heap, so that a deadline can be moved or taken out at once and none
 * outlives what it was set for.
 *
 * What is always true: a deadline is in the heap exactly when its `index` is not -1, and then at that index; no
 * element is due later than its children.
 */
import { assert } from '../../protocol/assert.ts';
import type { Instant } from './outcome.ts';

export class Deadline {
  /** On the monotonic clock. Meaningful only while set. */
  atMs = 0;
  index = -1;
  readonly expire: (now: Instant) => void;

  constructor(expire: (now: Instant) => void) {
    this.expire = expire;
  }

  get isSet(): boolean {
    return this.index !== -1;
  }
}

export class Deadlines {
  readonly #heap: Deadline[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the first deadline is due, or null. */
  get nextMs(): number | null {
    return this.#heap[0]?.atMs ?? null;
  }

  /** Sets or moves a deadline. Cost: O(log n). */
  set(deadline: Deadline, atMs: number): void {
    deadline.atMs = atMs;
    if (deadline.index === -1) {
      deadline.index = this.#heap.length;
      this.#heap.push(deadline);
    }
    this.#siftUp(deadline);
    this.#siftDown(deadline);
  }

  /** Takes a deadline out; harmless when it is not set. */
  clear(deadline: Deadline): void {
    if (deadline.index === -1) return;
    const index = deadline.index;
    const last = this.#heap.pop();
    assert(last !== undefined, 'A set deadline is in the heap.');
    deadline.index = -1;
    if (last === deadline) return;
    last.index = index;
    this.#heap[index] = last;
    this.#siftUp(last);
    this.#siftDown(last);
  }

  /** Takes out and returns the first deadline that is due, or null. */
  takeDue(nowMs: number): Deadline | null {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return null;
    this.clear(first);
    return first;
  }

  #at(index: number): Deadline {
    const deadline = this.#heap[index];
    assert(deadline !== undefined, 'An index within the heap holds a deadline.');
    return deadline;
  }

  #siftUp(deadline: Deadline): void {
    while (deadline.index > 0) {
      const parent = this.#at((deadline.index - 1) >> 1);
      if (parent.atMs <= deadline.atMs) return;
      this.#swap(parent, deadline);
    }
  }

  #siftDown(deadline: Deadline): void {
    for (;;) {
      const left = 2 * deadline.index + 1;
      if (left >= this.#heap.length) return;
      let child = this.#at(left);
      if (left + 1 < this.#heap.length && this.#at(left + 1).atMs < child.atMs) child = this.#at(left + 1);
      if (child.atMs >= deadline.atMs) return;
      this.#swap(deadline, child);
    }
  }

  #swap(a: Deadline, b: Deadline): void {
    const index = a.index;
    a.index = b.index;
    b.index = index;
    this.#heap[a.index] = a;
    this.#heap[b.index] = b;
  }
}
