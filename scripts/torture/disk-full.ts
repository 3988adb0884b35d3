/** A small volume that fills and empties under load, with kills and clean stops at the worst moments. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerProcess } from '../../test/helpers/broker-process.ts';
import { startBroker } from '../../test/helpers/broker-process.ts';
import { produce } from '../../test/helpers/data-client.ts';
import { FULL_NEEDS, SmallVolume } from '../../test/helpers/full-volume.ts';
import type { History } from '../../test/helpers/history-load.ts';
import { check, copyHistory, load, newHistory, prepare, TOPIC } from '../../test/helpers/history-load.ts';
import { isRoot } from '../../test/helpers/mounts.ts';
import { until } from '../../test/helpers/until.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import type { TorturePart, TortureRound } from './part.ts';
import { assertQuiet, below } from './part.ts';

const SIZE_MIB = 64;
const PARTITIONS = 3;
const STEPS = 8;

/** A record goes through again. */
async function writes(port: number): Promise<boolean> {
  const client = await WireClient.connect(port);
  const { errorCode } = await produce(client, TOPIC, [`again ${performance.now()}`]);
  client.close();
  return errorCode === 0;
}

async function step(
  volume: SmallVolume,
  broker: BrokerProcess,
  history: History,
  random: () => number,
): Promise<void> {
  const stopping = new AbortController();
  const running = load(broker.port, history, PARTITIONS, stopping.signal);
  const enough = history.acknowledged.size + 20 + below(random, 300);
  await until(() => history.acknowledged.size >= enough);
  volume.fill();
  const sent = history.sent + 50 + below(random, 500);
  await until(() => history.sent >= sent);
  stopping.abort();
  await running;
  // What is there is served while nothing can be written; topics can't be written to then.
  await check(broker.port, { ...copyHistory(history), topics: new Set() }, PARTITIONS);
}

async function run({ random, say }: TortureRound): Promise<void> {
  const volume = SmallVolume.make(SIZE_MIB);
  if (volume === null) throw new Error(FULL_NEEDS);
  const dir = volume.dataDir;
  const overrides = {
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.num.partitions': '1',
    'log.segment.bytes': `${20_000 + below(random, 300_000)}`,
    'log.index.size.max.bytes': '4096',
    'log.flush.offset.checkpoint.interval.ms': '100',
    'metadata.log.max.snapshot.interval.ms': '1000',
  };
  const history = newHistory();
  let broker = await startBroker({ dir, overrides });
  try {
    await prepare(broker.port, PARTITIONS);
    for (let count = 0; count < STEPS; count++) {
      await until(() => existsSync(join(dir, '.sordini-reserve')));
      await step(volume, broker, history, random);
      const kind = random();
      if (kind < 0.6) {
        assertQuiet(broker.output(), 'fatal');
        await broker[kind < 0.3 ? 'kill' : 'stop']();
        broker = await startBroker({ dir, overrides });
        await check(broker.port, { ...copyHistory(history), topics: new Set() }, PARTITIONS);
      }
      volume.empty();
      await until(() => writes(broker.port));
      await check(broker.port, history, PARTITIONS);
      assertQuiet(broker.output(), 'fatal');
    }
  } finally {
    await broker.stop();
    volume.unmount();
  }
  say(`  full ${STEPS} times, ${history.acknowledged.size} of ${history.sent} values acknowledged and found`);
}

export const diskFull: TorturePart = { name: 'disk-full', run, missing: () => (isRoot ? null : FULL_NEEDS) };
