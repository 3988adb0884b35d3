/**
 * Memory for reads that are handed straight to a socket: taken from a pool, given back when the answer has left.
 *
 * A fresh buffer per read costs page faults and, worse, garbage collections: at 1 MiB a read a fifth of a broker's CPU.
 *
 * What is always true: a buffer is either in the pool or lent to exactly one lease; a lease gives back all it took,
 * once; the pool keeps at most `maxPooledBytes`, what exceeds it is left to the garbage collector; who asks `allowance`
 * before it reads keeps the sum of what is lent near `budgetBytes`, however many clients do not take their answers.
 */

import { assert } from '../protocol/assert.ts';
import type { DiskFile, PinnedFile } from './disk.ts';
import { DiskError } from './disk.ts';

/** Where a read takes its memory from. */
export interface ReadMemory {
  /** A buffer of exactly this length; its content is undefined. */
  take(bytes: number): Buffer;
  /**
   * A buffer for bytes of `file` from `position` on that need not be read yet, since who takes them may have them from
   * the file itself; null when they must be read. Missing where all must be.
   */
  readonly takeLate?: (file: DiskFile, position: number, bytes: number) => Buffer | null;
}

/**
 * Bytes of a file that nobody has read yet, and the memory that they go to if somebody must. They can be had until
 * `release`, though the file be closed, renamed or removed meanwhile.
 */
export class LateRead {
  readonly target: Buffer;
  readonly position: number;
  readonly #path: string;
  readonly #file: PinnedFile;

  /** @throws {DiskError} */
  constructor(target: Buffer, file: DiskFile, position: number) {
    assert(file.pin !== undefined, 'only files with a descriptor are read late');
    this.target = target;
    this.#file = file.pin();
    this.#path = file.path;
    this.position = position;
  }

  descriptor(): number {
    return this.#file.descriptor;
  }

  /** Reads what lies from `from` on in `target`. @throws {DiskError} if the file is shorter by now, too. */
  fill(from: number): void {
    const rest = from === 0 ? this.target : this.target.subarray(from);
    const count = this.#file.read(rest, this.position + from);
    if (count < rest.length) throw new DiskError('EIO', 'read', this.#path);
  }

  /** The file is not needed any more; harmless a second time. */
  release(): void {
    this.#file.release();
  }
}

const MIN_CLASS_BITS = 14;
/** Larger reads are rare, and their buffers are not worth keeping: 4 MiB. */
const MAX_CLASS_BITS = 22;
const DEFAULT_POOLED_BYTES = 64 * 1024 * 1024;
/** Four times fetch.max.bytes and some: a lone reader never notices. */
const DEFAULT_BUDGET_BYTES = 256 * 1024 * 1024;
/** One read may take this part of what is left of the budget, and never less than the smallest share. */
const SHARE = 4;
const SMALLEST_SHARE_BYTES = 64 * 1024;
/** Below this, reading costs no more than the calls that avoid it. */
const SMALLEST_LATE_BYTES = 128 * 1024;

export class ReadBuffers {
  readonly #free: Buffer[][] = [];
  readonly #maxPooledBytes: number;
  readonly #isPoisoned: boolean;
  readonly #budgetBytes: number;
  #pooledBytes = 0;
  #lentBytes = 0;

  /** `isPoisoned` overwrites what is given back, so that a test sees a buffer that was kept too long. */
  constructor(options: { maxPooledBytes?: number; budgetBytes?: number; isPoisoned?: boolean } = {}) {
    this.#maxPooledBytes = options.maxPooledBytes ?? DEFAULT_POOLED_BYTES;
    this.#budgetBytes = options.budgetBytes ?? DEFAULT_BUDGET_BYTES;
    this.#isPoisoned = options.isPoisoned ?? false;
    for (let bits = 0; bits <= MAX_CLASS_BITS; bits++) this.#free.push([]);
  }

  get pooledBytes(): number {
    return this.#pooledBytes;
  }

  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** How much one answer should read now, at most: less, the more is on its way to clients that are slow to take it. */
  allowance(): number {
    return Math.max(SMALLEST_SHARE_BYTES, Math.floor((this.#budgetBytes - this.#lentBytes) / SHARE));
  }

  /** With `isLate`, large reads may be left to whoever sends them. */
  lease(isLate = false): ReadLease {
    return new ReadLease(this, isLate);
  }

  /** For leases: a buffer of the smallest class that holds `bytes`. */
  lend(bytes: number): Buffer {
    const buffer = this.#take(bytes);
    this.#lentBytes += buffer.length;
    return buffer;
  }

  #take(bytes: number): Buffer {
    const bits = classBits(bytes);
    if (bits > MAX_CLASS_BITS) return Buffer.allocUnsafeSlow(bytes);
    const free = this.#free[bits]?.pop();
    if (free === undefined) return Buffer.allocUnsafeSlow(1 << bits);
    this.#pooledBytes -= free.length;
    return free;
  }

  /** For leases. */
  giveBack(buffer: Buffer): void {
    this.#lentBytes -= buffer.length;
    if (this.#isPoisoned) buffer.fill(0xdb);
    const bits = classBits(buffer.length);
    if (bits > MAX_CLASS_BITS || this.#pooledBytes + buffer.length > this.#maxPooledBytes) return;
    this.#free[bits]?.push(buffer);
    this.#pooledBytes += buffer.length;
  }
}

const classBits = (bytes: number): number => Math.max(MIN_CLASS_BITS, 32 - Math.clz32(bytes - 1));

/** What one answer has taken. */
export class ReadLease implements ReadMemory {
  /** In the order in which they were taken. */
  lateReads: LateRead[] = [];
  readonly takeLate?: (file: DiskFile, position: number, bytes: number) => Buffer | null;
  readonly #buffers: ReadBuffers;
  #held: Buffer[] = [];

  constructor(buffers: ReadBuffers, isLate: boolean) {
    this.#buffers = buffers;
    if (isLate) this.takeLate = (file, position, bytes) => this.#takeLate(file, position, bytes);
  }

  #takeLate(file: DiskFile, position: number, bytes: number): Buffer | null {
    if (bytes < SMALLEST_LATE_BYTES || file.pin === undefined) return null;
    const target = this.take(bytes);
    this.lateReads.push(new LateRead(target, file, position));
    return target;
  }

  take(bytes: number): Buffer {
    const buffer = this.#buffers.lend(bytes);
    this.#held.push(buffer);
    return buffer.length === bytes ? buffer : buffer.subarray(0, bytes);
  }

  /** Gives everything back; nothing that was read through this lease may be looked at afterwards. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const late of this.lateReads) late.release();
    this.lateReads = [];
    for (const buffer of held) this.#buffers.giveBack(buffer);
  }
}
