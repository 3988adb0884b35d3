/**
 * Which bytes of a segment are likely in the page cache: those that this process wrote lately, or read on the thread
 * pool because they were not (warm-up.ts).
 *
 * A guess, and a cheap one: bytes count as warm from when they were touched until `age` was called twice, about once a
 * minute each. What is warm is read from the event loop; a wrong guess costs one slow read there, or one needless
 * detour through the thread pool.
 */

export const WARM_CHUNK_BYTES = 256 * 1024;

export class WarmBytes {
  #current = new Set<number>();
  #former = new Set<number>();
  /** The chunk touched last, which most often is the next, too. */
  #last = -1;

  touch(from: number, to: number): void {
    const end = Math.ceil(to / WARM_CHUNK_BYTES);
    for (let chunk = Math.floor(from / WARM_CHUNK_BYTES); chunk < end; chunk++) {
      if (chunk === this.#last) continue;
      this.#current.add(chunk);
      this.#last = chunk;
    }
  }

  /** The first whole chunks at or past `from` and before `to` that are cold, at most `maxBytes`; null when there are none. */
  firstCold(from: number, to: number, maxBytes: number): { from: number; to: number } | null {
    const end = Math.ceil(to / WARM_CHUNK_BYTES);
    let first = Math.floor(from / WARM_CHUNK_BYTES);
    while (first < end && this.#isWarm(first)) first++;
    if (first >= end) return null;
    const limit = Math.min(end, first + Math.max(1, Math.floor(maxBytes / WARM_CHUNK_BYTES)));
    let last = first + 1;
    while (last < limit && !this.#isWarm(last)) last++;
    return { from: first * WARM_CHUNK_BYTES, to: last * WARM_CHUNK_BYTES };
  }

  #isWarm(chunk: number): boolean {
    return this.#current.has(chunk) || this.#former.has(chunk);
  }

  age(): void {
    this.#former = this.#current;
    this.#current = new Set();
    this.#last = -1;
  }
}
