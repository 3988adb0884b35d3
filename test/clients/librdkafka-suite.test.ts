/**
 * librdkafka's own tests against a broker: one process per test number, as its authors run them. Only tests that fail
 * without a broker are counted. The quick ones run always, but for those that only watch the clock; `SORDINI_FULL=1` runs all, on Apache Kafka too, and proves
 * that they fail where there is no broker.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { RunnerTest } from '../../scripts/clients/librdkafka/librdkafka.ts';
import {
  findTestRunner,
  numberOf,
  runnerMustPass,
  runRunner,
  writeKafkaPath,
} from '../../scripts/clients/librdkafka/librdkafka.ts';
import { freePort, startKafka } from '../../scripts/kafka.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';

const TIMEOUT_MS = 1_800_000;
/** Without a broker they only wait. */
const ALONE_AT_ONCE = 8;
/**
 * What the tests count on: as many partitions in a topic that makes itself, and that members which subscribe one right
 * after the other come into one generation (0102 fails on either broker where the first is alone in one).
 */
const PROPERTIES = { 'num.partitions': '4', 'group.initial.rebalance.delay.ms': '500' };

const isFull = process.env['SORDINI_FULL'] === '1';
const found = await findTestRunner();
if ('missing' in found) console.log(`skipped: ${found.missing}`);
const runner = 'found' in found ? found.found : { dir: '' };

describe.skipIf('missing' in found)("librdkafka's tests", () => {
  const workDir = temporaryDirectory('librdkafka');
  afterAll(() => rmSync(workDir, { recursive: true, force: true, maxRetries: 3 }));

  const mustPass = runnerMustPass().filter(({ isSlow, isTimed }) => isFull || !(isSlow || isTimed));
  /** One for each number: they run together. */
  const first = [...new Map(mustPass.map((each) => [numberOf(each), each] as const)).values()];
  const together = (one: RunnerTest): RunnerTest[] =>
    mustPass.filter((each) => numberOf(each) === numberOf(one));

  /** The names that did not pass, each with the end of what its process printed. */
  const failures = async (bootstrap: string): Promise<string[]> => {
    const missing: string[] = [];
    for (const one of first) {
      const { passed, lacksRapidJson, output } = await runRunner(runner, bootstrap, one, workDir);
      for (const { name, needsRapidJson } of together(one)) {
        if (passed.includes(name)) continue;
        if (needsRapidJson && lacksRapidJson)
          console.log(`skipped: ${name} of librdkafka: built without RapidJSON`);
        else missing.push(`${name}: ${output.slice(-3_000)}`);
      }
    }
    return missing;
  };

  test('pass', { timeout: TIMEOUT_MS }, async ({ skip }) => {
    skip(
      !(await writeKafkaPath(workDir)),
      'Apache Kafka 3.7.0, whose command lines they call, is not available',
    );
    const broker = await startBroker({ overrides: PROPERTIES });
    try {
      expect(await failures(broker.bootstrap)).toEqual([]);
    } finally {
      await broker.stop();
      broker.clean();
    }
  });

  test('pass on Apache Kafka', { timeout: TIMEOUT_MS }, async ({ skip }) => {
    skip(!isFull, 'takes minutes: only with SORDINI_FULL=1');
    skip(!(await writeKafkaPath(workDir)), 'Apache Kafka 3.7.0 is not available');
    const kafka = await startKafka({ dir: join(workDir, 'kafka'), properties: PROPERTIES });
    try {
      expect(await failures(kafka.bootstrap)).toEqual([]);
    } finally {
      await kafka.stop();
    }
  });

  test('fail where there is no broker', { timeout: TIMEOUT_MS }, async ({ skip }) => {
    skip(!isFull, 'takes minutes: only with SORDINI_FULL=1');
    const bootstrap = `127.0.0.1:${await freePort()}`;
    const waiting = [...first];
    const hollow: string[] = [];
    const work = async (): Promise<void> => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        const dir = join(workDir, one.name);
        mkdirSync(dir, { recursive: true });
        const { passed } = await runRunner(runner, bootstrap, one, dir);
        for (const { name } of together(one)) if (passed.includes(name)) hollow.push(name);
      }
    };
    await Promise.all(Array.from({ length: ALONE_AT_ONCE }, work));
    expect(hollow).toEqual([]);
  });
});
