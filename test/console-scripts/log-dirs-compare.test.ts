/**
 * Two log.dirs under Apache's tools: kafka-log-dirs and kafka-reassign-partitions with log_dirs, their output against
 * both brokers side by side. Skipped where Apache Kafka is not at hand.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AlterReplicaLogDirs } from '../../protocol/messages/alter-replica-log-dirs.ts';
import type { KafkaServer } from '../../scripts/kafka.ts';
import { kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import { makeBatch, records } from './data-path/batches.ts';
import { Side } from './data-path/side.ts';
import { runScript } from './scenario.ts';

const TOPIC = 'moving';

interface Party {
  readonly side: Side;
  readonly bootstrap: string;
  readonly one: string;
  readonly two: string;
}

describe.skipIf((await kafkaClasspath()) === null)('two log directories beside those of Apache Kafka', () => {
  let root: string;
  let apache: KafkaServer;
  let ours: BrokerProcess;
  let parties: readonly Party[];

  const dirsOf = (name: string) => ({ one: join(root, name, 'one'), two: join(root, name, 'two') });

  beforeAll(async () => {
    root = temporaryDirectory('log-dirs-compare');
    const [theirs, own] = [dirsOf('apache'), dirsOf('ours')];
    for (const dir of [theirs.one, theirs.two, own.one, own.two]) mkdirSync(dir, { recursive: true });
    apache = await startKafka({
      dir: join(root, 'apache'),
      properties: { 'log.dirs': `${theirs.one},${theirs.two}` },
    });
    ours = await startBroker({ dir: join(root, 'ours'), overrides: { 'log.dirs': `${own.one},${own.two}` } });
    parties = [
      { side: new Side(apache.port), bootstrap: apache.bootstrap, ...theirs },
      { side: new Side(ours.port), bootstrap: ours.bootstrap, ...own },
    ];
    for (const { side } of parties) {
      await side.createTopic(TOPIC, {}, 2);
      for (const partition of [0, 1])
        await side.produce(TOPIC, makeBatch({ records: records(40) }), { partition });
    }
  });

  afterAll(async () => {
    for (const { side } of parties ?? []) side.close();
    await apache?.stop('SIGKILL');
    await ours?.stop();
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  });

  /** What a tool prints against each, with directories by their last name, in order. */
  const both = async (run: (party: Party) => Promise<{ exitCode: number | null; stdout: string }>) => {
    const said: unknown[] = [];
    for (const party of parties) {
      const { exitCode, stdout } = await run(party);
      const text = stdout.replaceAll(party.one, 'ONE').replaceAll(party.two, 'TWO');
      said.push({ exitCode, lines: text.split('\n').map(inOrder) });
    }
    return said;
  };

  /** The order of directories and partitions is that of hash tables. */
  function inOrder(line: string): string {
    if (!line.startsWith('{"brokers"')) return line;
    const told = JSON.parse(line) as {
      brokers: { logDirs: { logDir: string; partitions: { partition: string }[] }[] }[];
    };
    for (const { logDirs } of told.brokers) {
      logDirs.sort((a, b) => a.logDir.localeCompare(b.logDir));
      for (const { partitions } of logDirs) partitions.sort((a, b) => a.partition.localeCompare(b.partition));
    }
    return JSON.stringify(told);
  }

  function reassign(party: Party, dirs: readonly string[], verb: string) {
    const plan = join(root, 'plan.json');
    const partitions = dirs.map((dir, partition) => ({
      topic: TOPIC,
      partition,
      replicas: [1],
      log_dirs: [dir],
    }));
    writeFileSync(plan, JSON.stringify({ version: 1, partitions }));
    const { bootstrap } = party;
    return runScript('kafka-reassign-partitions.sh', [
      ...['--bootstrap-server', bootstrap, '--reassignment-json-file', plan],
      verb,
    ]);
  }

  /** What is said of a move that is over: how long it takes hangs on the machine. */
  async function settled(party: Party, dirs: readonly string[]) {
    let verified = await reassign(party, dirs, '--verify');
    await until(async () => {
      if (!verified.stdout.includes('still in progress')) return true;
      verified = await reassign(party, dirs, '--verify');
      return false;
    });
    return verified;
  }

  const describeDirs = ({ bootstrap }: Party) =>
    runScript('kafka-log-dirs.sh', ['--bootstrap-server', bootstrap, '--describe', '--topic-list', TOPIC]);

  test.each(['one', 'two'] as const)(
    'kafka-reassign-partitions moves everything to directory %s',
    async (name) => {
      const target = (party: Party) => [party[name], party[name]];
      const executed = await both((party) => reassign(party, target(party), '--execute'));
      expect(executed[1]).toEqual(executed[0]);
      const verified = await both((party) => settled(party, target(party)));
      expect(verified[1]).toEqual(verified[0]);
      const described = await both(describeDirs);
      expect(described[1]).toEqual(described[0]);
    },
  );

  test('the records are as they were', async () => {
    const read = await Promise.all(parties.map(({ side }) => side.fetch(TOPIC, { partition: 1 })));
    expect(read[1]).toEqual(read[0]);
  });

  test('a directory that does not exist is refused', async () => {
    const executed = await both((party) => reassign(party, ['/nowhere', '/nowhere'], '--execute'));
    expect(executed[1]).toEqual(executed[0]);
  });

  test.each([0, 1, 2])('odd requests get the same answers in version %i', async (version) => {
    const ask = (party: Party) => {
      const move = (path: string, name: string, ...partitions: number[]) => ({
        path,
        topics: [{ name, partitions }],
      });
      const requests = [
        [move(party.one, TOPIC)],
        [move(party.one, TOPIC, 7)],
        [move(party.one, 'unknown', 0)],
        [move('/nowhere', TOPIC, 0)],
        [move('/nowhere', 'unknown', 0)],
        [move('', TOPIC, 0)],
        [move(`${party.two}/`, TOPIC, 0)],
        [move(party.two, 'x'.repeat(249), 0)],
        [move(party.two, '__cluster_metadata', 0)],
        [],
      ];
      return Promise.all(requests.map((dirs) => party.side.ask(AlterReplicaLogDirs, version, { dirs })));
    };
    const [expected, answered] = await Promise.all(parties.map(ask));
    expect(answered).toEqual(expected);
  });
});
