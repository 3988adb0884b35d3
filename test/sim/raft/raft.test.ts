import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { InvariantViolation } from './invariants.ts';
import { mutants } from './mutants.ts';
import { simulate } from './simulation.ts';

const EVENTS = 5000;
const seeds = readFileSync(new URL('../seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\d/.test(line))
  .map((line) => Number.parseInt(line, 10));

/** The first seed at which a planted bug shows, and what showed it. */
function firstCatch(name: string, upToSeed: number): { seed: number; by: string } | null {
  const mutant = mutants[name];
  if (mutant === undefined) {
    throw new Error('no such planted bug');
  }
  for (let seed = 1; seed <= upToSeed; seed += 1) {
    try {
      simulate({ seed, events: EVENTS, mutant, liveness: false });
    } catch (error) {
      const by = error instanceof InvariantViolation ? error.invariant : (error as Error).message;
      return { seed, by };
    }
  }
  return null;
}

describe('the Raft core under simulation', () => {
  test.each(seeds)('holds every invariant at seed %i, which is kept for ever', (seed) => {
    const result = simulate({ seed, events: 4 * EVENTS });
    expect(result.events).toBeGreaterThan(0);
  });

  test('holds every invariant at 200 seeds, and gets work done in them', () => {
    const sums = { elections: 0, committed: 0, crashes: 0, snapshotsFetched: 0 };
    for (let seed = 1; seed <= 200; seed += 1) {
      const result = simulate({ seed, events: EVENTS });
      sums.elections += result.elections;
      sums.committed += result.committedTo;
      sums.crashes += result.crashes;
      sums.snapshotsFetched += result.snapshotsFetched;
    }
    // A simulator that no longer crashes, elects or fetches snapshots would be green for nothing.
    expect(sums.elections).toBeGreaterThan(1000);
    expect(sums.committed).toBeGreaterThan(50_000);
    expect(sums.crashes).toBeGreaterThan(1000);
    expect(sums.snapshotsFetched).toBeGreaterThan(100);
  });

  test('repeats itself bit for bit', () => {
    expect(simulate({ seed: 74, events: EVENTS })).toEqual(simulate({ seed: 74, events: EVENTS }));
  });
});

describe('a planted bug is caught: a node that', () => {
  test.each(Object.keys(mutants))('%s', (name) => {
    const caught = firstCatch(name, 3000);
    expect(caught).not.toBeNull();
  });
});
