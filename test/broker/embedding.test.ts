/** The broker inside a test of a kafkajs application, as its users will have it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { start } from '../../src/index.ts';
import { temporaryDirectory } from '../helpers/broker-process.ts';

const { Kafka, logLevel } = kafkajs;
const root = join(import.meta.dirname, '..', '..');

const clientOf = (bootstrap: string) =>
  new Kafka({ clientId: 'app', brokers: [bootstrap], logLevel: logLevel.NOTHING });

async function send(bootstrap: string, topic: string, value: string): Promise<string | undefined> {
  const producer = clientOf(bootstrap).producer();
  await producer.connect();
  const [answer] = await producer.send({ topic, messages: [{ value }] });
  await producer.disconnect();
  return answer?.baseOffset;
}

describe('an embedded broker', () => {
  test('serves from memory on a free port, and leaves nothing behind', async () => {
    const broker = await start();
    expect(broker.bootstrap).toBe(`127.0.0.1:${broker.port}`);
    expect(broker.port).toBeGreaterThan(0);
    expect(await send(broker.bootstrap, 'in-memory', 'a')).toBe('0');
    expect(await send(broker.bootstrap, 'in-memory', 'b')).toBe('1');
    await broker.close();
    const next = await start();
    expect(await send(next.bootstrap, 'in-memory', 'c')).toBe('0');
    await next.close();
  });

  test('two of them live side by side', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    await send(one.bootstrap, 'mine', 'a');
    const admin = clientOf(two.bootstrap).admin();
    await admin.connect();
    expect(await admin.listTopics()).not.toContain('mine');
    await admin.disconnect();
    await Promise.all([one.close(), two.close()]);
  });

  test('goes on in the directory it was given', async () => {
    const dir = temporaryDirectory('embedded');
    const first = await start({ dir });
    await send(first.bootstrap, 'kept', 'a');
    await first.close();
    const second = await start({ dir });
    expect(second.clusterId).toBe(first.clusterId);
    expect(await send(second.bootstrap, 'kept', 'b')).toBe('1');
    await second.close();
  });

  test('is the same out of the package as it is built', async () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(existsSync(join(root, exports['.'].types))).toBe(true);
    const built: typeof import('../../src/index.ts') = await import(join(root, exports['.'].default));
    const broker = await built.start({ config: { 'num.partitions': '2' } });
    expect(await send(broker.bootstrap, 'packed', 'a')).toBe('0');
    await broker.close();
  });

  test('refuses a setting that makes no sense', async () => {
    await expect(start({ config: { 'num.partitions': 'many' } })).rejects.toThrow(
      'Invalid value many for configuration num.partitions',
    );
  });
});
