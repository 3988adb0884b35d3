/**
 * The first seconds of a broker's life are when everything is new and little is synced: killed, or without power, right
 * after it has formatted its directory, made its first topic, or appended its first record, it starts again.
 */

import { rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { createTopic, fetch, produce } from '../helpers/data-client.ts';
import { WireClient } from '../helpers/wire-client.ts';

describe('a broker that is killed in its first seconds', () => {
  const directories: string[] = [];
  afterAll(() => {
    for (const dir of directories) rmSync(dir, { recursive: true, force: true });
  });

  /** Restarts on the directory, and does all that a broker must be able to do. */
  async function works(broker: BrokerProcess): Promise<void> {
    const client = await WireClient.connect(broker.port);
    expect([0, 36]).toContain(await createTopic(client, 'works'));
    const { errorCode, baseOffset } = await produce(client, 'works', ['v']);
    expect(errorCode).toBe(0);
    expect((await fetch(client, 'works', baseOffset)).records[0]?.value).toBe('v');
    client.close();
  }

  test.each([
    ['once its port is open', async () => {}],
    [
      'after its first topic',
      async (client: WireClient) => expect(await createTopic(client, 'first')).toBe(0),
    ],
    [
      'after its first record',
      async (client: WireClient) => {
        expect(await createTopic(client, 'first')).toBe(0);
        expect((await produce(client, 'first', ['one'])).errorCode).toBe(0);
      },
    ],
  ])('%s starts again with what it had promised', async (_name, act) => {
    const dir = temporaryDirectory('young');
    directories.push(dir);
    let broker = await startBroker({ dir });
    const client = await WireClient.connect(broker.port);
    await act(client);
    client.close();
    await broker.kill();
    broker = await startBroker({ dir });
    const again = await WireClient.connect(broker.port);
    const { errorCode, records } = await fetch(again, 'first', 0);
    if (_name === 'after its first record') expect(records.map(({ value }) => value)).toEqual(['one']);
    else expect([0, 3]).toContain(errorCode);
    again.close();
    await works(broker);
    await broker.stop();
  });
});
