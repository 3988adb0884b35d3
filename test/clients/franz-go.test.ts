/**
 * franz-go's own tests of its client against a broker: groups in both protocols, transactions, regular expressions,
 * pauses, limits. Only tests that fail without a broker are counted; `SORDINI_FULL=1` proves that they do, and that
 * Apache Kafka passes no other.
 */
import { rmSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { findKgoTests, kgoMustPass, runKgoTests } from '../../scripts/clients/franz-go/franz-go.ts';
import { freePort, kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';

const mustPass = kgoMustPass();
const found = await findKgoTests();
if ('missing' in found) console.log(`skipped: ${found.missing}`);
const program = 'found' in found ? found.found : '';
const isFull = process.env['SORDINI_FULL'] === '1';
const hasKafka = isFull && (await kafkaClasspath()) !== null;

describe.skipIf('missing' in found)("franz-go's tests", () => {
  const ends: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  test('pass', async () => {
    const broker = await startBroker({
      overrides: { 'group.coordinator.rebalance.protocols': 'classic,consumer' },
    });
    ends.push(async () => {
      await broker.stop();
      broker.clean();
    });
    const { passed, failed, output } = await runKgoTests(program, broker.bootstrap, mustPass);
    expect(failed, output.slice(-20_000)).toEqual([]);
    expect(passed).toEqual(mustPass);
  });

  // Minutes of waiting for nobody: only in a full run.
  test('fail where there is no broker', async ({ skip }) => {
    skip(!isFull, 'takes minutes: only with SORDINI_FULL=1');
    const bootstrap = `127.0.0.1:${await freePort()}`;
    const names = mustPass.filter((name) => !name.includes('/'));
    // They wait more than they work; and one that gives up takes its process along.
    const alone = await Promise.all(names.map((name) => runKgoTests(program, bootstrap, [name])));
    expect(alone.flatMap(({ passed }) => passed)).toEqual([]);
  });

  // The other broker takes as long again: only in a full run, with Java.
  test('pass on Apache Kafka only if they must pass on Sordini', async ({ skip }) => {
    skip(!hasKafka, 'takes minutes: only with SORDINI_FULL=1, and Java');
    const dir = temporaryDirectory('kgo-kafka');
    const kafka = await startKafka({ dir, properties: { 'group.initial.rebalance.delay.ms': '' } });
    ends.push(async () => {
      await kafka.stop();
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
    });
    const { passed } = await runKgoTests(program, kafka.bootstrap, mustPass);
    expect(passed.length).toBeGreaterThan(mustPass.length / 2);
    expect(passed.filter((name) => !mustPass.includes(name))).toEqual([]);
  });
});
