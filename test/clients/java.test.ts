/** An application on the Java client, in the version of the broker's protocol and in the newest. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findJavaApplication } from '../../scripts/clients/java.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import type { Application } from './application.ts';
import { facts } from './application.ts';

for (const version of ['3.7.0', '[4.0,5.0)']) {
  const classpath = await findJavaApplication(version);
  const isMissing = 'missing' in classpath;
  if (isMissing) console.log(`skipped: ${classpath.missing}`);

  describe.skipIf(isMissing)(`an application on the Java client ${version}`, () => {
    const dir = temporaryDirectory('java');
    const application: Application = {
      command: 'java',
      args: [
        ...['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-cp'],
        'found' in classpath ? classpath.found : '',
        'Application',
      ],
    };
    let broker: BrokerProcess;

    beforeAll(async () => {
      broker = await startBroker({ dir, overrides: { 'group.initial.rebalance.delay.ms': '0' } });
    });

    afterAll(async () => {
      await broker.stop();
    });

    test('administers topics, configurations and records', async () => {
      expect(await facts(application, broker.bootstrap, 'admin')).toEqual([
        'again TopicExistsException',
        'listed true',
        'partitions 3 isr 1',
        'retention 3600000',
        'grown 5',
        'nodes 1',
        'earliest 2',
        'latest 5',
        'left false',
      ]);
    });

    test('produces with every acknowledgement and codec, and reads it all back in order', async () => {
      expect(await facts(application, broker.bootstrap, 'produce')).toEqual([
        'acks all offset 0',
        'acks 1 offset 1',
        // A producer that is not told gives -1.
        'acks 0 offset -1',
        'read 0 key all value all all',
        'read 1 key 1 value 1 1',
        'read 2 key 0 value 0 0',
        'codecs {gzip=50, lz4=50, snappy=50, zstd=50} in order true',
      ]);
    });

    test('shares partitions in a group and goes on from its offsets after a restart of the broker', async () => {
      expect(await facts(application, broker.bootstrap, 'group')).toEqual([
        'shared 2 2',
        'each 20 20',
        'taken over 40 all 60',
        'committed 4',
      ]);
      expect(await broker.stop()).toBe(0);
      broker = await startBroker({ dir, port: broker.port });
      expect(await facts(application, broker.bootstrap, 'resume', '8')).toEqual([
        'resumed [60, 61, 62, 63, 64, 65, 66, 67]',
        'groups 0',
      ]);
    });

    test('sees of transactions what its isolation level lets it see', async () => {
      expect(await facts(application, broker.bootstrap, 'transaction')).toEqual([
        'read_uncommitted {abort=2, commit=4} 6',
        'read_committed {commit=4} 4',
      ]);
    });
  });
}
