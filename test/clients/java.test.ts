/** An application on the Java client, in the version of the broker's protocol and in the newest. */
import { findJavaApplication } from '../../scripts/clients/java.ts';
import { describeApplication } from './application.ts';

const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

for (const version of ['3.7.0', '[4.0,5.0)']) {
  const classpath = await findJavaApplication(version);
  describeApplication(
    `the Java client ${version}`,
    'missing' in classpath
      ? classpath
      : { found: { command: 'java', args: [...JVM, '-cp', classpath.found, 'Application'] } },
    {
      admin: [
        'again TopicExistsException',
        'listed true',
        'partitions 3 isr 1',
        'retention 3600000',
        'grown 5',
        'nodes 1',
        'earliest 2',
        'latest 5',
        'left false',
      ],
      produce: [
        'acks all offset 0',
        'acks 1 offset 1',
        // A producer that is not told gives -1.
        'acks 0 offset -1',
        'read 0 key all value all all',
        'read 1 key 1 value 1 1',
        'read 2 key 0 value 0 0',
        'codecs {gzip=50, lz4=50, snappy=50, zstd=50} in order true',
      ],
      group: ['shared 2 2', 'each 20 20', 'taken over 40 all 60', 'committed 4'],
      resume: ['resumed [60, 61, 62, 63, 64, 65, 66, 67]', 'groups 0'],
      static: [
        'returned true generation true',
        'assigned again 0',
        'grown 3 3',
        'fenced FencedInstanceIdException',
        'twin 3 members [one, two]',
        'closed [one, two]',
        'removed one left [two]',
        'removed two left []',
        'removed three UnknownMemberIdException',
      ],
      transaction: ['read_uncommitted {abort=2, commit=4} 6', 'read_committed {commit=4} 4'],
    },
  );
}
