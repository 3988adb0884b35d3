// The wall clock of a whole broker jumps a month ahead and back while it runs: nothing is deleted or expired, members
// stay, and the controller stays. Needs libfaketime, whose rate and offset are read anew from a file.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import { findFaketime } from '../../scripts/clients/faketime.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { createTopic, fetch, produce } from '../helpers/data-client.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const faketime = await findFaketime();
const library = 'found' in faketime ? faketime.found : undefined;

const TOPIC = 'kept';

describe('a broker whose clock jumps', () => {
  const scratch = temporaryDirectory('clock');
  const clockFile = join(scratch, 'faketime');
  let broker: BrokerProcess;
  let client: WireClient;
  let count = 0;

  const setClock = (offset: string): void => writeFileSync(clockFile, `${offset}\n`);

  beforeAll(async () => {
    if (library === undefined) return;
    setClock('+0');
    broker = await startBroker({
      env: {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: clockFile,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        DONT_FAKE_MONOTONIC: '1',
      },
      overrides: {
        'log.segment.bytes': '20000',
        'log.retention.check.interval.ms': '100',
        'log.flush.offset.checkpoint.interval.ms': '100',
        'offsets.retention.check.interval.ms': '100',
        'offsets.topic.num.partitions': '1',
        'log.segment.delete.delay.ms': '0',
      },
    });
    client = await WireClient.connect(broker.port);
    expect(await createTopic(client, TOPIC)).toBe(0);
  });

  beforeEach(({ skip }) => skip(library === undefined, 'missing' in faketime ? faketime.missing : ''));

  afterAll(async () => {
    client?.close();
    await broker?.stop();
    broker?.clean();
  });

  async function write(records: number): Promise<void> {
    for (let i = 0; i < records; i++) {
      const { errorCode, baseOffset } = await produce(client, TOPIC, ['v'.repeat(2_000)]);
      expect(errorCode).toBe(0);
      expect(baseOffset).toBe(count++);
    }
  }

  async function everythingIsThere(): Promise<void> {
    const first = await fetch(client, TOPIC, 0);
    expect(first.errorCode).toBe(0);
    expect(first.records[0]?.offset).toBe(0);
    expect(first.highWatermark).toBe(count);
    const { topics } = await client.send(OffsetFetch, 5, { groupId: 'group', topics: null, groups: [] });
    expect(topics?.[0]?.partitions[0]?.committedOffset).toBe(5n);
  }

  test.each(['+30d', '+0', '-30d', '+0', '+400d', '+0'])(
    'to %s deletes and expires nothing, and serves on',
    async (offset) => {
      await write(40);
      const partitions = [{ partitionIndex: 0, committedOffset: 5n, committedMetadata: null }];
      const topics = [{ name: TOPIC, partitions }];
      const commit = await client.send(OffsetCommit, 7, { groupId: 'group', memberId: '', topics });
      expect(commit.topics[0]?.partitions[0]?.errorCode).toBe(0);
      setClock(offset);
      // Upkeep comes once a second of the clock that does not jump.
      const startMs = performance.now();
      let rounds = 0;
      await until(async () => {
        rounds++;
        await write(1);
        return performance.now() - startMs > 3_000;
      });
      expect(rounds).toBeGreaterThan(10);
      await everythingIsThere();
      expect(broker.output()).not.toMatch(/fenced|resigned|"level":"(error|fatal)"/);
    },
  );
});
