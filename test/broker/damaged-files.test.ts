/**
 * One thing wrong with one file of a whole broker's directory: a flipped bit, or the file cut short or empty. The broker
 * serves all there was, or refuses with a sentence that names the file and leaves every byte as it was; and it refuses
 * only where nothing else tells what the file held.
 *
 * Some bits of each file here, drawn by a seed; every bit with SORDINI_ALL_BITS=1.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Damage, Image, Images } from '../helpers/damaged-directory.ts';
import {
  damagesOf,
  describeDamage,
  firstDifference,
  judge,
  layImage,
  makeImages,
  scratchDirectory,
  startOn,
  takeImage,
  WITH_SNAPSHOTS,
  whatIsWrong,
} from '../helpers/damaged-directory.ts';
import { seeded } from '../unit/storage/support.ts';

const isEveryBit = process.env['SORDINI_ALL_BITS'] === '1';
const FLIPS = isEveryBit ? Number.POSITIVE_INFINITY : 6;
const TIMEOUT_MS = isEveryBit ? 3_600_000 : 60_000;
const METADATA = '__cluster_metadata-0';
const LOG = `${METADATA}/00000000000000000000.log`;

const scratch = scratchDirectory();
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Damage that nothing makes good: the file alone says what is in it, or what no snapshot has is cut off. */
const isIrreplaceable = ({ kind, path }: Damage): boolean =>
  path === 'meta.properties' || path === `${METADATA}/quorum-state` || (kind === 'cut' && path === LOG);

async function judgeAll(
  image: Image,
  isJudged: (path: string) => boolean,
  mayRefuse: (damage: Damage) => boolean,
): Promise<{ served: number; refused: number }> {
  const random = seeded(7);
  const counts = { served: 0, refused: 0 };
  for (const path of [...image.keys()].filter(isJudged)) {
    for (const damage of damagesOf(image, path, random, FLIPS)) {
      const verdict = await judge(image, damage, join(scratch, 'judged')).catch((error: unknown) => {
        throw new Error(`${describeDamage(damage)}: ${error}`, { cause: error });
      });
      if (verdict === 'refused') expect(mayRefuse(damage), `refused: ${describeDamage(damage)}`).toBe(true);
      counts[verdict]++;
    }
  }
  return counts;
}

/** The other topics are only there to fill the metadata log. */
const isOfInterest = (path: string): boolean => !path.startsWith('other-');

describe('a directory with one damaged file', () => {
  let images: Images;
  beforeAll(async () => {
    images = await makeImages(join(scratch, 'filled'), WITH_SNAPSHOTS);
  });

  test.each([
    ['stopped cleanly', 'stopped'],
    ['killed', 'killed'],
  ] as const)(
    'of a broker that was %s is served whole, or refused and left as it is',
    async (_name, key) => {
      const { served, refused } = await judgeAll(images[key], isOfInterest, isIrreplaceable);
      expect(served).toBeGreaterThan(200);
      expect(refused).toBeGreaterThan(5);
    },
    TIMEOUT_MS,
  );
});

describe('a metadata log without snapshots', () => {
  let images: Images;
  beforeAll(async () => {
    images = await makeImages(join(scratch, 'plain'), {});
  });

  test.each([
    ['stopped cleanly', 'stopped'],
    ['killed', 'killed'],
  ] as const)(
    'of a broker that was %s survives every flipped bit, and is refused when it is cut',
    async (_name, key) => {
      const image = images[key];
      const { refused } = await judgeAll(image, (path) => path.startsWith(METADATA), isIrreplaceable);
      expect(refused).toBeGreaterThan(6);
      for (const damage of damagesOf(image, LOG, seeded(1), 0)) {
        expect(await judge(image, damage, join(scratch, 'judged')), describeDamage(damage)).toBe('refused');
      }
    },
    TIMEOUT_MS,
  );

  test('is refused with file and position where several bits of a record are wrong and others follow it', async () => {
    const bytes = Buffer.from(images.killed.get(LOG) ?? []);
    bytes.fill(0xa5, 400, 420);
    const dir = join(scratch, 'hole');
    layImage(new Map(images.killed).set(LOG, bytes), dir);
    const before = takeImage(dir);
    await expect(startOn(dir)).rejects.toThrow(
      /00000000000000000000\.log is damaged at byte \d+, where the record with offset \d+ stood/,
    );
    expect(firstDifference(before, takeImage(dir))).toBe(null);
  });
});

describe('a broker whose newest metadata snapshot is unreadable', () => {
  test('rebuilds the metadata from what is older, keeps the file, and writes another snapshot', async () => {
    const { stopped } = await makeImages(join(scratch, 'snapshots'), WITH_SNAPSHOTS);
    const snapshots = [...stopped.keys()].filter(
      (path) => path.endsWith('.checkpoint') && path.startsWith(METADATA),
    );
    expect(snapshots.length).toBeGreaterThan(2);
    const image = new Map(stopped);
    // All of them, so that the log alone is left.
    for (const path of snapshots) image.set(path, Buffer.from('no snapshot'));
    const dir = join(scratch, 'rebuilt');
    layImage(image, dir);
    const { broker, port, complaints } = await startOn(dir);
    expect(await whatIsWrong(port, () => false)).toBe(null);
    expect(complaints.filter((text) => text.includes("can't be read and is set aside"))).toHaveLength(
      snapshots.length,
    );
    await broker.stop();
    const after = takeImage(dir);
    for (const path of snapshots) expect(after.get(`${path}.damaged`)).toEqual(Buffer.from('no snapshot'));
    const written = [...after.keys()].filter(
      (path) => path.endsWith('.checkpoint') && path.startsWith(METADATA),
    );
    expect(written.length).toBeGreaterThan(0);
  });

  test('starts from a snapshot where the log before it is damaged, and begins the log there', async () => {
    const { killed } = await makeImages(join(scratch, 'covered'), WITH_SNAPSHOTS);
    const bytes = Buffer.from(killed.get(LOG) ?? []);
    bytes.fill(0xa5, 400, 420);
    const dir = join(scratch, 'covered-again');
    layImage(new Map(killed).set(LOG, bytes), dir);
    for (let round = 0; round < 2; round++) {
      const { broker, port, complaints } = await startOn(dir);
      expect(complaints.join()).toContain('a snapshot holds what stood there');
      if (round === 0) expect(await whatIsWrong(port, () => false)).toBe(null);
      await broker.stop();
    }
  });

  test('refuses where neither an older snapshot nor the log reaches back', async () => {
    const { stopped } = await makeImages(join(scratch, 'trimmed'), WITH_SNAPSHOTS);
    const image = new Map([...stopped].filter(([path]) => path !== LOG));
    for (const path of stopped.keys())
      if (/^__cluster_metadata.*\.checkpoint$/.test(path)) image.set(path, Buffer.from('no'));
    const dir = join(scratch, 'lost');
    layImage(image, dir);
    const before = takeImage(dir);
    await expect(startOn(dir)).rejects.toThrow(/ends at offset 0, but was committed up to \d+/);
    expect(firstDifference(before, takeImage(dir))).toBe(null);
  });
});
