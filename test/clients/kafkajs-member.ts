/** A member of a kafkajs group in a process of its own, so that it can die: says `partition offset` of each record. */
import kafkajs from 'kafkajs';

const [bootstrap = '', groupId = '', topic = ''] = process.argv.slice(2);
const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING });
const consumer = kafka.consumer({ groupId, sessionTimeout: 6_000, heartbeatInterval: 500 });
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ partition, message }) => {
    process.stdout.write(`${partition} ${message.offset}\n`);
  },
});
