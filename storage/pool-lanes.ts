/**
 * How much of the thread pool one log directory may hold, so that a disk that answers slowly, or not at all, leaves
 * threads to the others.
 *
 * Always true: of each kind of call at most a quarter of the pool's threads (and at least one) work for one directory
 * at the same time; the rest waits in the order in which it came. Three kinds together so leave a quarter of the pool
 * to other directories, name look-ups and compression. What lies in no directory that is known shares one.
 */

/** libuv's own default, and what it has where nobody has said otherwise before its first use. */
export const DEFAULT_POOL_THREADS = 4;

/** Calls of one kind for one directory. */
export class Lane {
  readonly #atOnce: number;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Runs `call` now or when others have ended; it says `leave` when it has ended itself. */
  enter(call: () => void): void {
    if (this.#underWay >= this.#atOnce) {
      this.#waiting.push(call);
      return;
    }
    this.#underWay++;
    call();
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#underWay--;
    else next();
  }
}

export interface DirectoryLanes {
  readonly sync: Lane;
  readonly write: Lane;
  readonly read: Lane;
}

export class PoolLanes {
  readonly #directories: readonly { readonly prefix: string; readonly lanes: DirectoryLanes }[];
  readonly #others: DirectoryLanes;

  constructor(directories: readonly string[], poolThreads = DEFAULT_POOL_THREADS) {
    const atOnce = Math.max(1, Math.floor(poolThreads / 4));
    const lanes = () => ({ sync: new Lane(atOnce), write: new Lane(atOnce), read: new Lane(atOnce) });
    // The longest first: one directory may lie in another.
    this.#directories = directories
      .map((prefix) => ({ prefix, lanes: lanes() }))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    this.#others = lanes();
  }

  of(path: string): DirectoryLanes {
    for (const { prefix, lanes } of this.#directories) {
      if (path.startsWith(prefix) && isBoundary(path, prefix)) return lanes;
    }
    return this.#others;
  }
}

const isBoundary = (path: string, prefix: string): boolean =>
  prefix.endsWith('/') || path.length === prefix.length || '/\\'.includes(path.charAt(prefix.length));
