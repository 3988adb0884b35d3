/**
 * What a running broker does for durability, by name and by topic, seen from its files: the recovery point names the
 * offset below which everything is on the disk.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { makeBatch } from '../console-scripts/data-path/batches.ts';
import { Side } from '../console-scripts/data-path/side.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';

const TOPIC = 'kept';

describe('durability', () => {
  let broker: BrokerProcess;
  let side: Side;

  async function start(
    overrides: Readonly<Record<string, string>>,
    configs: Readonly<Record<string, string>> = {},
  ) {
    const intervals = {
      'log.flush.offset.checkpoint.interval.ms': '100',
      'replica.high.watermark.checkpoint.interval.ms': '100',
      'log.retention.check.interval.ms': '100',
    };
    broker = await startBroker({ overrides: { ...intervals, ...overrides } });
    side = new Side(broker.port);
    await side.createTopic(TOPIC, configs);
  }

  afterEach(async () => {
    side.close();
    await broker.stop();
    broker.clean();
  });

  /** What a checkpoint says of the topic; -1 when it says nothing. */
  function checkpointed(name: string): number {
    const path = join(broker.dir, name);
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    const line = lines.find((one) => one.startsWith(`${TOPIC} 0 `));
    return line === undefined ? -1 : Number(line.split(' ')[2]);
  }
  const recoveryPoint = () => checkpointed('recovery-point-offset-checkpoint');
  /** Written just before the recovery points, from the same state: once it is there, so is the other. */
  const untilCheckpointed = () =>
    until(() => checkpointed('replication-offset-checkpoint') === 3 && recoveryPoint() >= 0);

  test('by fsync has on the disk what is acknowledged, with acks all and of a sole replica with acks 1', async () => {
    for (const acks of [-1, 1]) {
      await start({});
      await side.produce(TOPIC, makeBatch(), { acks });
      await untilCheckpointed();
      expect(recoveryPoint()).toBe(3);
      if (acks === 1) continue;
      side.close();
      await broker.stop();
      broker.clean();
    }
  });

  test("as Kafka's leaves it to the operating system", async () => {
    await start({ 'sordini.durability': 'kafka' });
    await side.produce(TOPIC, makeBatch());
    await untilCheckpointed();
    expect(recoveryPoint()).toBe(0);
  });

  test("as Kafka's flushes after flush.messages, from the moment that is set", async () => {
    await start({ 'sordini.durability': 'kafka' });
    await side.setConfigs(TOPIC, { 'flush.messages': '3' });
    await until(async () => {
      await side.produce(TOPIC, makeBatch());
      return recoveryPoint() > 0;
    });
  });

  test("as Kafka's flushes after flush.ms", async () => {
    await start({ 'sordini.durability': 'kafka' }, { 'flush.ms': '1' });
    await side.produce(TOPIC, makeBatch());
    await until(() => recoveryPoint() === 3);
  });

  test('in memory leaves nothing on the disk', async () => {
    await start({ 'sordini.durability': 'memory' });
    expect(await side.produce(TOPIC, makeBatch())).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await side.fetch(TOPIC)).toMatchObject({ highWatermark: 3 });
    expect(readdirSync(broker.dir)).toEqual([]);
  });

  test('whoever has the answer can read the record', async () => {
    await start({});
    for (const acks of [1, -1]) {
      for (let count = 0; count < 20; count++) {
        const { baseOffset } = (await side.produce(TOPIC, makeBatch(), { acks })) as { baseOffset: number };
        expect(await side.listOffset(TOPIC, -1)).toMatchObject({ offset: baseOffset + 3 });
      }
    }
  });

  test('retention follows a change of its settings at its next check', async () => {
    await start({}, { 'segment.bytes': '1024' });
    for (let count = 0; count < 12; count++) await side.produce(TOPIC, makeBatch());
    const earliest = async () => ((await side.listOffset(TOPIC, -2)) as { offset: number }).offset;
    expect(await earliest()).toBe(0);
    await side.setConfigs(TOPIC, { 'retention.bytes': '1000' });
    await until(async () => (await earliest()) > 0);
    const kept = await earliest();
    expect(kept).toBeLessThan(36);
    await side.setConfigs(TOPIC, { 'cleanup.policy': 'compact' });
    await side.setConfigs(TOPIC, { 'retention.ms': '1' });
    await untilHighWatermark(36);
    expect(await earliest()).toBe(kept);
    await side.setConfigs(TOPIC, { 'cleanup.policy': 'delete' });
    await until(async () => (await earliest()) === 36);
  });

  const untilHighWatermark = (offset: number) =>
    until(() => checkpointed('replication-offset-checkpoint') === offset);
});
