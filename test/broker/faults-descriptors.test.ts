// A broker whose process may open few files: more partitions than descriptors, and more clients than descriptors.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { createTopic, fetch, produce } from '../helpers/data-client.ts';
import { openFileCount, openFileLimit } from '../helpers/process-memory.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const LIMIT = 512;
const TOPICS = 10;
const PARTITIONS = 100;
const software = { clientSoftwareName: 'descriptors', clientSoftwareVersion: '1' };

describe(`a broker that may open ${LIMIT} files`, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'sordini-limited-'));
  const node = join(scratch, 'node');
  let broker: BrokerProcess;
  let client: WireClient;

  beforeAll(async () => {
    writeFileSync(node, `#!/bin/sh\nulimit -n ${LIMIT}\nexec "${process.execPath}" "$@"\n`);
    chmodSync(node, 0o755);
    broker = await startBroker({ node });
    client = await WireClient.connect(broker.port);
  });

  afterAll(async () => {
    client?.close();
    await broker?.stop();
    broker?.clean();
    rmSync(scratch, { recursive: true, force: true });
  });

  const eachPartition = async (
    action: (topic: string, partition: number) => Promise<void>,
  ): Promise<void> => {
    for (let topic = 0; topic < TOPICS; topic++) {
      for (let partition = 0; partition < PARTITIONS; partition++) await action(`many-${topic}`, partition);
    }
  };

  test(`writes to and reads from ${TOPICS * PARTITIONS} partitions`, async () => {
    expect(openFileLimit(broker.pid)).toBe(LIMIT);
    for (let topic = 0; topic < TOPICS; topic++) {
      expect(await createTopic(client, `many-${topic}`, PARTITIONS)).toBe(0);
    }
    for (let round = 0; round < 2; round++) {
      await eachPartition(async (topic, partition) => {
        expect(await produce(client, topic, [`${round}`], partition)).toEqual({
          errorCode: 0,
          baseOffset: round,
        });
      });
    }
    await eachPartition(async (topic, partition) => {
      const { records } = await fetch(client, topic, 0, partition);
      expect(records.map(({ value }) => value)).toEqual(['0', '1']);
    });
    expect(openFileCount(broker.pid)).toBeLessThan(LIMIT);
  });

  test('refuses new clients when too many are there, serves those it has, and takes new ones afterwards', async () => {
    const crowd: WireClient[] = [];
    for (let i = 0; i < 2 * LIMIT; i++) {
      crowd.push(await WireClient.connect(broker.port));
      if (i % 100 === 0) {
        expect((await produce(client, 'many-3', ['in the crowd'], 5)).errorCode).toBe(0);
      }
    }
    expect(await createTopic(client, 'made-in-the-crowd', 10)).toBe(0);
    expect((await produce(client, 'made-in-the-crowd', ['v'], 9)).errorCode).toBe(0);
    for (const other of crowd) other.socket.resetAndDestroy();
    await until(async () => {
      const late = await WireClient.connect(broker.port);
      const answer = await late.send(ApiVersions, 3, software).catch(() => null);
      late.close();
      return answer?.errorCode === 0;
    });
    expect(broker.output()).not.toMatch(/"level":"(error|fatal)"/);
  });

  test('has everything after a restart under the same limit', async () => {
    client.close();
    expect(await broker.stop()).toBe(0);
    broker = await startBroker({ node, dir: broker.dir });
    client = await WireClient.connect(broker.port);
    await eachPartition(async (topic, partition) => {
      expect((await fetch(client, topic, 0, partition)).records.length).toBeGreaterThanOrEqual(2);
    });
  });

  test('and starts again after it was killed', async () => {
    client.close();
    await broker.kill();
    broker = await startBroker({ node, dir: broker.dir });
    client = await WireClient.connect(broker.port);
    expect((await produce(client, 'many-0', ['after'], 0)).errorCode).toBe(0);
  });
});
