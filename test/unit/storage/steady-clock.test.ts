import { describe, expect, test } from 'vitest';
import { CLOCK_HOLD_MS, SteadyClock } from '../../../storage/clock-guard.ts';
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
