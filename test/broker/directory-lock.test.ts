/** Two processes and one data directory. */
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';

const REFUSAL =
  /Failed to acquire lock on file \.lock in \S+\. A Kafka instance in another process or thread is using this directory\./;

// Elsewhere there is no socket of a name that the system itself takes back, nor a lock through koffi.
describe.skipIf(process.platform !== 'linux')('a data directory that is in use', () => {
  let holder: BrokerProcess;

  beforeEach(async () => {
    holder = await startBroker();
  });

  afterEach(async () => {
    await holder.kill();
    holder.clean();
  });

  test('is refused to a second broker, with exit code 3, and the first goes on', async () => {
    const second = startBroker({ dir: holder.dir });
    await expect(second).rejects.toThrow(REFUSAL);
    await expect(second).rejects.toThrow('(3)');
    expect(readdirSync(holder.dir)).toContain('.lock');
    expect(await holder.stop()).toBe(0);
  });

  test('is free once its broker was killed, or has stopped', async () => {
    await holder.kill();
    const next = await startBroker({ dir: holder.dir });
    expect(await next.stop()).toBe(0);
    const third = await startBroker({ dir: holder.dir });
    expect(await third.stop()).toBe(0);
  });
});
