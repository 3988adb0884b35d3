/**
 * Small appends of one turn, copied together until they are written with one call; on a disk that lets writers wait,
 * all that comes while an earlier write is under way.
 *
 * Always true: chunks come from a pool shared by all logs and go back to it when the bytes are written or given up;
 * staged bytes are copies, so the caller's buffer may be reused as soon as `add` returns; what was said to be held
 * (`hold`) is let go of again by `clear`.
 */

import type { StallGuard } from './stall-guard.ts';

export const STAGING_CHUNK_BYTES = 64 * 1024;

/** Bytes a log holds back at most before it writes of its own accord. */
export const MAX_STAGED_BYTES = 1024 * 1024;

/** Chunks kept for reuse: 16 MiB. */
const MAX_POOLED_CHUNKS = 256;

export class StagingPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(STAGING_CHUNK_BYTES);
  }

  giveBack(chunk: Buffer): void {
    if (this.#free.length < MAX_POOLED_CHUNKS) this.#free.push(chunk);
  }
}

export class Staging {
  readonly #pool: StagingPool;
  readonly #chunks: Buffer[] = [];
  /** Bytes used of each chunk. */
  readonly #used: number[] = [];
  readonly #guard: StallGuard;
  #heldBytes = 0;
  bytes = 0;

  constructor(pool: StagingPool, guard: StallGuard) {
    this.#pool = pool;
    this.#guard = guard;
  }

  /** Copies `records`, over as many chunks as it takes: memory of their own for large ones would be garbage for each. */
  add(records: Buffer): void {
    for (let from = 0; from < records.length; ) {
      let last = this.#chunks.length - 1;
      let used = this.#used[last] ?? STAGING_CHUNK_BYTES;
      if (used === STAGING_CHUNK_BYTES) {
        last = this.#chunks.push(this.#pool.take()) - 1;
        used = 0;
      }
      const copied = records.copy(this.#chunks[last] as Buffer, used, from);
      this.#used[last] = used + copied;
      from += copied;
    }
    this.bytes += records.length;
  }

  /** What is staged, in order, and after it `last` if given; valid until `clear`. */
  parts(last: Buffer | null): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let index = 0; index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index];
      if (chunk !== undefined) parts.push(chunk.subarray(0, this.#used[index]));
    }
    if (last !== null) parts.push(last);
    return parts;
  }

  /** The bytes stay in memory until a slow disk has taken them. */
  hold(): void {
    this.#guard.hold(this.bytes - this.#heldBytes);
    this.#heldBytes = this.bytes;
  }

  clear(): void {
    this.#guard.letGo(this.#heldBytes);
    this.#heldBytes = 0;
    for (const chunk of this.#chunks) this.#pool.giveBack(chunk);
    this.#chunks.length = 0;
    this.#used.length = 0;
    this.bytes = 0;
  }
}
