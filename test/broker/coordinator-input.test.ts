/** Wrong input for the coordinators: each request gets the answer of Apache Kafka, and harms nobody else. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Side } from '../console-scripts/wire-compare/side.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import type { Input } from './coordinator-input.ts';
import { answerTo, inputProperties, prepareInput } from './coordinator-input.ts';
import { afterwards, inputRows } from './coordinator-input-table.ts';

describe('wrong input for a coordinator', () => {
  let broker: BrokerProcess;
  let side: Side;
  let input: Input;

  beforeAll(async () => {
    broker = await startBroker({ overrides: inputProperties });
    side = new Side(broker.port);
    input = await prepareInput(side);
  });

  afterAll(async () => {
    side?.close();
    await broker?.stop();
    broker?.clean();
  });

  for (const row of inputRows) {
    test(`${row.api} ${row.version} with ${row.what} is answered ${row.expected}`, async () => {
      expect(await answerTo(side, input, row)).toBe(row.expected);
    });
  }

  test('leaves members and transactions as they are', async () => {
    for (const row of afterwards) {
      const answer = await answerTo(side, input, row);
      expect(`${row.api} ${row.what}: ${answer}`).toBe(`${row.api} ${row.what}: ${row.expected}`);
    }
  });
});
