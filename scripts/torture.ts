/**
 * Hours of faults instead of seconds: power cuts and damaged requests, over and over, each round with its own seed.
 *
 *   node scripts/torture.ts [--minutes 10] [--seed 1] [--only frames|power]
 *
 * Ends at the first failure with the seed that shows it again. Power cuts need root, mkfs.ext4 and loop devices.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { prepareCompression } from '../protocol/compression/index.ts';
import { startBroker } from '../test/helpers/broker-process.ts';
import { storm } from '../test/helpers/frame-storm.ts';
import { mutate, requestFrames } from '../test/helpers/mutations.ts';
import { MIB, residentBytes } from '../test/helpers/process-memory.ts';
import { seeded } from '../test/unit/storage/support.ts';

const FRAMES_PER_ROUND = 500_000;
const MAX_RESIDENT_BYTES = 1024 * MIB;

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

/** Damaged requests of every API and version; throws when the broker ends, complains, or grows. */
async function frames(seed: number): Promise<void> {
  const vectors = requestFrames();
  const random = seeded(seed);
  const next = (): Buffer =>
    mutate(vectors[Math.floor(random() * vectors.length)]?.bytes ?? Buffer.alloc(0), random);
  const broker = await startBroker({ overrides: { 'auto.create.topics.enable': 'false' } });
  try {
    const result = await storm({ port: broker.port, count: FRAMES_PER_ROUND, lanes: 32, next });
    const resident = residentBytes(broker.pid);
    say(`  ${JSON.stringify(result)}, ${Math.round(resident / MIB)} MiB`);
    if (resident > MAX_RESIDENT_BYTES) throw new Error('the broker has grown too large');
    const complaint = broker.output().match(/^.*"level":"(?:error|fatal)".*$/m);
    if (complaint !== null) throw new Error(`the broker complained: ${complaint[0]}`);
  } finally {
    await broker.stop();
    broker.clean();
  }
}

/** Cuts of the power under load, as in the tests, but many. */
function power(): void {
  const { status } = spawnSync(
    'node_modules/.bin/vitest',
    ['run', '--project', 'crash', 'test/crash/power-image.test.ts', '--testTimeout', '3600000'],
    { stdio: 'inherit', env: { ...process.env, SORDINI_POWER_CUTS: '50' } },
  );
  if (status !== 0) throw new Error('a power cut lost something');
}

await prepareCompression();
const endMs = performance.now() + Number(values.minutes) * 60_000;
for (let seed = Number(values.seed); performance.now() < endMs; seed++) {
  say(`seed ${seed}`);
  if (values.only !== 'power') await frames(seed);
  if (values.only !== 'frames') power();
}
say('survived');
