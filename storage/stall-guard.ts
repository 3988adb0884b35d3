/**
 * Whether a log directory's disk lets writers wait, and how many bytes wait for it.
 *
 * A write into the page cache takes microseconds, so logs write from the event loop; a kernel that throttles writers, a
 * journal that commits, or a network disk can hold the same call for seconds, and with it the whole process. So each
 * write is timed: after one that took long, the logs of its directory write through the thread pool, until a write there
 * is quick and no other was slow for a while. A disk that is always slow so holds the loop up once.
 *
 * Always true: the guard of one directory knows nothing of another's disk; `heldBytes` is the sum of what the logs of the
 * directory keep in memory for writes on the thread pool, and who asks `hasRoom` first keeps it near `MAX_HELD_BYTES`.
 */

/**
 * A write on the event loop that took longer is a stall. A quick disk's slowest (1 MiB, memory short) stays below it, and
 * two of it in a row are still below the 50 ms by which other clients may be late.
 */
export const STALL_MS = 20;

/** Only so long after the last slow write a quick one counts for more than luck: kernels throttle writers for seconds. */
export const CALM_MS = 5_000;

/** Bytes that may wait for one directory's disk. Beyond it appends are refused, with a code that producers retry. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Above it a connection that produces is not read on before its answer has left. */
export const MANY_HELD_BYTES = 8 * 1024 * 1024;

export type WriteMode = 'auto' | 'loop' | 'pool';

export class StallGuard {
  readonly #nowMs: () => number;
  readonly #mode: WriteMode;
  #isStalled = false;
  /** When a slow write ended last. */
  #slowMs = 0;
  #heldBytes = 0;

  /** `nowMs` is monotonic. A `mode` other than 'auto' forces one way of writing, for tests. */
  constructor(nowMs: () => number, mode: WriteMode = 'auto') {
    this.#nowMs = nowMs;
    this.#mode = mode;
  }

  /** Whether writes go through the thread pool now. */
  get isStalled(): boolean {
    return this.#mode === 'auto' ? this.#isStalled : this.#mode === 'pool';
  }

  /** Runs a call that may block, and judges how long it took. */
  timed<T>(call: () => T): T {
    const startMs = this.#nowMs();
    try {
      return call();
    } finally {
      this.#wasSlow(startMs);
    }
  }

  /** As `timed`, for a write on the thread pool: one that is quick may end the stall. */
  async timedAsync<T>(call: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    try {
      return await call();
    } finally {
      if (!this.#wasSlow(startMs) && this.#nowMs() - this.#slowMs >= CALM_MS) this.#isStalled = false;
    }
  }

  #wasSlow(startMs: number): boolean {
    const nowMs = this.#nowMs();
    if (nowMs - startMs <= STALL_MS) return false;
    this.#isStalled = true;
    this.#slowMs = nowMs;
    return true;
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
