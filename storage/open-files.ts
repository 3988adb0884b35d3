/**
 * Which files of a disk hold a descriptor, so that a process with more files than descriptors can go on: whoever has
 * not been used for long lets go of its descriptor, and takes one again at its next use.
 *
 * Always true: at most `maxOpen` files hold a descriptor, but for those with a call under way; a file that is in use
 * is passed over at least once (the second-chance algorithm), so that a busy file seldom has to be opened again.
 */

/** Calls on the thread pool that may hold a descriptor at the same time; the pool runs four by default anyway. */
const CALLS_AT_ONCE = 32;

/** A file that can do without its descriptor between two calls. */
export interface Releasable {
  /** A call is under way that needs the descriptor. */
  readonly isBusy: boolean;
  /** Set by each use, cleared when the file was passed over for it. */
  wasUsed: boolean;
  release(): void;
}

export class OpenFiles {
  readonly #maxOpen: number;
  readonly #waiting: (() => void)[] = [];
  #calls = 0;
  /** In the order in which they are looked at; the first is next. */
  readonly #files = new Set<Releasable>();

  constructor(maxOpen: number) {
    this.#maxOpen = maxOpen;
  }

  get count(): number {
    return this.#files.size;
  }

  /** The file is about to take a descriptor: another may have to let go of its own. */
  add(file: Releasable): void {
    while (this.#files.size >= this.#maxOpen && this.releaseOne()) {
      // Once more, until there is room.
    }
    this.#files.add(file);
  }

  remove(file: Releasable): void {
    this.#files.delete(file);
  }

  /** Takes a descriptor from the file that was not used for longest; false when all are busy. */
  releaseOne(): boolean {
    // Twice around: the first time may only have cleared marks.
    for (let looks = 2 * this.#files.size; looks > 0; looks--) {
      const [file] = this.#files;
      if (file === undefined) return false;
      this.#files.delete(file);
      if (!file.wasUsed && !file.isBusy) {
        file.release();
        return true;
      }
      file.wasUsed = false;
      this.#files.add(file);
    }
    return false;
  }

  /** Runs `call` now or when others have ended; it says `endCall` when it has ended itself. */
  beginCall(call: () => void): void {
    if (this.#calls >= CALLS_AT_ONCE) {
      this.#waiting.push(call);
      return;
    }
    this.#calls++;
    call();
  }

  endCall(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#calls--;
    else next();
  }
}
