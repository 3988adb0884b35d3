/** Holds Apache Kafka 3.7.0 against the table of wrong input, so that the table says what Apache Kafka answers. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaServer } from '../../scripts/kafka.ts';
import { kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import type { Input } from '../broker/coordinator-input.ts';
import { answerTo, inputProperties, prepareInput } from '../broker/coordinator-input.ts';
import { afterwards, inputRows } from '../broker/coordinator-input-table.ts';
import { temporaryDirectory } from '../helpers/broker-process.ts';
import { Side } from './wire-compare/side.ts';

const hasKafka = (await kafkaClasspath()) !== null;
if (!hasKafka) console.log('skipped: comparing answers needs Java and Maven for Apache Kafka');

describe.skipIf(!hasKafka)('Apache Kafka', () => {
  const dir = temporaryDirectory('coordinator-input');
  let kafka: KafkaServer;
  let side: Side;
  let input: Input;

  beforeAll(async () => {
    kafka = await startKafka({ dir, properties: inputProperties });
    side = new Side(kafka.port);
    input = await prepareInput(side);
  });

  afterAll(async () => {
    side?.close();
    await kafka?.stop('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });

  test('answers wrong input for its coordinators as the table says', async () => {
    const differences: string[] = [];
    for (const row of [...inputRows, ...afterwards]) {
      const answer = await answerTo(side, input, row);
      if (answer !== row.expected) {
        differences.push(`${row.api} ${row.version} with ${row.what}: ${answer}, not ${row.expected}`);
      }
    }
    expect(differences).toEqual([]);
  });
});
