/** Damaged requests of every API and version; the broker neither ends, nor complains, nor grows. */
import { prepareCompression } from '../../protocol/compression/index.ts';
import { startBroker } from '../../test/helpers/broker-process.ts';
import { storm } from '../../test/helpers/frame-storm.ts';
import { mutate, requestFrames } from '../../test/helpers/mutations.ts';
import { MIB, residentBytes } from '../../test/helpers/process-memory.ts';
import type { TorturePart, TortureRound } from './part.ts';
import { assertQuiet, below } from './part.ts';

const FRAMES_PER_ROUND = 100_000;
const MAX_RESIDENT_BYTES = 1024 * MIB;

async function run({ random, say }: TortureRound): Promise<void> {
  await prepareCompression();
  const vectors = requestFrames();
  const next = (): Buffer => mutate(vectors[below(random, vectors.length)]?.bytes ?? Buffer.alloc(0), random);
  const broker = await startBroker({ overrides: { 'auto.create.topics.enable': 'false' } });
  try {
    const result = await storm({ port: broker.port, count: FRAMES_PER_ROUND, lanes: 32, next });
    const resident = residentBytes(broker.pid);
    say(`  ${JSON.stringify(result)}, ${Math.round(resident / MIB)} MiB`);
    if (resident > MAX_RESIDENT_BYTES) throw new Error('the broker has grown too large');
    assertQuiet(broker.output());
  } finally {
    await broker.stop();
    broker.clean();
  }
}

export const frames: TorturePart = { name: 'frames', run };
