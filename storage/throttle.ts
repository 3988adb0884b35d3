/**
 * How long to wait so that no more than so many bytes a second go by.
 *
 * Always true: bytes are paid for after they went; a pause in the work is not saved up for later.
 */

export class Throttle {
  readonly #bytesPerSecond: number;
  #paidUntilMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** The wait that `bytes` cost, in milliseconds on the clock of `nowMs`. */
  delayMs(bytes: number, nowMs: number): number {
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + (bytes / this.#bytesPerSecond) * 1000;
    return this.#paidUntilMs - nowMs;
  }
}
