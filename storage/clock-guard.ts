/**
 * Whether the wall clock can be believed when it decides what is too old to keep.
 *
 * A clock that jumps a month ahead for a minute would make retention delete everything. Always true: after a forward
 * jump of more than `toleranceMs` against the monotonic clock, `isPlausible` is false until the wall clock has gone
 * along with the monotonic one for `holdMs`. A jump back is harmless here: it makes records look younger.
 */

export class ClockGuard {
  readonly #toleranceMs: number;
  readonly #holdMs: number;
  #lastWallMs: number | null = null;
  #lastMonotonicMs = 0;
  #suspectUntilMs = Number.NEGATIVE_INFINITY;

  constructor(toleranceMs: number, holdMs: number) {
    this.#toleranceMs = toleranceMs;
    this.#holdMs = holdMs;
  }

  /** Takes note of both clocks; call it often. True when nothing has jumped ahead lately. */
  isPlausible(wallMs: number, monotonicMs: number): boolean {
    if (this.#lastWallMs !== null) {
      const ranAheadMs = wallMs - this.#lastWallMs - (monotonicMs - this.#lastMonotonicMs);
      if (ranAheadMs > this.#toleranceMs) this.#suspectUntilMs = monotonicMs + this.#holdMs;
    }
    this.#lastWallMs = wallMs;
    this.#lastMonotonicMs = monotonicMs;
    return monotonicMs >= this.#suspectUntilMs;
  }
}
