/**
 * Power cuts of a real file system: a broker that starts on what is left must have all that was acknowledged.
 */
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { produce } from '../helpers/data-client.ts';
import { load, newHistory, prepare, TOPIC } from '../helpers/history-load.ts';
import { POWER_NEEDS, PoweredBroker } from '../helpers/power-cut.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const CUTS = 4;
const PARTITIONS = 3;
const powered = PoweredBroker.make();

describe('a power cut', () => {
  let port = 0;

  beforeEach(({ skip }) => skip(powered === null, POWER_NEEDS));

  afterAll(async () => {
    await powered?.close();
  });

  test('right after the first start, the first topic and the first record leaves a directory that starts', async () => {
    port = (await powered?.start()) ?? 0;
    const history = newHistory();
    await powered?.cut(history, 0);
    await prepare(port, PARTITIONS);
    await powered?.cut(history, PARTITIONS);
    const client = await WireClient.connect(port);
    expect(await produce(client, TOPIC, ['first'])).toEqual({ errorCode: 0, baseOffset: 0 });
    history.acknowledged.set('0/0', 'first');
    client.close();
    await powered?.cut(history, PARTITIONS);
  });

  test(`under load, ${CUTS} times, takes nothing that was acknowledged`, async () => {
    const history = newHistory();
    const stopping = new AbortController();
    const running = load(port, history, PARTITIONS, stopping.signal);
    for (let round = 0; round < CUTS; round++) {
      const enough = history.acknowledged.size + 100 + (round % 10) * 137;
      await until(() => history.acknowledged.size >= enough);
      await powered?.cut(history, PARTITIONS);
    }
    stopping.abort();
    await running;
    expect(history.acknowledged.size).toBeGreaterThan(CUTS * 100);
  });
});
