/** Members of librdkafka's groups, by each protocol that gives partitions one by one: cooperative, and KIP-848. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPython } from '../../scripts/clients/python.ts';
import { run } from '../../scripts/clients/runtime.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';

const script = join(import.meta.dirname, '..', '..', 'scripts', 'clients', 'python', 'members.py');
const python = await findPython('confluent-kafka');
if ('missing' in python) console.log(`skipped: ${python.missing}`);

describe.skipIf('missing' in python)('a group of confluent-kafka', () => {
  let broker: BrokerProcess;

  beforeAll(async () => {
    broker = await startBroker({
      overrides: { 'group.coordinator.rebalance.protocols': 'classic,consumer' },
    });
  });

  afterAll(async () => {
    await broker?.stop();
    broker?.clean();
  });

  test.each([
    ['cooperative', ['partition.assignment.strategy=cooperative-sticky']],
    ['uniform', ['group.protocol=consumer', 'group.remote.assignor=uniform']],
    ['range', ['group.protocol=consumer', 'group.remote.assignor=range']],
  ])(
    'shares its partitions, hands them on and commits: %s',
    async (group, options) => {
      if ('missing' in python) throw new Error(python.missing);
      const { command, env } = python.found;
      const { stdout, stderr } = await run(command, [script, broker.bootstrap, group, ...options], {
        env,
        timeoutMs: 150_000,
      });
      expect(stdout.trim().split('\n'), stderr).toEqual([
        'three [2, 2, 2] read 600',
        'two [3, 3] own [0, 1, 2, 3, 4, 5] read 1200',
        'committed 1200',
      ]);
    },
    180_000,
  );
});
