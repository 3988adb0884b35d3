/** An application on confluent-kafka, that is the newest librdkafka, in Python. */
import { join } from 'node:path';
import { findPython } from '../../scripts/clients/python.ts';
import { describeApplication } from './application.ts';

const python = await findPython('confluent-kafka');
const script = join(import.meta.dirname, '..', '..', 'scripts', 'clients', 'python', 'application.py');

describeApplication(
  'confluent-kafka',
  'missing' in python ? python : { found: { ...python.found, args: [script] } },
  {
    admin: [
      'again TOPIC_ALREADY_EXISTS',
      'partitions 3 isr 1',
      'retention 3600000',
      'grown 5',
      'earliest 2',
      'latest 5',
      'left False',
    ],
    produce: [
      'acks all error None offset 0',
      'acks 1 error None offset 1',
      'acks 0 error None offset -',
      'read 0 key all value all all',
      'read 1 key 1 value 1 1',
      'read 2 key 0 value 0 0',
      "codecs [('gzip', 50), ('lz4', 50), ('snappy', 50), ('zstd', 50)] in order True",
    ],
    group: ['shared 2 2', 'each 20 20', 'taken over 40 all 60'],
    resume: ["resumed ['60', '61', '62', '63', '64', '65', '66', '67']", 'left False'],
    static: [
      'returned True assigned again 0',
      "fenced _FATAL twin True members ['one', 'two']",
      "closed ['one', 'two']",
    ],
    transaction: ["read_uncommitted [('abort', 2), ('commit', 4)]", "read_committed [('commit', 4)]"],
  },
);
