/**
 * The programs with which Apache Kafka's own system tests drive a cluster, from its artifact kafka-tools: in the version
 * of the broker's protocol, and in the newest with either protocol of groups.
 */
import type { ChildProcess } from 'node:child_process';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findJavaTools } from '../../scripts/clients/java.ts';
import { run, start } from '../../scripts/clients/runtime.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';

const COUNT = 200;
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
const TIMEOUT_MS = 120_000;

/** One line of JSON of such a program, of which each has a name. */
interface ToolEvent {
  readonly name?: string;
  readonly count?: number;
  readonly partitions?: readonly { readonly partition: number; readonly count?: number }[];
  readonly success?: boolean;
  readonly acked?: number;
  readonly remaining?: number;
}

function eventsOf(output: string): ToolEvent[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  return lines.map((line) => JSON.parse(line));
}

/** A VerifiableConsumer that runs until it is told to end. */
class Consumer {
  readonly #child: ChildProcess;
  #output = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
  }

  named(name: string): ToolEvent[] {
    return eventsOf(this.#output).filter((event) => event.name === name);
  }

  /** Partitions that it has: the consumer protocol tells what was added and what was taken away. */
  get partitionCount(): number {
    const owned = new Set<number>();
    for (const { name, partitions = [] } of eventsOf(this.#output)) {
      if (name === 'partitions_assigned') for (const { partition } of partitions) owned.add(partition);
      if (name === 'partitions_revoked') for (const { partition } of partitions) owned.delete(partition);
    }
    return owned.size;
  }

  get consumedCount(): number {
    return this.named('records_consumed').reduce((sum, { count = 0 }) => sum + count, 0);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

for (const version of ['3.7.0', '[4.0,5.0)']) {
  const classpath = await findJavaTools(version);
  const isMissing = 'missing' in classpath;
  if (isMissing) console.log(`skipped: ${classpath.missing}`);
  const isNewest = version !== '3.7.0';

  describe.skipIf(isMissing)(`the programs of Apache Kafka's system tests ${version}`, () => {
    const argsOf = (mainClass: string, args: string): string[] => [
      ...JVM,
      '-cp',
      'found' in classpath ? classpath.found : '',
      `org.apache.kafka.tools.${mainClass}`,
      ...args.split(' '),
    ];
    const consumers: Consumer[] = [];
    let broker: BrokerProcess;
    let kafka: Kafka;

    beforeAll(async () => {
      broker = await startBroker({
        overrides: {
          'group.initial.rebalance.delay.ms': '0',
          'group.coordinator.rebalance.protocols': 'classic,consumer',
          // Members hear of their partitions with their next heartbeat.
          'group.consumer.min.heartbeat.interval.ms': '200',
          'group.consumer.heartbeat.interval.ms': '200',
        },
      });
      kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
      const admin = kafka.admin();
      await admin.connect();
      await admin.createTopics({
        topics: [
          ...['input', 'output'].map((topic) => ({ topic, numPartitions: 1 })),
          ...['classic', 'consumer'].map((topic) => ({ topic, numPartitions: 4 })),
        ],
      });
      await admin.disconnect();
    });

    afterEach(async () => {
      await Promise.all(consumers.splice(0).map((consumer) => consumer.end()));
    });

    afterAll(async () => {
      await broker.stop();
      broker.clean();
    });

    async function produce(topic: string): Promise<void> {
      const args = `--bootstrap-server ${broker.bootstrap} --topic ${topic} --max-messages ${COUNT} --acks -1`;
      const { stdout } = await run('java', argsOf('VerifiableProducer', args), { timeoutMs: TIMEOUT_MS });
      const data = eventsOf(stdout).find(({ name }) => name === 'tool_data');
      expect(data).toMatchObject({ sent: COUNT, acked: COUNT });
    }

    function consume(topic: string, args: string): Consumer {
      const all = `--bootstrap-server ${broker.bootstrap} --topic ${topic} --group-id ${topic} ${args}`;
      const consumer = new Consumer(
        start('java', argsOf('VerifiableConsumer', all.trim()), { timeoutMs: TIMEOUT_MS }),
      );
      consumers.push(consumer);
      return consumer;
    }

    test.each(isNewest ? ['classic', 'consumer'] : ['classic'])(
      'VerifiableConsumer shares a topic in a group of the %s protocol, and nobody reads a record twice',
      async (protocol) => {
        const args = isNewest ? `--group-protocol ${protocol}` : '';
        const both = [consume(protocol, args), consume(protocol, args)];
        await until(() => both.every(({ partitionCount }) => partitionCount === 2));
        await produce(protocol);
        const consumedCount = () => both.reduce((sum, consumer) => sum + consumer.consumedCount, 0);
        await until(() => consumedCount() >= COUNT);
        await Promise.all(both.map((consumer) => consumer.end()));
        expect(consumedCount()).toBe(COUNT);
        for (const consumer of both) expect(consumer.named('shutdown_complete')).toHaveLength(1);
        const commits = both.flatMap((consumer) => consumer.named('offsets_committed'));
        expect(commits.length).toBeGreaterThan(0);
        expect(commits.filter(({ success }) => success !== true)).toEqual([]);
      },
    );

    test('TransactionalMessageCopier copies each record once, however many of its transactions it aborts', async () => {
      await produce('input');
      const args =
        `--broker-list ${broker.bootstrap} --transactional-id copier --consumer-group copiers --input-topic input ` +
        '--input-partition 0 --output-topic output --transaction-size 10 --enable-random-aborts --use-group-metadata';
      const { exitCode, stdout } = await run('java', argsOf('TransactionalMessageCopier', args), {
        timeoutMs: TIMEOUT_MS,
      });
      expect({ exitCode, last: eventsOf(stdout).at(-1)?.remaining }).toEqual({ exitCode: 0, last: 0 });
      expect(await committedValues('output')).toEqual(Array.from({ length: COUNT }, (_, i) => `${i}`));
      const admin = kafka.admin();
      await admin.connect();
      const offsets = await admin.fetchOffsets({ groupId: 'copiers', topics: ['input'] });
      await admin.disconnect();
      expect(offsets[0]?.partitions).toMatchObject([{ partition: 0, offset: `${COUNT}` }]);
    });

    /** What a consumer sees of a topic that sees only what was committed, up to the number that there should be. */
    async function committedValues(topic: string): Promise<string[]> {
      const consumer = kafka.consumer({ groupId: `reader-of-${topic}`, readUncommitted: false });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      const values: string[] = [];
      await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) });
      await until(() => values.length >= COUNT);
      await consumer.disconnect();
      return values;
    }
  });
}
