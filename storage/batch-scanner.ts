/**
 * Walks the batches of a `.log` file, reading it in chunks: for recovery, rebuilding of indexes, and searches that an
 * index can't answer.
 *
 * Always true: after `next()` returned true, the header of the batch at `position` lies in `buffer` at `at`, and the
 * batch as a whole lies before the end that was given. `next()` returns false at that end and at the first bytes
 * that can't be a batch; `problem` tells which. Memory stays bounded by the chunk size and the largest batch. A batch that
 * was handed out keeps its bytes, unless the owner chose a `ScanMemory`: then they are good until the scanner moves on.
 */

import {
  BATCH_HEADER_SIZE,
  baseOffset,
  isCrcValid,
  lastOffset,
  MAGIC_V2,
  magic,
  sizeInBytes,
} from '../protocol/batch.ts';
import type { DiskFile } from './disk.ts';
import type { ScanMemory } from './scan-memory.ts';

/** `cut`: the file ends inside the batch; `invalid`: no batch begins with these bytes. */
export type ScanProblem = 'none' | 'cut' | 'invalid';

export const SCAN_CHUNK_BYTES = 1024 * 1024;
export const HEADER_CHUNK_BYTES = 64 * 1024;
/** For walks over headers that are far apart. */
export const SPARSE_CHUNK_BYTES = 4096;
/** Batches of this size and above cost less when each header is read by itself than when all that lies between is. */
const FAR_APART_BYTES = 16 * 1024;

export interface ScanOptions {
  /** How much is read at a time. */
  readonly chunkBytes?: number;
  /** Without, each chunk has memory of its own. */
  readonly memory?: ScanMemory;
  /** Batches that end at or below it are known to be intact, where each begins at the end of the one before. */
  readonly checkedBytes?: number;
}

export class BatchScanner {
  /** Where the current batch begins in the file. */
  position: number;
  /** Holds the current batch's header at `at`, and the whole batch after `loadWhole`. */
  buffer: Buffer = Buffer.alloc(0);
  at = 0;
  problem: ScanProblem = 'none';
  readonly #file: DiskFile;
  readonly #end: number;
  readonly #chunkBytes: number;
  readonly #memory: ScanMemory | null;
  readonly #checkedBytes: number;
  #next: number;
  /** Of the batch before the current one. */
  #lastSize = 0;
  #bufferStart = 0;
  #filled = 0;

  constructor(file: DiskFile, start: number, end: number, options: ScanOptions = {}) {
    this.#file = file;
    this.#end = end;
    this.#chunkBytes = options.chunkBytes ?? HEADER_CHUNK_BYTES;
    this.#memory = options.memory ?? null;
    this.#checkedBytes = options.checkedBytes ?? 0;
    this.#next = start;
    this.position = start;
  }

  /** Moves to the next batch. */
  next(): boolean {
    this.#lastSize = this.#next - this.position;
    this.position = this.#next;
    if (this.position >= this.#end) return false;
    if (this.#end - this.position < BATCH_HEADER_SIZE) return this.#stop('cut');
    this.#load(BATCH_HEADER_SIZE);
    if (this.#filled - this.at < BATCH_HEADER_SIZE) return this.#stop('cut');
    const size = sizeInBytes(this.buffer, this.at);
    if (magic(this.buffer, this.at) !== MAGIC_V2 || size < BATCH_HEADER_SIZE) return this.#stop('invalid');
    if (baseOffset(this.buffer, this.at) < 0 || this.lastOffset < this.baseOffset)
      return this.#stop('invalid');
    if (size > this.#end - this.position) return this.#stop('cut');
    this.#next = this.position + size;
    return true;
  }

  get baseOffset(): number {
    return baseOffset(this.buffer, this.at);
  }

  get lastOffset(): number {
    return lastOffset(this.buffer, this.at);
  }

  get sizeBytes(): number {
    return sizeInBytes(this.buffer, this.at);
  }

  /** Brings the whole current batch into `buffer`; false when the file turns out to be shorter. */
  loadWhole(): boolean {
    const size = this.sizeBytes;
    this.#load(size);
    return this.#filled - this.at >= size;
  }

  /** Whether the current batch is whole and its CRC agrees; one that is known to be is not read for it. */
  isIntact(): boolean {
    if (this.#next <= this.#checkedBytes) return true;
    return this.loadWhole() && isCrcValid(this.buffer, this.at);
  }

  #stop(problem: ScanProblem): boolean {
    this.problem = problem;
    return false;
  }

  /** Makes `buffer` hold at least `bytes` from `position` on, as far as the file has them. */
  #load(bytes: number): void {
    const within = this.position - this.#bufferStart;
    const isHeld = this.#memory === null || this.#memory.isHeldBy(this);
    if (isHeld && within >= 0 && within + bytes <= this.#filled) {
      this.at = within;
      return;
    }
    const wanted = Math.min(Math.max(bytes, this.#chunkBytesHere()), this.#end - this.position);
    // Records may still be in use by the caller that asked for the last batch: never read over them unasked.
    this.buffer = this.#memory?.take(this, wanted) ?? Buffer.allocUnsafeSlow(wanted);
    this.#filled = this.#file.read(this.buffer, this.position);
    this.#bufferStart = this.position;
    this.at = 0;
  }

  /** Of what was checked only headers are asked for. */
  #chunkBytesHere(): number {
    if (this.position >= this.#checkedBytes) return this.#chunkBytes;
    return this.#lastSize >= FAR_APART_BYTES ? SPARSE_CHUNK_BYTES : HEADER_CHUNK_BYTES;
  }
}
