/**
 * The ports through which every part below the rim sees time.
 *
 * Two clocks, because they answer different questions. The wall clock stamps records and judges retention; it
 * may jump. The monotonic clock measures sessions, timeouts and elections; it never goes back.
 */

export interface Clock {
  /** Milliseconds since the Unix epoch; may jump either way. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; never decreases and is unaffected by changes of the wall clock. */
  monotonicMs(): number;
}

/** Ends a scheduled call that has not run yet; harmless afterwards. */
export type Cancel = () => void;

export interface Timer {
  /** Runs `action` once, `delayMs` from now on the monotonic clock (0 means the next turn, never this one). */
  after(delayMs: number, action: () => void): Cancel;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

export const systemTimer: Timer = {
  after(delayMs, action) {
    const handle = setTimeout(action, delayMs);
    return () => clearTimeout(handle);
  },
};
