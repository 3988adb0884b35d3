/**
 * Replays Raft simulations: `npm run sim -- <seed> [events]` runs one seed, `npm run sim -- <from>..<to> [events]` many.
 * A seed that fails belongs into test/sim/seeds.txt.
 */

import { mutants } from '../test/sim/raft/mutants.ts';
import { simulate } from '../test/sim/raft/simulation.ts';

const [range = '1', events = '20000', mutantName] = process.argv.slice(2);
const [from, to] = range.includes('..') ? range.split('..').map(Number) : [Number(range), Number(range)];
const mutant = mutantName === undefined ? undefined : mutants[mutantName];
if (from === undefined || to === undefined || !Number.isSafeInteger(from) || !Number.isSafeInteger(to)) {
  console.error('usage: npm run sim -- <seed>|<from>..<to> [events] [planted bug]');
  process.exit(2);
}

const startedMs = performance.now();
let total = 0;
let failed = 0;
for (let seed = from; seed <= to; seed += 1) {
  try {
    const result = simulate({ seed, events: Number(events), ...(mutant === undefined ? {} : { mutant }) });
    total += result.events;
    if (from === to) {
      console.log(JSON.stringify(result));
    }
  } catch (error) {
    failed += 1;
    console.error(`seed ${seed} failed:`, error);
    process.exitCode = 1;
    if (failed >= 10) {
      break;
    }
  }
}
const seconds = (performance.now() - startedMs) / 1000;
console.log(`${total} events in ${seconds.toFixed(1)} s, ${failed} failed seeds`);
