/**
 * The data path against Apache Kafka: the same requests in the same order to both brokers, their decoded answers side
 * by side. Skipped where Apache Kafka is not at hand.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareCompression } from '../../protocol/compression/index.ts';
import type { KafkaServer } from '../../scripts/kafka.ts';
import { kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { configScenarios } from './data-path/config-scenarios.ts';
import { fetchScenarios } from './data-path/fetch-scenarios.ts';
import { produceScenarios } from './data-path/produce-scenarios.ts';
import { Side } from './data-path/side.ts';
import { transactionScenarios } from './data-path/transaction-scenarios.ts';

const properties = { 'auto.create.topics.enable': 'false', 'log.cleaner.enable': 'false' };

describe.skipIf((await kafkaClasspath()) === null)('the data path beside that of Apache Kafka', () => {
  let dir: string;
  let apache: KafkaServer;
  let ours: BrokerProcess;
  let sides: readonly [Side, Side];

  beforeAll(async () => {
    await prepareCompression();
    dir = temporaryDirectory('data-path');
    apache = await startKafka({ dir: join(dir, 'apache'), properties });
    ours = await startBroker({ overrides: properties });
    sides = [new Side(apache.port), new Side(ours.port)];
    await Promise.all(sides.map((side) => side.prepare()));
  });

  afterAll(async () => {
    for (const side of sides ?? []) side.close();
    await apache?.stop('SIGKILL');
    await ours?.stop();
    ours?.clean();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  });

  test.each([...produceScenarios, ...fetchScenarios, ...transactionScenarios, ...configScenarios])(
    '$name gives the same answers',
    async ({ run }) => {
      const [apaches, answers] = await Promise.all(sides.map((side) => run(side)));
      // One by one, so that a failure shows what differs and not all that was said.
      const differing = Object.keys(apaches ?? {}).filter(
        (step) => JSON.stringify(apaches?.[step]) !== JSON.stringify(answers?.[step]),
      );
      const said = (from: typeof answers) =>
        Object.fromEntries(differing.map((step) => [step, from?.[step]]));
      expect(said(answers)).toEqual(said(apaches));
    },
  );
});
