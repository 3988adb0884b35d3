/** The row whose client is kafkajs: how long a record takes from one Node program to another. */
import { Kafka, logLevel } from 'kafkajs';
import type { Figures, Round, Row } from './compare.ts';
import { untilCoordinated } from './groups-rows.ts';
import type { Server } from './servers.ts';
import { createTopic, deleteTopic } from './servers.ts';
import { pause } from './window.ts';

const RECORDS_PER_SECOND = 200;
const VALUE_BYTES = 100;
const ARRIVAL_TIMEOUT_MS = 10_000;

let topicNumber = 0;

/** Producer and consumer run in this process; a record carries its number, and is sent when its time has come. */
async function measure(server: Server, seconds: number, { isFirst }: Round): Promise<Figures> {
  const topic = `kafkajs-${topicNumber++}`;
  await untilCoordinated(server.port);
  await createTopic(server, topic);
  const kafka = new Kafka({ brokers: [`127.0.0.1:${server.port}`], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: topic, allowAutoTopicCreation: false });
  const warmUp = RECORDS_PER_SECOND * (isFirst ? 2 : 1);
  const count = warmUp + RECORDS_PER_SECOND * seconds;
  const sentMs = new Float64Array(count);
  const tookMs = new Float64Array(count);
  const seen = { count: 0 };
  try {
    await producer.connect();
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        const number = message.value?.readInt32BE(0) ?? 0;
        tookMs[number] = performance.now() - (sentMs[number] ?? 0);
        seen.count++;
      },
    });
    await joined;
    const startMs = performance.now() + 100;
    const sends: Promise<unknown>[] = [];
    for (let number = 0; number < count; number++) {
      const waitMs = startMs + (number * 1000) / RECORDS_PER_SECOND - performance.now();
      if (waitMs > 0) await pause(waitMs);
      const value = Buffer.alloc(VALUE_BYTES);
      value.writeInt32BE(number, 0);
      sentMs[number] = performance.now();
      sends.push(producer.send({ topic, messages: [{ value }] }));
    }
    await Promise.all(sends);
    const deadlineMs = performance.now() + ARRIVAL_TIMEOUT_MS;
    while (seen.count < count && performance.now() < deadlineMs) await pause(10);
    if (seen.count !== count) throw new Error(`kafkajs received ${seen.count} of ${count} records`);
  } finally {
    await consumer.disconnect();
    await producer.disconnect();
  }
  await deleteTopic(server, topic);
  const sorted = tookMs.slice(warmUp).sort();
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { 'p50 ms': at(0.5), 'p99 ms': at(0.99) };
}

/** Long enough for a hundredth of the records to be some dozen. */
export const kafkajsRows = (isQuick: boolean): readonly Row<Server>[] => [
  {
    name: `latency with kafkajs, ${RECORDS_PER_SECOND} records/s`,
    withFsync: true,
    measure: (server, round) => measure(server, isQuick ? 2 : 4, round),
  },
];
