import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deadline, Deadlines } from '../../../../src/group/deadlines.ts';

describe('deadlines', () => {
  test('come due in order, however they were set, moved and cleared', () => {
    const step = fc.record({ which: fc.nat(9), atMs: fc.option(fc.nat(50), { nil: null }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const deadlines = new Deadlines();
        const all = Array.from({ length: 10 }, () => new Deadline(() => {}));
        const model = new Map<Deadline, number>();
        for (const { which, atMs } of steps) {
          const deadline = all[which] as Deadline;
          if (atMs === null) {
            deadlines.clear(deadline);
            model.delete(deadline);
          } else {
            deadlines.set(deadline, atMs);
            model.set(deadline, atMs);
          }
          expect(deadlines.size).toBe(model.size);
          expect(deadlines.nextMs).toBe(model.size === 0 ? null : Math.min(...model.values()));
        }
        const due: number[] = [];
        for (;;) {
          const next = deadlines.takeDue(25);
          if (next === null) break;
          expect(next.isSet).toBe(false);
          due.push(model.get(next) ?? -1);
          model.delete(next);
        }
        expect(due).toEqual([...due].sort((a, b) => a - b));
        for (const atMs of model.values()) expect(atMs).toBeGreaterThan(25);
      }),
    );
  });
});
