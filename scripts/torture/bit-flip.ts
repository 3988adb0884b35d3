/** One flipped bit, or a cut, in any file of a whole directory: everything is served, or the start refused. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  damagesOf,
  describeDamage,
  judge,
  makeImages,
  scratchDirectory,
  WITH_SNAPSHOTS,
} from '../../test/helpers/damaged-directory.ts';
import type { TorturePart, TortureRound } from './part.ts';
import { below } from './part.ts';

const DAMAGES = 500;

async function run({ random, say }: TortureRound): Promise<void> {
  const scratch = scratchDirectory();
  const counts = { served: 0, refused: 0 };
  try {
    const images = await makeImages(join(scratch, 'filled'), random() < 0.7 ? WITH_SNAPSHOTS : {});
    const image = random() < 0.5 ? images.killed : images.stopped;
    const paths = [...image.keys()].filter((path) => !path.startsWith('other-'));
    for (let count = 0; count < DAMAGES; count++) {
      const path = paths[below(random, paths.length)] ?? '';
      const damages = damagesOf(image, path, random, 8);
      const damage = damages[below(random, damages.length)];
      if (damage === undefined) continue;
      try {
        counts[await judge(image, damage, join(scratch, 'judged'))]++;
      } catch (error) {
        throw new Error(`${describeDamage(damage)}: ${error}`, { cause: error });
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  say(`  ${JSON.stringify(counts)}`);
}

export const bitFlip: TorturePart = { name: 'bit-flip', run };
