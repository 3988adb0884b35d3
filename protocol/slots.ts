/**
 * Values under ids that are given out here and taken back soon: what is in flight.
 *
 * A Map would do, but for the collector. One that is filled and emptied without end gets a new table every few entries;
 * a table that has become old keeps those after it, and all that was ever in them, until the next full collection.
 * Under load a quarter of what was allocated grew old that way.
 *
 * What is always true: an id that was taken is not given out again for the next half a billion; nothing is kept of a
 * value that was taken.
 */
import { assert } from './assert.ts';

/** More can't be in flight at once. */
const MAX_COUNT = 2 ** 24;
const SERIALS = 2 ** 29;

export class Slots<T> {
  /** By slot, the id that has it; -1 when it is free. An id is its slot and a serial number above that. */
  #ids: number[] = [];
  #values: (T | undefined)[] = [];
  #free: number[] = [];
  #serial = 0;

  get size(): number {
    return this.#ids.length - this.#free.length;
  }

  /** Keeps the value and gives the id for it. */
  put(value: T): number {
    const slot = this.#free.pop() ?? this.#ids.length;
    assert(slot < MAX_COUNT, 'What is in flight is bounded elsewhere.');
    this.#serial = (this.#serial + 1) % SERIALS;
    const id = this.#serial * MAX_COUNT + slot;
    this.#ids[slot] = id;
    this.#values[slot] = value;
    return id;
  }

  get(id: number): T | undefined {
    const slot = id % MAX_COUNT;
    return this.#ids[slot] === id ? this.#values[slot] : undefined;
  }

  /** Gives the value back and forgets it. */
  take(id: number): T | undefined {
    const slot = id % MAX_COUNT;
    if (this.#ids[slot] !== id) return undefined;
    const value = this.#values[slot];
    this.#ids[slot] = -1;
    this.#values[slot] = undefined;
    this.#free.push(slot);
    return value;
  }

  /** Takes all, in no particular order. */
  takeAll(): T[] {
    const all = this.#values.filter((value) => value !== undefined);
    this.#ids = [];
    this.#values = [];
    this.#free = [];
    return all;
  }
}
