/** Power cuts under load at moments that the seed picks. */
import { load, newHistory, prepare } from '../../test/helpers/history-load.ts';
import { isRoot } from '../../test/helpers/mounts.ts';
import { POWER_NEEDS, PoweredBroker } from '../../test/helpers/power-cut.ts';
import { until } from '../../test/helpers/until.ts';
import type { TorturePart, TortureRound } from './part.ts';
import { below } from './part.ts';

const CUTS = 5;
const PARTITIONS = 3;

async function run({ random, say }: TortureRound): Promise<void> {
  const powered = PoweredBroker.make();
  if (powered === null) throw new Error(POWER_NEEDS);
  const history = newHistory();
  const stopping = new AbortController();
  let running = Promise.resolve();
  try {
    const port = await powered.start();
    await prepare(port, PARTITIONS);
    running = load(port, history, PARTITIONS, stopping.signal);
    for (let cut = 0; cut < CUTS; cut++) {
      const enough = history.acknowledged.size + 20 + below(random, 1_500);
      await until(() => history.acknowledged.size >= enough);
      await powered.cut(history, PARTITIONS);
    }
  } finally {
    stopping.abort();
    await running;
    await powered.close();
  }
  say(`  ${CUTS} cuts, ${history.acknowledged.size} records acknowledged`);
}

export const power: TorturePart = { name: 'power', run, missing: () => (isRoot ? null : POWER_NEEDS) };
