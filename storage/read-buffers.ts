/**
 * Memory for reads that are handed straight to a socket: taken from a pool, given back when the answer has left.
 *
 * A fresh buffer per read costs page faults and, worse, garbage collections: at 1 MiB a read a fifth of a broker's CPU.
 *
 * What is always true: a buffer is either in the pool or lent to exactly one lease; a lease gives back all it took,
 * once; the pool keeps at most `maxPooledBytes`, what exceeds it is left to the garbage collector; who asks `allowance`
 * before it reads keeps the sum of what is lent near `budgetBytes`, however many clients do not take their answers.
 */

/** Where a read takes its memory from. */
export interface ReadMemory {
  /** A buffer of exactly this length; its content is undefined. */
  take(bytes: number): Buffer;
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

  lease(): ReadLease {
    return new ReadLease(this);
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
  readonly #buffers: ReadBuffers;
  #held: Buffer[] = [];

  constructor(buffers: ReadBuffers) {
    this.#buffers = buffers;
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
    for (const buffer of held) this.#buffers.giveBack(buffer);
  }
}
