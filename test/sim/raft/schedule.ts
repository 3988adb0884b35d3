/** Virtual time: events in order of time, ties in order of their making. Nothing here reads a real clock. */

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

const before = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class Schedule {
  nowMs = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  at(atMs: number, run: () => void): void {
    this.#order += 1;
    const event = { atMs: Math.max(atMs, this.nowMs), order: this.#order, run };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(event, heap[parent] as Event)) {
        break;
      }
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) {
      return false;
    }
    if (heap.length > 0) {
      let index = 0;
      for (;;) {
        let child = 2 * index + 1;
        if (child >= heap.length) {
          break;
        }
        if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) {
          child += 1;
        }
        if (!before(heap[child] as Event, last)) {
          break;
        }
        heap[index] = heap[child] as Event;
        index = child;
      }
      heap[index] = last;
    }
    this.nowMs = first.atMs;
    first.run();
    return true;
  }
}
