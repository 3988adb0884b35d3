/**
 * The quickstart of Apache Kafka 3.7.0 and the administration around it, with its own tools, against this broker and
 * against Apache Kafka itself: both must print the same.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaServer } from '../../scripts/kafka.ts';
import { kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import type { Script, Step } from './scenario.ts';
import { run } from './scenario.ts';

const files = mkdtempSync(join(tmpdir(), 'sordini-quickstart-'));
const deleteRecordsFile = join(files, 'delete-records.json');
const electionFile = join(files, 'election.json');

const step = (script: Script, args: string, more: Partial<Step> = {}): Step => ({
  script,
  args: [...args.split(' ').filter((argument) => argument !== ''), '--bootstrap-server', '{bootstrap}'],
  ...more,
});

const consume = (args: string, more: Partial<Step> = {}): Step =>
  step('kafka-console-consumer.sh', `--topic quickstart-events ${args}`, more);

/** Console consumers without a group of their own make one up, as wide as chance will have it. */
const randomGroups: Partial<Step> = {
  replace: [
    [/console-consumer-\d+/, 'console-consumer-N'],
    [/ +/, ' '],
  ],
  sorted: true,
};

/** Sizes of what consumers keep about themselves differ with their random names. */
const withoutSizes: Step['replace'] = [
  [/"size":\d+/g, '"size":N'],
  [/"logDir":"[^"]*"/g, '"logDir":"DIR"'],
];

