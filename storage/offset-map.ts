/**
 * The latest offset of each key in the dirty part of a log, in memory of a fixed size.
 *
 *   slot, 24 bytes:
 *    0  hash         16 bytes   of the key: the first half of its SHA-256
 *   16  offset + 1   int64      as two halves, low first; 0 in an empty slot
 *
 * Always true: at most `slots` keys are held; a key is told from another by its hash alone, so the hash must not be
 * open to collisions made on purpose: a key that meets another's hash would erase it. There is no removal. Agrees with
 * Kafka's SkimpyOffsetMap, which takes MD5.
 */

import { hash } from 'node:crypto';
import { assert } from '../protocol/assert.ts';

export const BYTES_PER_SLOT = 24;

const WORDS_PER_SLOT = BYTES_PER_SLOT / 4;
const HASH_WORDS = 4;
const HASH_BYTES = 16;
const OFFSET_LOW = 4;
const OFFSET_HIGH = 5;
const TWO_32 = 2 ** 32;

export class OffsetMap {
  readonly slots: number;
  /** The offset up to which the log has been taken in; -1 before anything. */
  latestOffset = -1;
  readonly #table: Int32Array;
  readonly #hash = new Int32Array(HASH_WORDS);
  readonly #hashBytes = Buffer.from(this.#hash.buffer);
  #size = 0;

  constructor(slots: number) {
    assert(slots > 1, 'an offset map holds at least two keys');
    this.slots = slots;
    this.#table = new Int32Array(slots * WORDS_PER_SLOT);
  }

  /** Keys held. */
  get size(): number {
    return this.#size;
  }

  /** Notes that `key` was last seen at `offset`. There must be room: `size` < `slots`. */
  put(key: Uint8Array, offset: number): void {
    assert(this.#size < this.slots, 'an offset map with no room must not be added to');
    const at = this.#find(key);
    const table = this.#table;
    if (isEmpty(table, at)) {
      table.set(this.#hash, at);
      this.#size++;
    }
    table[at + OFFSET_LOW] = (offset + 1) | 0;
    table[at + OFFSET_HIGH] = Math.floor((offset + 1) / TWO_32);
    this.latestOffset = offset;
  }

  /** The offset at which `key` was last seen, or -1. */
  get(key: Uint8Array): number {
    const at = this.#find(key);
    const low = (this.#table[at + OFFSET_LOW] ?? 0) >>> 0;
    const high = (this.#table[at + OFFSET_HIGH] ?? 0) >>> 0;
    return high * TWO_32 + low - 1;
  }

  /** Where the slot of the key begins, or the empty one where it belongs: first by each word of the hash, then on from the last. */
  #find(key: Uint8Array): number {
    // Text of one byte a character is the form that Node gives out fastest.
    this.#hashBytes.write(hash('sha256', key, 'binary'), 0, HASH_BYTES, 'binary');
    let slot = 0;
    for (let word = 0; word < HASH_WORDS; word++) {
      slot = ((this.#hash[word] ?? 0) >>> 0) % this.slots;
      if (this.#isHome(slot * WORDS_PER_SLOT)) return slot * WORDS_PER_SLOT;
    }
    for (;;) {
      slot = slot + 1 === this.slots ? 0 : slot + 1;
      if (this.#isHome(slot * WORDS_PER_SLOT)) return slot * WORDS_PER_SLOT;
    }
  }

  #isHome(at: number): boolean {
    const table = this.#table;
    if (isEmpty(table, at)) return true;
    const wanted = this.#hash;
    return (
      table[at] === wanted[0] &&
      table[at + 1] === wanted[1] &&
      table[at + 2] === wanted[2] &&
      table[at + 3] === wanted[3]
    );
  }
}

const isEmpty = (table: Int32Array, at: number): boolean =>
  table[at + OFFSET_LOW] === 0 && table[at + OFFSET_HIGH] === 0;
