/** kill -9 under load at a moment that the seed picks, again and again on one directory. */
import type { BrokerProcess } from '../../test/helpers/broker-process.ts';
import { startBroker } from '../../test/helpers/broker-process.ts';
import { check, load, newHistory, prepare } from '../../test/helpers/history-load.ts';
import { until } from '../../test/helpers/until.ts';
import type { TorturePart, TortureRound } from './part.ts';
import { assertQuiet, below } from './part.ts';

const KILLS = 5;
const PARTITIONS = 3;

async function run({ random, say }: TortureRound): Promise<void> {
  const overrides = {
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.num.partitions': '1',
    'log.segment.bytes': `${20_000 + below(random, 200_000)}`,
    'log.index.size.max.bytes': '8192',
    'log.flush.offset.checkpoint.interval.ms': `${100 + below(random, 2_000)}`,
    'metadata.log.max.record.bytes.between.snapshots': `${1_000 + below(random, 20_000)}`,
  };
  let broker: BrokerProcess = await startBroker({ overrides });
  const { dir } = broker;
  const history = newHistory();
  try {
    await prepare(broker.port, PARTITIONS);
    for (let kill = 0; kill < KILLS; kill++) {
      const killing = new AbortController();
      const running = load(broker.port, history, PARTITIONS, killing.signal);
      const enough = history.acknowledged.size + 20 + below(random, 1_500);
      await until(() => history.acknowledged.size >= enough);
      killing.abort();
      await broker.kill();
      await running;
      assertQuiet(broker.output());
      broker = await startBroker({ dir, overrides });
      await check(broker.port, history, PARTITIONS);
    }
  } finally {
    await broker.stop();
    broker.clean();
  }
  say(`  ${KILLS} kills, ${history.acknowledged.size} records acknowledged and found`);
}

export const crash: TorturePart = { name: 'crash', run };
