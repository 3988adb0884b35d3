/** Records of transactions, committed, aborted and open, and what readers of every version see of them. */
import { AddPartitionsToTxn } from '../../../protocol/messages/add-partitions-to-txn.ts';
import { EndTxn } from '../../../protocol/messages/end-txn.ts';
import { InitProducerId } from '../../../protocol/messages/init-producer-id.ts';
import { Produce } from '../../../protocol/messages/produce.ts';
import { until } from '../../helpers/until.ts';
import { makeBatch, records } from './batches.ts';
import type { Scenario } from './produce-scenarios.ts';
import type { Said, Side } from './side.ts';

interface Producer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  sequence: number;
}

async function begin(side: Side, transactionalId: string): Promise<Producer> {
  let producer: Producer | null = null;
  await until(async () => {
    const answer = await side.raw(InitProducerId, 4, {
      transactionalId,
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: -1,
    });
    const { errorCode, producerId, producerEpoch } = answer;
    if (errorCode === 0) producer = { transactionalId, producerId, producerEpoch, sequence: 0 };
    return errorCode === 0;
  });
  if (producer === null) throw new Error('no producer');
  return producer;
}

const add = ({ transactionalId, producerId, producerEpoch }: Producer, topic: string) => ({
  v3AndBelowTransactionalId: transactionalId,
  v3AndBelowProducerId: producerId,
  v3AndBelowProducerEpoch: producerEpoch,
  v3AndBelowTopics: [{ name: topic, partitions: [0] }],
  transactions: [],
});

/** Retried while the previous transaction of the producer is still being completed. */
async function join(side: Side, producer: Producer, topic: string): Promise<void> {
  await until(async () => {
    const answer = await side.raw(AddPartitionsToTxn, 3, add(producer, topic));
    return answer.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode === 0;
  });
}

async function write(side: Side, producer: Producer, topic: string, count = 2, acks = -1): Promise<Said> {
  const sent = makeBatch({
    records: records(count),
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    baseSequence: producer.sequence,
    transactional: true,
  });
  producer.sequence += count;
  return side.produce(topic, sent, { acks, transactionalId: producer.transactionalId });
}

async function end(side: Side, producer: Producer, topic: string, committed: boolean): Promise<void> {
  const { transactionalId, producerId, producerEpoch } = producer;
  const before = await endOffset(side, topic);
  const answer = await side.raw(EndTxn, 3, { transactionalId, producerId, producerEpoch, committed });
  if (answer.errorCode !== 0) throw new Error(`EndTxn: ${answer.errorCode}`);
  await until(async () => (await endOffset(side, topic)) > before);
}

async function endOffset(side: Side, topic: string): Promise<number> {
  return ((await side.listOffset(topic, -1)) as { offset: number }).offset;
}

/** Ids of producers are each broker's own. */
const withoutProducers = (said: Said): Said =>
  JSON.parse(JSON.stringify(said), (key, value: unknown) => {
    if (key === 'bytes') return undefined;
    if (key === 'producerId' && typeof value === 'number' && value >= 0) return 'PRODUCER';
    return key === 'producer' && Array.isArray(value) ? ['PRODUCER', ...value.slice(1)] : value;
  });

/** Where a marker comes first, Apache Kafka 3.7.0 sends the converted batch behind it twice. */
function once(said: Said): Said {
  const { records } = said as { records: readonly { offset: number }[] | null };
  const isFirst = ({ offset }: { offset: number }, index: number): boolean =>
    records?.findIndex((other) => other.offset === offset) === index;
  return { ...(said as object), records: records?.filter(isFirst) ?? null };
}

