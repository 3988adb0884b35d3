import { describe, expect, test } from 'vitest';
import { CLOCK_HOLD_MS, retentionHoldMs, SteadyClock } from '../../../storage/clock-guard.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const DAY_MS = 86_400_000;

describe('a steady clock', () => {
  test.each([30 * DAY_MS, -30 * DAY_MS])('goes on as before while the wall clock is %d ms away', (jumpMs) => {
    const time = new VirtualTime();
    const steady = new SteadyClock(time);
    const start = steady.wallMs();
    time.jumpWallMs(jumpMs);
    expect(steady.wallMs()).toBe(start);
    time.advance(5_000);
    expect(steady.wallMs()).toBe(start + 5_000);
    time.jumpWallMs(-jumpMs);
    time.advance(CLOCK_HOLD_MS * 2);
    expect(steady.wallMs()).toBe(time.wallMs());
  });

  test('follows a wall clock that stays where it went', () => {
    const time = new VirtualTime();
    const steady = new SteadyClock(time);
    time.jumpWallMs(DAY_MS);
    expect(steady.wallMs()).toBe(time.wallMs() - DAY_MS);
    time.advance(CLOCK_HOLD_MS);
    expect(steady.wallMs()).toBe(time.wallMs());
  });

  test('follows small corrections at once', () => {
    const time = new VirtualTime();
    const steady = new SteadyClock(time);
    for (const byMs of [500, -700, 30_000]) {
      time.jumpWallMs(byMs);
      time.advance(1_000);
      expect(steady.wallMs()).toBe(time.wallMs());
    }
  });
});

describe('the clock of retention', () => {
  const HOUR_MS = 3_600_000;

  test('does not believe a month of error that lasts for hours', () => {
    const time = new VirtualTime();
    const clock = new SteadyClock(time, { holdMs: retentionHoldMs });
    const start = clock.wallMs();
    time.jumpWallMs(30 * DAY_MS);
    for (let hour = 1; hour <= 23; hour++) {
      expect(clock.wallMs()).toBe(start + (hour - 1) * HOUR_MS);
      time.advance(HOUR_MS);
    }
    time.jumpWallMs(-30 * DAY_MS);
    expect(clock.wallMs()).toBe(start + 23 * HOUR_MS);
    expect(clock.wallMs()).toBe(time.wallMs());
  });

  test('believes what stays for a day, or for as long as it is away', () => {
    const time = new VirtualTime();
    const clock = new SteadyClock(time, { holdMs: retentionHoldMs });
    for (const [jumpMs, holdMs] of [
      [30 * DAY_MS, DAY_MS],
      [3 * HOUR_MS, 3 * HOUR_MS],
      [2 * 60_000, CLOCK_HOLD_MS],
    ] as const) {
      time.jumpWallMs(jumpMs);
      clock.wallMs();
      time.advance(holdMs - 1);
      expect(clock.wallMs()).toBe(time.wallMs() - jumpMs);
      time.advance(1);
      expect(clock.wallMs()).toBe(time.wallMs());
    }
  });

  test('does not believe at a start that days have passed since somebody was here', () => {
    const time = new VirtualTime();
    const lastSeenWallMs = time.wallMs() - 30 * DAY_MS;
    const clock = new SteadyClock(time, { holdMs: retentionHoldMs, lastSeenWallMs });
    expect(clock.wallMs()).toBe(lastSeenWallMs);
    time.advance(DAY_MS);
    expect(clock.wallMs()).toBe(time.wallMs());
    const soon = new SteadyClock(time, { holdMs: retentionHoldMs, lastSeenWallMs: time.wallMs() - HOUR_MS });
    expect(soon.wallMs()).toBe(time.wallMs());
  });
});
