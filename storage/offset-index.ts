/**
 * The offset index of one segment: where in the `.log` file to start looking for an offset.
 *
 *   entry, 8 bytes:
 *   0  relativeOffset  int32   last offset of a batch, minus the segment's base offset
 *   4  position        int32   where that batch begins in the .log file
 *
 * Sparse: about one entry for each `index.interval.bytes` of log. Always true: offsets and positions of the entries
 * ascend strictly (checked by `isWellFormed` before a file of unknown health is believed), and `lookup` gives the
 * largest entry at or below the offset asked for. Agrees with Kafka's OffsetIndex.
 */

import { assert } from '../protocol/assert.ts';
import type { Disk } from './disk.ts';
import { IndexFile } from './index-file.ts';

const ENTRY_SIZE = 8;
const POSITION_AT = 4;
export const MAX_RELATIVE_OFFSET = 2_147_483_647;

export class OffsetIndex {
  readonly baseOffset: number;
  readonly #file: IndexFile;

  private constructor(file: IndexFile, baseOffset: number) {
    this.#file = file;
    this.baseOffset = baseOffset;
  }

  static create(disk: Disk, path: string, baseOffset: number, maxBytes: number): OffsetIndex {
    return new OffsetIndex(IndexFile.create(disk, path, ENTRY_SIZE, maxBytes), baseOffset);
  }

  static plan(disk: Disk, path: string, baseOffset: number, maxBytes: number): OffsetIndex {
    return new OffsetIndex(IndexFile.plan(disk, path, ENTRY_SIZE, maxBytes), baseOffset);
  }

  /** See IndexFile.anew. */
  static anew(disk: Disk, path: string, baseOffset: number, maxBytes: number): OffsetIndex {
    return new OffsetIndex(IndexFile.anew(disk, path, ENTRY_SIZE, maxBytes), baseOffset);
  }

  static load(disk: Disk, path: string, baseOffset: number): OffsetIndex | null {
    const file = IndexFile.load(disk, path, ENTRY_SIZE);
    return file === null ? null : new OffsetIndex(file, baseOffset);
  }

  get file(): IndexFile {
    return this.#file;
  }

  get isFull(): boolean {
    return this.#file.entryCount >= this.#file.maxEntries;
  }

  /** The offset of the last entry, or the base offset when there is none. */
  get lastOffset(): number {
    const count = this.#file.entryCount;
    return count === 0 ? this.baseOffset : this.offsetAt(count - 1);
  }

  get lastPosition(): number {
    const count = this.#file.entryCount;
    return count === 0 ? 0 : this.positionAt(count - 1);
  }

  canHold(offset: number): boolean {
    const relative = offset - this.baseOffset;
    return relative >= 0 && relative <= MAX_RELATIVE_OFFSET;
  }

  append(offset: number, position: number): void {
    assert(!this.isFull, 'an offset index with no room must not be appended to');
    assert(this.#file.entryCount === 0 || offset > this.lastOffset, 'offset index entries must ascend');
    assert(this.canHold(offset), 'an offset must fit its segment');
    const buffer = this.#file.grow();
    const start = this.#file.slotStart(this.#file.entryCount - 1);
    buffer.writeInt32BE(offset - this.baseOffset, start);
    buffer.writeInt32BE(position, start + POSITION_AT);
  }

  offsetAt(slot: number): number {
    return this.baseOffset + this.#file.buffer().readInt32BE(slot * ENTRY_SIZE);
  }

  positionAt(slot: number): number {
    return this.#file.buffer().readInt32BE(slot * ENTRY_SIZE + POSITION_AT);
  }

  /** The slot of the largest entry whose offset is at most `offset`, or -1. Cost: O(log n). */
  lookup(offset: number): number {
    const buffer = this.#file.buffer();
    const wanted = offset - this.baseOffset;
    let low = 0;
    let high = this.#file.entryCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (buffer.readInt32BE(middle * ENTRY_SIZE) <= wanted) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Where to begin looking for `offset`, if the entries are true. */
  positionNear(offset: number): number {
    const slot = this.lookup(offset);
    return slot < 0 ? 0 : this.positionAt(slot);
  }

  /** Offset of the first entry at or past `position`, or -1 (OffsetIndex.fetchUpperBoundOffset). */
  firstOffsetAtOrAfter(position: number): number {
    const slot = this.slotAtOrAfter(position);
    return slot < this.#file.entryCount ? this.offsetAt(slot) : -1;
  }

  /** The slot of the first entry at or past `position`, or the count of entries. Cost: O(log n). */
  slotAtOrAfter(position: number): number {
    const buffer = this.#file.buffer();
    let low = 0;
    let high = this.#file.entryCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (buffer.readInt32BE(middle * ENTRY_SIZE + POSITION_AT) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Drops the entries at or past `offset`. */
  truncateTo(offset: number): void {
    this.#file.truncateEntries(this.lookup(offset - 1) + 1);
  }

  /** Whether the entries can all be true of a `.log` file of `logBytes`. Cost: O(n). */
  isWellFormed(logBytes: number): boolean {
    if (!this.#file.hasWholeEntries) return false;
    const buffer = this.#file.buffer();
    let lastOffset = -1;
    let lastPosition = -1;
    for (let slot = 0; slot < this.#file.entryCount; slot++) {
      const offset = buffer.readInt32BE(slot * ENTRY_SIZE);
      const position = buffer.readInt32BE(slot * ENTRY_SIZE + POSITION_AT);
      if (offset <= lastOffset || position <= lastPosition || position >= logBytes) return false;
      lastOffset = offset;
      lastPosition = position;
    }
    return true;
  }
}
