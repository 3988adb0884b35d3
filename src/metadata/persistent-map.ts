/**
 * An immutable map whose changed copies are cheap: a large shared base and a small overlay of changes.
 *
 * Always true: a map never changes once built. The overlay stays below about twice the square root of the base, so a
 * change costs O(√n) amortized and a look-up is one or two native look-ups. Iteration goes through the keys in the
 * order in which they were first put, which keeps whatever is derived from a map repeatable.
 */

const MIN_OVERLAY_SIZE = 16;

/** In an overlay and in a set of changes, undefined stands for "removed". */
export type Changes<K, V> = ReadonlyMap<K, V | undefined>;

export class PersistentMap<K, V extends NonNullable<unknown>> {
  readonly size: number;
  readonly #base: ReadonlyMap<K, V>;
  readonly #overlay: Changes<K, V>;

  private constructor(base: ReadonlyMap<K, V>, overlay: Changes<K, V>, size: number) {
    this.#base = base;
    this.#overlay = overlay;
    this.size = size;
  }

  static empty<K, V extends NonNullable<unknown>>(): PersistentMap<K, V> {
    return new PersistentMap<K, V>(new Map(), new Map(), 0);
  }

  static from<K, V extends NonNullable<unknown>>(entries: Iterable<readonly [K, V]>): PersistentMap<K, V> {
    const base = new Map(entries);
    return new PersistentMap<K, V>(base, new Map(), base.size);
  }

  get(key: K): V | undefined {
    if (this.#overlay.size > 0) {
      const changed = this.#overlay.get(key);
      if (changed !== undefined || this.#overlay.has(key)) return changed;
    }
    return this.#base.get(key);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** A map with these changes; the same map when there are none. */
  with(changes: Changes<K, V>): PersistentMap<K, V> {
    if (changes.size === 0) return this;
    const overlay = new Map(this.#overlay);
    let size = this.size;
    for (const [key, value] of changes) {
      const present = this.has(key);
      if (value !== undefined) {
        if (!present) size += 1;
        overlay.set(key, value);
      } else if (present) {
        size -= 1;
        if (this.#base.has(key)) overlay.set(key, undefined);
        else overlay.delete(key);
      }
    }
    if (overlay.size <= Math.max(MIN_OVERLAY_SIZE, 2 * Math.sqrt(this.#base.size))) {
      return new PersistentMap(this.#base, overlay, size);
    }
    return PersistentMap.from(new PersistentMap(this.#base, overlay, size).entries());
  }

  *entries(): Generator<readonly [K, V]> {
    for (const [key, value] of this.#base) {
      if (!this.#overlay.has(key)) {
        yield [key, value];
        continue;
      }
      const changed = this.#overlay.get(key);
      if (changed !== undefined) yield [key, changed];
    }
    for (const [key, value] of this.#overlay) {
      if (value !== undefined && !this.#base.has(key)) yield [key, value];
    }
  }

  *keys(): Generator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<readonly [K, V]> {
    return this.entries();
  }
}
