/**
 * Whether the wall clock can be believed when it decides what is too old to keep.
 *
 * A clock that jumps a month ahead for a minute would make retention delete everything. Always true: after a forward
 * jump of more than `toleranceMs` against the monotonic clock, `isPlausible` is false until the wall clock has gone
 * along with the monotonic one for `holdMs`. A jump back is harmless here: it makes records look younger.
 *
 * `SteadyClock` is for what must be told a time all the same: commits of offsets, and the age of producers.
 */

import type { Clock } from './clock.ts';

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

/** How far the wall clock may run away from the monotonic one, and how long it then is not followed. */
export const CLOCK_TOLERANCE_MS = 60_000;
export const CLOCK_HOLD_MS = 10 * 60_000;

/**
 * A wall clock that does not jump at once: after a jump either way it goes on as if there had been none, until the real
 * one has stayed away for `CLOCK_HOLD_MS`. What was stamped by it is then never older than it can be because the real
 * one was wrong for a moment. A slow drift is followed at once.
 */
export class SteadyClock implements Clock {
  readonly #clock: Clock;
  /** Wall minus monotonic time, as last believed. */
  #offsetMs: number;
  #awaySinceMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offsetMs = clock.wallMs() - clock.monotonicMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    const wallMs = this.#clock.wallMs();
    const monotonicMs = this.#clock.monotonicMs();
    const offsetMs = wallMs - monotonicMs;
    if (Math.abs(offsetMs - this.#offsetMs) > CLOCK_TOLERANCE_MS) {
      this.#awaySinceMs ??= monotonicMs;
      if (monotonicMs - this.#awaySinceMs < CLOCK_HOLD_MS) return Math.round(monotonicMs + this.#offsetMs);
    }
    this.#awaySinceMs = null;
    this.#offsetMs = offsetMs;
    return wallMs;
  }
}
