/**
 * What the simulations of machines have in common: one seed decides which events happen, and after each of them every
 * invariant is looked at. What breaks one is told with the event; whoever runs the seeds adds the seed.
 */
import { expect, test } from 'vitest';

/** mulberry32: small, fast, and good enough to pick events. */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Something that must always be so is not. The message begins with the name of the invariant. */
export class InvariantError extends Error {}

export abstract class EventSimulation {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  /** Lets `steps` events happen, and what belongs to the end. */
  abstract run(steps: number): void;

  /** Some event, as chance will have it. */
  protected abstract event(): void;

  /** Takes in what the event has brought about, and looks at every invariant. @throws {InvariantError} */
  protected abstract look(): void;

  protected events(steps: number): void {
    for (let step = 0; step < steps; step++) this.do(`event ${step}`, () => this.event());
  }

  protected do(what: string, action: () => void): void {
    try {
      action();
      this.look();
    } catch (error) {
      if (error instanceof InvariantError) throw new InvariantError(`${what}: ${error.message}`);
      throw new Error(what, { cause: error });
    }
  }

  protected pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)];
  }
}

/** Runs a simulation of each seed; a failure names it. */
export function runSeeds<S extends EventSimulation>(
  seeds: readonly number[],
  steps: number,
  make: (seed: number) => S,
): S[] {
  return seeds.map((seed) => {
    const simulation = make(seed);
    try {
      simulation.run(steps);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    return simulation;
  });
}

/** One test for each machine with a rule broken: some seed finds it. */
export function catches<Config, Machine>(
  seeds: readonly number[],
  steps: number,
  machines: readonly (new (config: Config) => Machine)[],
  make: (seed: number, create: (config: Config) => Machine) => EventSimulation,
): void {
  for (const Buggy of machines) {
    test(`catch a machine that ${Buggy.name.replaceAll(/(?<=.)[A-Z]/g, (c) => ` ${c}`).toLowerCase()}`, () => {
      const play = () => {
        for (const seed of seeds) make(seed, (config) => new Buggy(config)).run(steps);
      };
      expect(play).toThrow(InvariantError);
    });
  }
}
