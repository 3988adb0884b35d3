/**
 * The time index of one segment: up to which offset the log holds only timestamps at or below a given one.
 *
 *   entry, 12 bytes:
 *   0  timestamp       int64   largest timestamp in the segment so far, ms
 *   8  relativeOffset  int32   last offset of the batch that brought it, minus the segment's base offset
 *
 * Always true: timestamps ascend strictly and offsets never descend, so the record that is first at or after a time
 * lies after the largest entry below that time. The last slot is kept free for the entry that a segment gets when it
 * is closed. Agrees with Kafka's TimeIndex.
 */

import { assert } from '../protocol/assert.ts';
import { readInt64, writeInt64 } from '../protocol/batch/int64.ts';
import type { Disk } from './disk.ts';
import { IndexFile } from './index-file.ts';

const ENTRY_SIZE = 12;
const OFFSET_AT = 8;

/** The timestamp of a segment, or batch, that has none. */
export const NO_TIMESTAMP = -1;

export class TimeIndex {
  readonly baseOffset: number;
  readonly #file: IndexFile;

  private constructor(file: IndexFile, baseOffset: number) {
    this.#file = file;
    this.baseOffset = baseOffset;
  }

  static create(disk: Disk, path: string, baseOffset: number, maxBytes: number): TimeIndex {
    return new TimeIndex(IndexFile.create(disk, path, ENTRY_SIZE, maxBytes), baseOffset);
  }

  static plan(disk: Disk, path: string, baseOffset: number, maxBytes: number): TimeIndex {
    return new TimeIndex(IndexFile.plan(disk, path, ENTRY_SIZE, maxBytes), baseOffset);
  }

  /** See IndexFile.anew. */
  static anew(disk: Disk, path: string, baseOffset: number, maxBytes: number): TimeIndex {
    return new TimeIndex(IndexFile.anew(disk, path, ENTRY_SIZE, maxBytes), baseOffset);
  }

  static load(disk: Disk, path: string, baseOffset: number): TimeIndex | null {
    const file = IndexFile.load(disk, path, ENTRY_SIZE);
    return file === null ? null : new TimeIndex(file, baseOffset);
  }

  get file(): IndexFile {
    return this.#file;
  }

  /** One slot is reserved for the entry at closing. */
  get isFull(): boolean {
    return this.#file.entryCount >= this.#file.maxEntries - 1;
  }

  get lastTimestamp(): number {
    const count = this.#file.entryCount;
    return count === 0 ? NO_TIMESTAMP : this.timestampAt(count - 1);
  }

  /** The offset of the last entry, or the base offset when there is none. */
  get lastOffset(): number {
    const count = this.#file.entryCount;
    return count === 0 ? this.baseOffset : this.offsetAt(count - 1);
  }

  /** Appends unless the timestamp is no news; `isLast` may use the reserved slot. */
  maybeAppend(timestampMs: number, offset: number, isLast = false): void {
    if (timestampMs <= this.lastTimestamp) return;
    assert(isLast || !this.isFull, 'a time index with no room must not be appended to');
    assert(this.#file.entryCount === 0 || offset >= this.lastOffset, 'time index offsets must not descend');
    const buffer = this.#file.grow();
    const start = this.#file.slotStart(this.#file.entryCount - 1);
    writeInt64(buffer, start, timestampMs);
    buffer.writeInt32BE(offset - this.baseOffset, start + OFFSET_AT);
  }

  timestampAt(slot: number): number {
    return readInt64(this.#file.buffer(), slot * ENTRY_SIZE);
  }

  offsetAt(slot: number): number {
    return this.baseOffset + this.#file.buffer().readInt32BE(slot * ENTRY_SIZE + OFFSET_AT);
  }

  /** The slot of the largest entry whose timestamp is at most `timestampMs`, or -1. Cost: O(log n). */
  lookup(timestampMs: number): number {
    let low = 0;
    let high = this.#file.entryCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timestampAt(middle) <= timestampMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Drops the entries at or past `offset`. */
  truncateTo(offset: number): void {
    let count = this.#file.entryCount;
    while (count > 0 && this.offsetAt(count - 1) >= offset) count--;
    this.#file.truncateEntries(count);
  }

  /** Whether the entries can all be true of a segment that ends before `endOffset`. Cost: O(n). */
  isWellFormed(endOffset: number): boolean {
    if (!this.#file.hasWholeEntries) return false;
    let lastTimestamp = NO_TIMESTAMP;
    let lastOffset = this.baseOffset;
    for (let slot = 0; slot < this.#file.entryCount; slot++) {
      const timestamp = this.timestampAt(slot);
      const offset = this.offsetAt(slot);
      if (timestamp <= lastTimestamp || offset < lastOffset || offset >= endOffset) return false;
      lastTimestamp = timestamp;
      lastOffset = offset;
    }
    return true;
  }
}
