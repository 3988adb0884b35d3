/**
 * Stories of requests to the coordinators of groups and transactions, in which each answer depends on what was before:
 * Sordini and Apache Kafka 3.7.0 tell them in the same words.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaServer } from '../../scripts/kafka.ts';
import { kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { groupStories } from './coordinator-stories/groups.ts';
import type { Story } from './coordinator-stories/teller.ts';
import { PARTITIONS, storyProperties, Teller, TOPIC } from './coordinator-stories/teller.ts';
import { transactionStories } from './coordinator-stories/transactions.ts';
import { Side } from './wire-compare/side.ts';

const hasKafka = (await kafkaClasspath()) !== null;
if (!hasKafka)
  console.log('skipped: comparing the stories of coordinators needs Java and Maven for Apache Kafka');

async function told(port: number, story: Story): Promise<readonly string[]> {
  const teller = new Teller(port);
  try {
    await story.play(teller);
  } finally {
    teller.close();
  }
  // Which of two requests that wait for each other is answered first is chance.
  return teller.lines.sort();
}

describe.skipIf(!hasKafka)('the coordinators', () => {
  const dir = temporaryDirectory('stories');
  let kafka: KafkaServer;
  let broker: BrokerProcess;

  beforeAll(async () => {
    [kafka, broker] = await Promise.all([
      startKafka({ dir, properties: storyProperties }),
      startBroker({ overrides: storyProperties }),
    ]);
    for (const { port } of [kafka, broker]) {
      const teller = new Teller(port);
      const topics = [
        { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] },
      ];
      await teller.ask('CreateTopics', 7, { topics, timeoutMs: 10_000 });
      const side = new Side(port);
      await side.learnOf(TOPIC);
      side.close();
      // The coordinators' topics are made by the first that asks.
      for (const keyType of [0, 1])
        await teller.ask('FindCoordinator', 4, { keyType, coordinatorKeys: ['any'] });
    }
  });

  afterAll(async () => {
    await Promise.all([kafka?.stop('SIGKILL'), broker?.stop()]);
    broker?.clean();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  });

  for (const story of [...groupStories, ...transactionStories]) {
    test(`tell as Apache Kafka: ${story.name}`, async () => {
      const [theirs, ours] = await Promise.all([told(kafka.port, story), told(broker.port, story)]);
      expect(ours).toEqual(theirs);
    });
  }
});
