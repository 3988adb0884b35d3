/**
 * Apache Kafka's own judge of compaction: it writes keys over and over, with tombstones between, lets the cleaner work,
 * and compares what it reads back with the last value of each key.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findCompactionTester } from '../../scripts/clients/java.ts';
import { run } from '../../scripts/clients/runtime.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';

const TOPICS = 2;
const MESSAGES = 50_000;
const TIMEOUT_MS = 240_000;

const classpath = await findCompactionTester('3.7.0');
const isMissing = 'missing' in classpath;
if (isMissing) console.log(`skipped: ${classpath.missing}`);

describe.skipIf(isMissing)("Apache Kafka's LogCompactionTester", () => {
  let broker: BrokerProcess;

  beforeAll(async () => {
    const overrides = {
      'log.segment.bytes': '131072',
      'log.cleaner.backoff.ms': '100',
      'log.cleaner.min.cleanable.ratio': '0.01',
    };
    broker = await startBroker({ overrides });
  });

  afterAll(async () => {
    await broker?.stop();
    broker?.clean();
  });

  test('finds the last value of every key, and nothing else that could have gone', async () => {
    const args = `--messages ${MESSAGES} --topics ${TOPICS} --percent-deletes 10 --sleep 5`.split(' ');
    const { exitCode, stdout } = await run(
      'java',
      [
        '-Xmx256m',
        '-XX:+UseSerialGC',
        '-cp',
        'found' in classpath ? classpath.found : '',
        'kafka.tools.LogCompactionTester',
        '--bootstrap-server',
        broker.bootstrap,
        ...args,
      ],
      { timeoutMs: TIMEOUT_MS },
    );
    expect(stdout).toContain(' values, 0 mismatches.');
    expect(exitCode).toBe(0);
    const [, produced = '', consumed = ''] =
      /(\d+) rows of data produced, (\d+) rows of data consumed/.exec(stdout) ?? [];
    expect(Number(produced)).toBe(TOPICS * MESSAGES);
    expect(Number(consumed)).toBeLessThan(Number(produced));
  });
});
