/**
 * Large answers, which leave from the files themselves where the system allows it: byte for byte what was written,
 * whatever the codec, the version and the limits, while more is written and old segments go.
 */
import { randomFillSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchPositions, buildBatch, isCrcValid, iterateRecords, nextOffset } from '../../protocol/batch.ts';
import { DeleteRecords } from '../../protocol/messages/delete-records.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { createTopic, fetchRequest, produceBatch } from '../helpers/data-client.ts';
import { WireClient } from '../helpers/wire-client.ts';

const TOPIC = 'large';
const BATCHES = 150;
const KIB = 1024;

describe.each(['kafka', 'fsync'])('large answers of a broker with durability %s', (durability) => {
  let broker: BrokerProcess;
  let writer: WireClient;
  let reader: WireClient;
  const values: Buffer[] = [];

  beforeAll(async () => {
    broker = await startBroker({ overrides: { 'sordini.durability': durability } });
    writer = await WireClient.connect(broker.port);
    reader = await WireClient.connect(broker.port);
    await createTopic(writer, TOPIC, 1, { 'segment.bytes': '4000000' });
  });

  afterAll(async () => {
    writer?.close();
    reader?.close();
    await broker?.stop();
    broker?.clean();
  });

  /** Appends a batch of some size between 1 and 200 KiB. */
  async function write(index: number): Promise<void> {
    const value = Buffer.alloc(1 + ((index * 37) % 200) * KIB);
    randomFillSync(value);
    values.push(value);
    const records = buildBatch({ records: [{ value }], timestampMs: 1_700_000_000_000 + index });
    expect((await produceBatch(writer, TOPIC, records)).errorCode).toBe(0);
  }

  async function read(fetchOffset: number, partitionMaxBytes: number, version: number): Promise<number> {
    const { responses } = await reader.send(Fetch, version, {
      ...fetchRequest(TOPIC, fetchOffset, partitionMaxBytes),
      maxWaitMs: 1_000,
      maxBytes: 50 * 1024 * KIB,
      isolationLevel: fetchOffset % 2,
    });
    const [answer] = responses[0]?.partitions ?? [];
    expect(answer?.errorCode).toBe(0);
    const records = answer?.records ?? Buffer.alloc(0);
    let next = fetchOffset;
    for (const at of batchPositions(records)) {
      expect(isCrcValid(records, at)).toBe(true);
      for (const { offset, value } of iterateRecords(records, at)) {
        if (offset < fetchOffset) continue;
        expect(offset).toBe(next++);
        expect(value?.equals(values[offset] ?? Buffer.alloc(0))).toBe(true);
      }
      expect(nextOffset(records, at)).toBe(next);
    }
    return next;
  }

  test('hold what was written, while more is written', async () => {
    for (let index = 0; index < BATCHES / 2; index++) await write(index);
    const writing = (async () => {
      for (let index = BATCHES / 2; index < BATCHES; index++) await write(index);
    })();
    for (const [partitionMaxBytes, version] of [
      [1024 * KIB, 4],
      [300 * KIB, 11],
      [20 * 1024 * KIB, 12],
      [1, 12],
    ] as const) {
      for (let next = 0; next < BATCHES; ) {
        const after = await read(next, partitionMaxBytes, version);
        expect(after).toBeGreaterThan(next);
        next = after;
      }
    }
    await writing;
  });

  test('go on from where old segments went', async () => {
    const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0, offset: BATCHES - 20 }] }];
    await writer.send(DeleteRecords, 2, { topics, timeoutMs: 10_000 });
    let next = BATCHES - 20;
    while (next < BATCHES) next = await read(next, 1024 * KIB, 12);
    expect(next).toBe(BATCHES);
  });
});