const steps: readonly Step[] = [
  step('kafka-topics.sh', '--create --topic quickstart-events'),
  step('kafka-topics.sh', '--create --topic quickstart-events'),
  step('kafka-topics.sh', '--create --if-not-exists --topic quickstart-events'),
  step(
    'kafka-topics.sh',
    '--create --topic with.dot --partitions 3 --replication-factor 1 --config retention.ms=1000',
  ),
  step('kafka-topics.sh', '--create --topic with_dot'),
  step('kafka-topics.sh', '--create --topic too-wide --replication-factor 3'),
  step('kafka-topics.sh', '--create --topic bad/name'),
  step('kafka-topics.sh', '--create --topic no-partitions --partitions 0'),
  step('kafka-topics.sh', '--create --topic bad-config --config no.such.key=1'),
  step('kafka-topics.sh', '--create --topic bad-value --config retention.ms=never'),
  step('kafka-topics.sh', '--list --exclude-internal'),
  step('kafka-topics.sh', '--describe --topic quickstart-events'),
  step('kafka-topics.sh', '--describe --topic nowhere'),
  step('kafka-topics.sh', '--describe --topics-with-overrides --exclude-internal'),
  step('kafka-topics.sh', '--describe --under-replicated-partitions'),
  step('kafka-topics.sh', '--alter --topic with.dot --partitions 5'),
  step('kafka-topics.sh', '--alter --topic with.dot --partitions 2'),
  step('kafka-topics.sh', '--describe --topic with.dot'),
  step('kafka-console-producer.sh', '--topic quickstart-events', {
    input: 'This is my first event\nThis is my second event\n',
  }),
  step(
    'kafka-console-producer.sh',
    '--topic quickstart-events --property parse.key=true --property key.separator=:',
    {
      input: 'k:third\nk:fourth\n',
    },
  ),
  step(
    'kafka-console-producer.sh',
    '--topic quickstart-events --compression-codec gzip --producer-property acks=1',
    {
      input: 'fifth\nsixth\n',
    },
  ),
  consume('--from-beginning --max-messages 6'),
  consume(
    '--from-beginning --max-messages 6 --property print.key=true --property print.offset=true --property print.partition=true',
  ),
  consume('--partition 0 --offset 4 --max-messages 1'),
  consume('--from-beginning --group readers --max-messages 2'),
  consume('--group readers --max-messages 2'),
  step('kafka-consumer-groups.sh', '--list', randomGroups),
  step('kafka-consumer-groups.sh', '--list --state', randomGroups),
  step('kafka-consumer-groups.sh', '--describe --group readers'),
  step('kafka-consumer-groups.sh', '--describe --group readers --state'),
  step('kafka-consumer-groups.sh', '--describe --group readers --members'),
  step('kafka-consumer-groups.sh', '--describe --group nobody'),
  step(
    'kafka-consumer-groups.sh',
    '--group readers --topic quickstart-events --reset-offsets --to-earliest --execute',
  ),
  step(
    'kafka-consumer-groups.sh',
    '--group readers --topic quickstart-events --reset-offsets --shift-by 3 --dry-run',
  ),
  step('kafka-consumer-groups.sh', '--describe --group readers'),
  consume('--group readers --max-messages 1'),
  step('kafka-consumer-groups.sh', '--delete-offsets --group readers --topic quickstart-events'),
  step('kafka-consumer-groups.sh', '--delete --group readers'),
  step('kafka-consumer-groups.sh', '--delete --group readers'),
  step('kafka-get-offsets.sh', '--topic quickstart-events'),
  step('kafka-get-offsets.sh', '--topic quickstart-events --time earliest'),
  step('kafka-get-offsets.sh', '--topic quickstart-events --time max-timestamp'),
  step('kafka-get-offsets.sh', '--topic-partitions with.dot:0,with.dot:2'),
  step('kafka-delete-records.sh', `--offset-json-file ${deleteRecordsFile}`),
  step('kafka-get-offsets.sh', '--topic quickstart-events --time earliest'),
  step(
    'kafka-configs.sh',
    '--entity-type topics --entity-name quickstart-events --alter --add-config retention.ms=86400000,cleanup.policy=[compact,delete]',
  ),
  step('kafka-configs.sh', '--entity-type topics --entity-name quickstart-events --describe'),
  step('kafka-configs.sh', '--entity-type topics --entity-name with.dot --describe --all'),
  step(
    'kafka-configs.sh',
    '--entity-type topics --entity-name quickstart-events --alter --delete-config cleanup.policy',
  ),
  step(
    'kafka-configs.sh',
    '--entity-type topics --entity-name quickstart-events --alter --add-config no.such.key=1',
  ),
  step(
    'kafka-configs.sh',
    '--entity-type topics --entity-name quickstart-events --alter --add-config segment.bytes=-7',
  ),
  step('kafka-configs.sh', '--entity-type topics --entity-name nowhere --describe'),
  step('kafka-configs.sh', '--entity-type topics --describe', { only: /quickstart|with/, sorted: true }),
  step('kafka-log-dirs.sh', '--describe --topic-list quickstart-events', {
    replace: [[/"logDir":"[^"]*"/g, '"logDir":"DIR"']],
  }),
  step('kafka-log-dirs.sh', '--describe --topic-list with.dot', { replace: withoutSizes ?? [] }),
  step('kafka-cluster.sh', 'cluster-id', { replace: [[/Cluster ID: \S{22}/, 'Cluster ID: ID']] }),
  {
    script: 'kafka-metadata-quorum.sh',
    args: ['--bootstrap-server', '{bootstrap}', 'describe', '--status'],
    replace: [
      [/ClusterId:(\s+)\S{22}/, 'ClusterId:$1ID'],
      [/HighWatermark:(\s+)\d+/, 'HighWatermark:$1N'],
      [/LeaderEpoch:(\s+)\d+/, 'LeaderEpoch:$1N'],
    ],
  },
  {
    script: 'kafka-metadata-quorum.sh',
    args: ['--bootstrap-server', '{bootstrap}', 'describe', '--replication'],
    replace: [[/^(\d+)\s+\d+\s+(\d+)\s+TIMESTAMP\s+TIMESTAMP/m, '$1 END $2 TIMESTAMP TIMESTAMP']],
  },
  {
    script: 'kafka-features.sh',
    args: ['--bootstrap-server', '{bootstrap}', 'describe'],
    replace: [[/Epoch: \d+/, 'Epoch: N']],
  },
  step('kafka-leader-election.sh', '--election-type preferred --all-topic-partitions', { sorted: true }),
  step('kafka-leader-election.sh', `--election-type preferred --path-to-json-file ${electionFile}`),
  step('kafka-topics.sh', '--delete --topic with.dot'),
  step('kafka-topics.sh', '--delete --topic with.dot'),
  step('kafka-topics.sh', '--list --exclude-internal'),
];

const hasKafka = (await kafkaClasspath()) !== null;

describe.skipIf(!hasKafka)('the console tools of Apache Kafka 3.7.0', () => {
  let ours: BrokerProcess;
  let apache: KafkaServer;
  const apacheDir = mkdtempSync(join(tmpdir(), 'sordini-apache-'));

  beforeAll(async () => {
    const partitions = [{ topic: 'quickstart-events', partition: 0, offset: 3 }];
    writeFileSync(deleteRecordsFile, JSON.stringify({ partitions, version: 1 }));
    writeFileSync(
      electionFile,
      JSON.stringify({ partitions: [{ topic: 'quickstart-events', partition: 0 }] }),
    );
    ours = await startBroker();
    apache = await startKafka({ dir: apacheDir });
  });

  afterAll(async () => {
    await Promise.all([ours?.stop(), apache?.stop()]);
    ours?.clean();
    for (const dir of [apacheDir, files]) rmSync(dir, { recursive: true, force: true });
  });

  for (const [index, one] of steps.entries()) {
    test(`${index + 1}: ${one.script} ${one.args.join(' ')} prints the same`, async () => {
      const [expected, actual] = await Promise.all([
        run(one, `127.0.0.1:${apache.port}`),
        run(one, ours.bootstrap),
      ]);
      expect(actual).toEqual(expected);
    });
  }
});
