/**
 * Hours of faults instead of seconds, over and over, each round with its own seed:
 *
 *   node scripts/torture.ts [--minutes 10] [--seed 1] [--only crash|power|disk-full|bit-flip|frames|hostile]
 *
 *   crash      kill -9 under load: every acknowledged record is found
 *   power      the power of a file system is cut under load (needs root, mkfs.ext4 and loop devices)
 *   disk-full  a volume fills and empties under load, with kills and stops (needs root and tmpfs)
 *   bit-flip   one flipped bit, or a cut, in any file of a directory
 *   frames     damaged requests of every API and version
 *   hostile    clients that announce, ask, flood and fall silent beside an honest one
 *
 * Runs the built broker (dist/). Ends at the first failure with the command that tries its seed again.
 */
import { parseArgs } from 'node:util';
import { seeded } from '../test/unit/storage/support.ts';
import { bitFlip } from './torture/bit-flip.ts';
import { crash } from './torture/crash.ts';
import { diskFull } from './torture/disk-full.ts';
import { frames } from './torture/frames.ts';
import { hostile } from './torture/hostile.ts';
import type { TorturePart } from './torture/part.ts';
import { power } from './torture/power.ts';

const PARTS: readonly TorturePart[] = [crash, power, diskFull, bitFlip, frames, hostile];

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const chosen = PARTS.filter(({ name }) => values.only === undefined || name === values.only);
if (chosen.length === 0) {
  say(`there is no part ${values.only}; there are ${PARTS.map(({ name }) => name).join(', ')}`);
  process.exit(1);
}
for (const { name, missing } of chosen) {
  const reason = missing?.() ?? null;
  if (reason !== null) say(`left out: ${name}: ${reason}`);
}
const able = chosen.filter(({ missing }) => (missing?.() ?? null) === null);

const endMs = performance.now() + Number(values.minutes) * 60_000;
for (let seed = Number(values.seed); able.length > 0 && performance.now() < endMs; seed++) {
  for (const { name, run } of able) {
    if (performance.now() >= endMs) break;
    say(`${name}, seed ${seed}`);
    try {
      await run({ random: seeded(seed), say });
    } catch (error) {
      const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
      say(`${told}\nagain: node scripts/torture.ts --only ${name} --seed ${seed} --minutes 0.01`);
      process.exit(1);
    }
  }
}
say('survived');
// Whatever a round has left waiting must not hold the process.
process.exit(0);
