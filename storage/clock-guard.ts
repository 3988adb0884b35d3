/**
 * A wall clock that does not jump: for what goes by age, and for what is stamped with a time.
 *
 * A clock that is a month ahead for an hour would make retention delete everything. Always true: after a jump against the
 * monotonic clock, either way, `wallMs` goes on as if there had been none until the real clock has stayed away for the
 * hold; a slow drift is followed at once. What is judged by it is then never older than it can be because the real
 * clock was wrong for a while.
 */

import type { Clock } from './clock.ts';

/** How far the wall clock may run away from the monotonic one. */
export const CLOCK_TOLERANCE_MS = 60_000;
/** For what is stamped: it should not be wrong for long after a machine has slept. */
export const CLOCK_HOLD_MS = 10 * 60_000;

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * For what deletes: a clock that went ahead by some time is believed once that time has passed, or a day. Waiting costs
 * room on the disk, and only until then.
 */
export const retentionHoldMs = (awayMs: number): number => Math.min(Math.max(awayMs, CLOCK_HOLD_MS), DAY_MS);

export interface SteadyClockOptions {
  /** How long a clock that is so far away is not followed. */
  readonly holdMs?: (awayMs: number) => number;
  /**
   * When somebody was last seen at work here. A clock that is more than a day ahead of it at the start may be wrong as
   * well as not: time then goes on from there, as after a jump.
   */
  readonly lastSeenWallMs?: number | null;
}

export class SteadyClock implements Clock {
  readonly #clock: Clock;
  readonly #holdMs: (awayMs: number) => number;
  /** Wall minus monotonic time, as last believed. */
  #offsetMs: number;
  #awaySinceMs: number | null = null;

  constructor(clock: Clock, options: SteadyClockOptions = {}) {
    const { holdMs = () => CLOCK_HOLD_MS, lastSeenWallMs = null } = options;
    this.#clock = clock;
    this.#holdMs = holdMs;
    const wallMs = clock.wallMs();
    const isDoubtful = lastSeenWallMs !== null && wallMs - lastSeenWallMs > DAY_MS;
    this.#offsetMs = (isDoubtful ? lastSeenWallMs : wallMs) - clock.monotonicMs();
    // The hold begins now, and not when somebody first asks.
    if (isDoubtful) this.#awaySinceMs = clock.monotonicMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Call it often: a jump that nobody saw is no jump. */
  wallMs(): number {
    const wallMs = this.#clock.wallMs();
    const monotonicMs = this.#clock.monotonicMs();
    const offsetMs = wallMs - monotonicMs;
    const awayMs = Math.abs(offsetMs - this.#offsetMs);
    if (awayMs > CLOCK_TOLERANCE_MS) {
      this.#awaySinceMs ??= monotonicMs;
      if (monotonicMs - this.#awaySinceMs < this.#holdMs(awayMs)) {
        return Math.round(monotonicMs + this.#offsetMs);
      }
    }
    this.#awaySinceMs = null;
    this.#offsetMs = offsetMs;
    return wallMs;
  }
}
