/**
 * Whether a log directory's disk lets writers wait, and how many bytes wait for it.
 *
 * A write into the page cache takes microseconds, so logs write from the event loop; a kernel that throttles writers, a
 * journal that commits, or a network disk can hold the same call for seconds, and with it the whole process. So each
 * write is timed: after one that took long, the logs of its directory write through the thread pool for a while.
 *
 * Always true: the guard of one directory knows nothing of another's disk; `heldBytes` is the sum of what the logs of the
 * directory keep in memory for writes on the thread pool, and who asks `hasRoom` first keeps it near `MAX_HELD_BYTES`.
 */

/**
 * A write on the event loop that took longer is a stall. A quick disk's slowest (1 MiB, memory short) stays below it, and
 * two of it in a row are still below the 50 ms by which other clients may be late.
 */
export const STALL_MS = 20;

/** So long after the last slow write the disk counts as quick again: kernels throttle writers for seconds. */
export const CALM_MS = 5_000;

/** Bytes that may wait for one directory's disk. Beyond it appends are refused, with a code that producers retry. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Above it a connection that produces is not read on before its answer has left. */
export const MANY_HELD_BYTES = 8 * 1024 * 1024;

export type WriteMode = 'auto' | 'loop' | 'pool';

export class StallGuard {
  readonly #nowMs: () => number;
  readonly #mode: WriteMode;
  #stalledUntilMs = Number.NEGATIVE_INFINITY;
  #heldBytes = 0;

  /** `nowMs` is monotonic. A `mode` other than 'auto' forces one way of writing, for tests. */
  constructor(nowMs: () => number, mode: WriteMode = 'auto') {
    this.#nowMs = nowMs;
    this.#mode = mode;
  }

  /** Whether writes go through the thread pool now. */
  get isStalled(): boolean {
    if (this.#mode !== 'auto') return this.#mode === 'pool';
    if (this.#stalledUntilMs < 0) return false;
    if (this.#nowMs() < this.#stalledUntilMs) return true;
    this.#stalledUntilMs = Number.NEGATIVE_INFINITY;
    return false;
  }

  /** Runs a call that may block, and judges how long it took. */
  timed<T>(call: () => T): T {
    const startMs = this.#nowMs();
    try {
      return call();
    } finally {
      this.#judge(startMs);
    }
  }

  /** As `timed`, for a call on the thread pool. */
  async timedAsync<T>(call: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    try {
      return await call();
    } finally {
      this.#judge(startMs);
    }
  }

  #judge(startMs: number): void {
    const nowMs = this.#nowMs();
    if (nowMs - startMs > STALL_MS) this.#stalledUntilMs = nowMs + CALM_MS;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get isCrowded(): boolean {
    return this.#heldBytes > MANY_HELD_BYTES;
  }

  /** Whether so many bytes more may be held. A lone append always may. */
  hasRoom(bytes: number): boolean {
    return this.#heldBytes === 0 || this.#heldBytes + bytes <= MAX_HELD_BYTES;
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes;
  }

  letGo(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}

/** The guards of a process, one for each log directory. */
export class StallGuards {
  readonly #nowMs: () => number;
  readonly #mode: WriteMode;
  readonly #guards = new Map<string, StallGuard>();

  constructor(nowMs: () => number, mode: WriteMode = 'auto') {
    this.#nowMs = nowMs;
    this.#mode = mode;
  }

  /** The guard of the log directory at `path`. */
  of(path: string): StallGuard {
    let guard = this.#guards.get(path);
    if (guard === undefined) {
      guard = new StallGuard(this.#nowMs, this.#mode);
      this.#guards.set(path, guard);
    }
    return guard;
  }
}
