/** The tools of Apache Kafka 3.7.0 beyond the quickstart: formatters of internal topics, load, checks, administration. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ToolResult } from '../../scripts/kafka.ts';
import { freePort, kafkaClasspath, runTool, spawnTool } from '../../scripts/kafka.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';

const hasKafka = (await kafkaClasspath()) !== null;
if (!hasKafka) console.log("skipped: Apache Kafka's tools need Java and Maven");

const TOPIC_COMMAND = 'org.apache.kafka.tools.TopicCommand';
const REASSIGN = 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand';

describe.skipIf(!hasKafka)('a tool of Apache Kafka 3.7.0', () => {
  const files = mkdtempSync(join(tmpdir(), 'sordini-tools-'));
  let broker: BrokerProcess;

  beforeAll(async () => {
    broker = await startBroker({ overrides: { 'node.id': '1', 'group.initial.rebalance.delay.ms': '0' } });
    for (const topic of ['tools', 'moved']) {
      await succeed(TOPIC_COMMAND, `--create --topic ${topic} --partitions 2`);
    }
  });

  afterAll(async () => {
    await broker.stop();
    broker.clean();
    rmSync(files, { recursive: true, force: true });
  });

  const run = (mainClass: string, args: string, input?: string): Promise<ToolResult> => {
    const words = args.split(' ').map((word) => word.replaceAll('{bootstrap}', broker.bootstrap));
    const server = args.includes('{bootstrap}') ? [] : ['--bootstrap-server', broker.bootstrap];
    return runTool(mainClass, [...words, ...server], input === undefined ? {} : { input });
  };

  const succeed = async (mainClass: string, args: string, input?: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(mainClass, args, input);
    expect({ exitCode, said: exitCode === 0 ? '' : `${stdout}${stderr}` }).toEqual({ exitCode: 0, said: '' });
    return stdout;
  };

  const write = (name: string, content: unknown): string => {
    const file = join(files, name);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };

  test('that is a verifiable producer and then a verifiable consumer sees each record once', async () => {
    const produced = await succeed(
      'org.apache.kafka.tools.VerifiableProducer',
      '--topic tools --max-messages 100 --acks -1 --throughput -1',
    );
    expect(produced.match(/"name":"producer_send_success"/g)).toHaveLength(100);
    expect(produced).toContain('"name":"shutdown_complete"');
    const consumed = await succeed(
      'org.apache.kafka.tools.VerifiableConsumer',
      '--topic tools --group-id verifying --max-messages 100 --reset-policy earliest',
    );
    const counts = [...consumed.matchAll(/"name":"records_consumed"[^\n]*?"count":(\d+)/g)];
    const total =
      counts.length > 0 ? counts : [...consumed.matchAll(/"count":(\d+)[^\n]*"name":"records_consumed"/g)];
    expect(total.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(100);
    expect(consumed).toContain('"success":true');
  });

  test('reads the internal topics with the formatters of the coordinators', async () => {
    await succeed(
      'org.apache.kafka.tools.ProducerPerformance',
      '--topic tools --num-records 10 --record-size 10 --throughput -1 --transactional-id measuring --transaction-duration-ms 50 --producer-props bootstrap.servers={bootstrap}',
    );
    const group = 'kafka.coordinator.group.GroupMetadataManager';
    const expected: ReadonlyArray<readonly [topic: string, formatter: string, line: RegExp]> = [
      [
        '__consumer_offsets',
        `${group}$OffsetsMessageFormatter`,
        /^\[verifying,tools,[01]\]::OffsetAndMetadata\(offset=\d+, leaderEpoch=Optional/m,
      ],
      [
        '__consumer_offsets',
        `${group}$GroupMetadataMessageFormatter`,
        /^verifying::GroupMetadata\(groupId=verifying, generation=1, protocolType=Some\(consumer\), currentState=Stable/m,
      ],
      [
        '__transaction_state',
        'kafka.coordinator.transaction.TransactionLog$TransactionLogMessageFormatter',
        /^measuring::TransactionMetadata\(transactionalId=measuring, producerId=\d+, .*state=CompleteCommit/m,
      ],
    ];
    for (const [topic, formatter, line] of expected) {
      const args = ['--bootstrap-server', broker.bootstrap, '--topic', topic, '--from-beginning'];
      const consumer = await spawnTool('kafka.tools.ConsoleConsumer', [...args, '--formatter', formatter]);
      const ended = new Promise((resolve) => consumer.once('close', resolve));
      let said = '';
      consumer.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      try {
        await until(() => line.test(said), 20_000);
      } catch {
        expect(said).toMatch(line);
      } finally {
        consumer.kill('SIGKILL');
        await ended;
      }
    }
  });

  test('that measures producers, consumers and the way between them finishes its small load', async () => {
    const produced = await succeed(
      'org.apache.kafka.tools.ProducerPerformance',
      '--topic tools --num-records 2000 --record-size 100 --throughput -1 --producer-props bootstrap.servers={bootstrap} acks=all',
    );
    expect(produced).toMatch(/2000 records sent/);
    const consumed = await succeed(
      'org.apache.kafka.tools.ConsumerPerformance',
      '--topic tools --messages 2000',
    );
    expect(consumed).toContain('data.consumed.in.MB');
    expect(Number(consumed.trim().split('\n').at(-1)?.split(', ')[4])).toBeGreaterThanOrEqual(2000);
    const latency = await succeed('org.apache.kafka.tools.EndToEndLatency', '{bootstrap} tools 50 1 100');
    expect(latency).toMatch(/Avg latency: [\d.]+ ms/);
  });

  test('that verifies replicas finds no lag', async () => {
    const verification = await spawnTool('org.apache.kafka.tools.ReplicaVerificationTool', [
      ...[
        '--broker-list',
        broker.bootstrap,
        '--topics-include',
        'tools|moved',
        '--report-interval-ms',
        '500',
      ],
    ]);
    let said = '';
    verification.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(() => /max lag is \d+/.test(said));
    const ended = new Promise((resolve) => verification.once('close', resolve));
    verification.kill('SIGKILL');
    await ended;
    expect(said).toContain('max lag is 0');
  });

  test('that resets a Streams application puts its group back to the start and deletes its topics', async () => {
    await succeed(TOPIC_COMMAND, '--create --topic app-store-changelog --partitions 1');
    await succeed(
      'org.apache.kafka.tools.VerifiableConsumer',
      '--topic tools --group-id app --max-messages 100 --reset-policy earliest',
    );
    const said = await succeed(
      'org.apache.kafka.tools.StreamsResetter',
      '--application-id app --input-topics tools --to-earliest --force',
    );
    expect(said).toContain('app-store-changelog');
    expect(await succeed(TOPIC_COMMAND, '--list')).not.toContain('app-store-changelog');
    const described = await succeed('kafka.admin.ConsumerGroupCommand', '--describe --group app');
    expect(described).toMatch(/app\s+tools\s+0\s+0\s/);
  });

  test('that reassigns partitions generates, executes and verifies a plan for one node', async () => {
    const topics = write('topics.json', { version: 1, topics: [{ topic: 'moved' }] });
    const generated = await succeed(
      REASSIGN,
      `--topics-to-move-json-file ${topics} --broker-list 1 --generate`,
    );
    const plan = generated
      .slice(generated.indexOf('Proposed partition reassignment configuration'))
      .split('\n')[1];
    expect(JSON.parse(plan ?? '').partitions).toHaveLength(2);
    const file = write('plan.json', plan ?? '');
    expect(await succeed(REASSIGN, `--reassignment-json-file ${file} --execute`)).toContain(
      'Successfully started partition reassignments for moved-0,moved-1',
    );
    const verified = await succeed(REASSIGN, `--reassignment-json-file ${file} --verify`);
    expect(verified).toContain('Reassignment of partition moved-0 is completed.');
    expect(verified).toContain('Clearing topic-level throttles on topic moved');
    expect(await succeed(REASSIGN, '--list')).toContain('No partition reassignments found.');
  });

  test('that lists the versions of the broker knows every API of the list', async () => {
    const said = await succeed('kafka.admin.BrokerApiVersionsCommand', '--bootstrap-server {bootstrap}');
    expect(said).toMatch(/\(id: 1 rack: null\) -> \(/);
    expect(said).toMatch(/Produce\(0\): 0 to 10 \[usable: 10\]/);
    expect(said).not.toContain('UNKNOWN');
  });

  test('is a standalone Connect worker that copies lines from one file to another', async () => {
    const source = write('in.txt', 'first\nsecond\n');
    const sink = join(files, 'out.txt');
    const json = 'org.apache.kafka.connect.storage.StringConverter';
    const rest = await freePort();
    const properties = (settings: Record<string, string>): string =>
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join('');
    const worker = write(
      'worker.properties',
      properties({
        'bootstrap.servers': broker.bootstrap,
        'key.converter': json,
        'value.converter': json,
        'offset.storage.file.filename': join(files, 'connect.offsets'),
        'offset.flush.interval.ms': '500',
        listeners: `http://127.0.0.1:${rest}`,
      }),
    );
    const connector = (name: string, settings: Record<string, string>): string =>
      write(`${name}.properties`, properties({ name, 'tasks.max': '1', ...settings }));
    const connectors = [
      connector('source', { 'connector.class': 'FileStreamSource', file: source, topic: 'lines' }),
      connector('sink', { 'connector.class': 'FileStreamSink', file: sink, topics: 'lines' }),
    ];
    const child = await spawnTool('org.apache.kafka.connect.cli.ConnectStandalone', [worker, ...connectors]);
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.stdout?.resume();
    child.stderr?.resume();
    const copied = (): string => {
      try {
        return readFileSync(sink, 'utf8');
      } catch {
        return '';
      }
    };
    try {
      await until(() => copied() === 'first\nsecond\n', 90_000);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
});
