/** A clock and timer that only tests move. */
import type { Cancel, Clock, Timer } from '../../storage/clock.ts';

interface Scheduled {
  readonly dueMs: number;
  readonly order: number;
  readonly action: () => void;
}

export class VirtualTime implements Clock, Timer {
  #nowMs = 0;
  #wallStartMs: number;
  #order = 0;
  #scheduled: Scheduled[] = [];

  constructor(wallStartMs = 1_700_000_000_000) {
    this.#wallStartMs = wallStartMs;
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): Cancel {
    const scheduled = { dueMs: this.#nowMs + delayMs, order: this.#order++, action };
    this.#scheduled.push(scheduled);
    return () => {
      this.#scheduled = this.#scheduled.filter((other) => other !== scheduled);
    };
  }

  /** Timers that wait now. */
  get waiting(): number {
    return this.#scheduled.length;
  }

  /** Jumps the wall clock alone. */
  jumpWallMs(byMs: number): void {
    this.#wallStartMs += byMs;
  }

  /** Lets time pass, running what falls due in order. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#scheduled
        .filter(({ dueMs }) => dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (due === undefined) break;
      this.#scheduled = this.#scheduled.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      due.action();
    }
    this.#nowMs = endMs;
  }
}