async function look(side: Side, topic: string, title: string, said: Record<string, Said>): Promise<void> {
  const last = await endOffset(side, topic);
  for (let offset = 0; offset <= last; offset++) {
    for (const version of [0, 1, 2, 3]) {
      said[`${title} ${version} from ${offset}`] = once(await side.fetch(topic, { version, offset }));
    }
    for (const version of [4, 7, 11, 12, 16]) {
      for (const isolationLevel of [0, 1]) {
        const fetched = await side.fetch(topic, { version, offset, isolationLevel });
        said[`${title} ${version} from ${offset} at ${isolationLevel}`] = withoutProducers(fetched);
      }
    }
  }
  for (const timestamp of [-1, -3, 0]) {
    for (const isolationLevel of [0, 1]) {
      said[`${title} list ${timestamp} ${isolationLevel}`] = await side.listOffset(topic, timestamp, {
        isolationLevel,
      });
    }
  }
}

const visibility: Scenario = {
  name: 'transactions as readers of every version see them',
  async run(side) {
    const topic = 'transactions';
    await side.createTopic(topic);
    const said: Record<string, Said> = {};
    const one = await begin(side, 'one');
    await join(side, one, topic);
    said['first write'] = await write(side, one, topic);
    await look(side, topic, 'open', said);
    await side.produce(topic, makeBatch({ records: records(1) }));
    await end(side, one, topic, false);
    await look(side, topic, 'aborted', said);
    await join(side, one, topic);
    said['second write'] = await write(side, one, topic);
    await end(side, one, topic, true);
    await look(side, topic, 'committed', said);
    const two = await begin(side, 'two');
    await join(side, one, topic);
    await join(side, two, topic);
    await write(side, one, topic, 1);
    await write(side, two, topic, 1);
    await end(side, two, topic, true);
    await look(side, topic, 'one open, two committed', said);
    await end(side, one, topic, false);
    await look(side, topic, 'all ended', said);
    said['deleted'] = await side.deleteRecords(topic, 3);
    said['after deletion'] = withoutProducers(await side.fetch(topic, { offset: 3, isolationLevel: 1 }));
    return said;
  },
};

const refusals: Scenario = {
  name: 'transactional batches that may not be appended',
  async run(side) {
    const topic = 'refused-transactions';
    await side.createTopic(topic, {}, 2);
    const said: Record<string, Said> = {};
    const producer = await begin(side, 'refused');
    const { producerId, producerEpoch } = producer;
    const transactional = { producerId, producerEpoch, baseSequence: 0, transactional: true };
    const good = makeBatch(transactional);
    said['not added'] = await side.produce(topic, good, { transactionalId: 'refused' });
    said['no id'] = await side.produce(topic, good);
    said['no id, no acks'] = await side.produce(topic, good, { acks: 0 });
    said['no id, version 3'] = await side.produce(topic, good, { version: 3 });
    said['no id, version 2'] = await side.produce(topic, good, { version: 2 });
    said['other id'] = await side.produce(topic, good, { transactionalId: 'other' });
    said['unknown producer'] = await side.produce(
      topic,
      makeBatch({ ...transactional, producerId: 987_654 }),
      {
        transactionalId: 'refused',
      },
    );
    said['two producers'] = await side.ask(Produce, 10, {
      transactionalId: 'refused',
      acks: -1,
      timeoutMs: 1_000,
      topicData: [
        {
          name: topic,
          partitionData: [
            { index: 0, records: good },
            { index: 1, records: makeBatch({ ...transactional, producerId: 987_654 }) },
          ],
        },
      ],
    });
    await join(side, producer, topic);
    said['plain, before'] = await side.produce(topic, makeBatch({ ...transactional, transactional: false }));
    said['added'] = await side.produce(topic, makeBatch({ ...transactional, baseSequence: 3 }), {
      transactionalId: 'refused',
    });
    said['plain of the same producer'] = await side.produce(
      topic,
      makeBatch({ ...transactional, baseSequence: 6, transactional: false }),
    );
    said['older epoch'] = await side.produce(
      topic,
      makeBatch({ ...transactional, producerEpoch: producerEpoch - 1 }),
      {
        transactionalId: 'refused',
      },
    );
    said['gap'] = await side.produce(topic, makeBatch({ ...transactional, baseSequence: 50 }), {
      transactionalId: 'refused',
    });
    said['contents'] = withoutProducers(await side.fetch(topic));
    return said;
  },
};

export const transactionScenarios: readonly Scenario[] = [visibility, refusals];
