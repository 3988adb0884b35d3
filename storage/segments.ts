/**
 * The segments of one log, in order.
 *
 * Always true: there is at least one once the log is open; base offsets ascend strictly; the last is the active one,
 * the only one that grows.
 */

import { assert } from '../protocol/assert.ts';
import type { Segment } from './segment.ts';

export class Segments {
  readonly #list: Segment[] = [];

  get all(): readonly Segment[] {
    return this.#list;
  }

  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  get active(): Segment {
    const segment = this.#list.at(-1);
    assert(segment !== undefined, 'an open log has an active segment');
    return segment;
  }

  get first(): Segment {
    const segment = this.#list[0];
    assert(segment !== undefined, 'an open log has a first segment');
    return segment;
  }

  get sizeBytes(): number {
    let sum = 0;
    for (const segment of this.#list) sum += segment.sizeBytes;
    return sum;
  }

  add(segment: Segment): void {
    const last = this.#list.at(-1);
    assert(last === undefined || last.baseOffset < segment.baseOffset, 'segments are added in order');
    this.#list.push(segment);
  }

  /** The index of the last segment that begins at or before `offset`, or -1. */
  floorIndex(offset: number): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#list[middle]?.baseOffset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  floor(offset: number): Segment | undefined {
    return this.#list[this.floorIndex(offset)];
  }

  /** The segment after the one that begins at `baseOffset`. */
  after(baseOffset: number): Segment | undefined {
    return this.#list[this.floorIndex(baseOffset) + 1];
  }

  /** From the segment that holds `offset` to the active one. */
  from(offset: number): readonly Segment[] {
    return this.#list.slice(Math.max(0, this.floorIndex(offset)));
  }

  has(segment: Segment): boolean {
    return this.#list.includes(segment);
  }

  removeFirst(count: number): Segment[] {
    return this.#list.splice(0, count);
  }

  /** Removes the segments that begin past `offset`. */
  removeAfter(offset: number): Segment[] {
    return this.#list.splice(this.floorIndex(offset) + 1);
  }

  /** Puts one segment in the place of neighbours, the first of which begins where it does. */
  replace(replaced: readonly Segment[], by: Segment): void {
    const start = this.floorIndex(by.baseOffset);
    assert(
      replaced.every((segment, index) => this.#list[start + index] === segment),
      'replaced segments are neighbours',
    );
    this.#list.splice(start, replaced.length, by);
  }

  removeAll(): Segment[] {
    return this.#list.splice(0);
  }
}
