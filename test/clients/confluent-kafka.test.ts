/** An application on confluent-kafka, that is the newest librdkafka, in Python. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPython } from '../../scripts/clients/python.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import type { Application } from './application.ts';
import { facts } from './application.ts';

const python = await findPython('confluent-kafka');
const isMissing = 'missing' in python;
if (isMissing) console.log(`skipped: ${python.missing}`);

describe.skipIf(isMissing)('an application on confluent-kafka', () => {
  const dir = temporaryDirectory('confluent');
  const found = 'found' in python ? python.found : { command: '', env: {} };
  const script = join(import.meta.dirname, '..', '..', 'scripts', 'clients', 'python', 'application.py');
  const application: Application = { ...found, args: [script] };
  let broker: BrokerProcess;

  beforeAll(async () => {
    broker = await startBroker({ dir, overrides: { 'group.initial.rebalance.delay.ms': '0' } });
  });

  afterAll(async () => {
    await broker.stop();
  });

  test('administers topics, configurations and records', async () => {
    expect(await facts(application, broker.bootstrap, 'admin')).toEqual([
      'again TOPIC_ALREADY_EXISTS',
      'partitions 3 isr 1',
      'retention 3600000',
      'grown 5',
      'earliest 2',
      'latest 5',
      'left False',
    ]);
  });

  test('produces with every acknowledgement and codec, and reads it all back in order', async () => {
    expect(await facts(application, broker.bootstrap, 'produce')).toEqual([
      'acks all error None offset 0',
      'acks 1 error None offset 1',
      'acks 0 error None offset -',
      'read 0 key all value all all',
      'read 1 key 1 value 1 1',
      'read 2 key 0 value 0 0',
      "codecs [('gzip', 50), ('lz4', 50), ('snappy', 50), ('zstd', 50)] in order True",
    ]);
  });

  test('shares partitions in a group and goes on from its offsets after a restart of the broker', async () => {
    expect(await facts(application, broker.bootstrap, 'group')).toEqual([
      'shared 2 2',
      'each 20 20',
      'taken over 40 all 60',
    ]);
    expect(await broker.stop()).toBe(0);
    broker = await startBroker({ dir, port: broker.port });
    expect(await facts(application, broker.bootstrap, 'resume', '8')).toEqual([
      "resumed ['60', '61', '62', '63', '64', '65', '66', '67']",
      'left False',
    ]);
  });

  test('sees of transactions what its isolation level lets it see', async () => {
    expect(await facts(application, broker.bootstrap, 'transaction')).toEqual([
      "read_uncommitted [('abort', 2), ('commit', 4)]",
      "read_committed [('commit', 4)]",
    ]);
  });
});
