/** What must be there before a request makes sense: for all cases, and for single ones. */
import { apiOf, batch } from './case.ts';
import type { Struct } from './requests.ts';
import type { Side } from './side.ts';

export const createTopic = (
  side: Side,
  name: string,
  numPartitions = 1,
  configs: Struct[] = [],
): Promise<Struct> =>
  side.do(apiOf('CreateTopics'), 7, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }],
    timeoutMs: 10_000,
  });

/** Produces to a topic that may just have been made: Apache Kafka's leaders come a moment after the answer. */
export async function produce(side: Side, name: string, index: number, records: Buffer): Promise<void> {
  const request = { acks: -1, timeoutMs: 10_000, topicData: [{ name, partitionData: [{ index, records }] }] };
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = JSON.stringify(await side.do(apiOf('Produce'), 9, request));
    if (answer.includes('"errorCode":0')) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing could be produced to ${name}`);
}

/** What every case may count on: topics with known records, a group with offsets, the internal topics. */
export async function prepare(side: Side, hasTransactions: boolean): Promise<void> {
  await createTopic(side, 'alpha', 2);
  await createTopic(side, 'gamma', 1, [{ name: 'retention.ms', value: '-1' }]);
  await createTopic(side, 'compacted', 1, [{ name: 'cleanup.policy', value: 'compact' }]);
  for (const values of [['a', 'b', 'c'], ['d'], ['e', 'f']]) {
    for (const topic of ['alpha', 'gamma', 'compacted']) await produce(side, topic, 0, batch(values));
  }
  await coordinatorOf(side, 'readers', 0);
  if (hasTransactions) await coordinatorOf(side, 'transaction', 1);
  await producerIdsOf(side);
  await side.do(apiOf('OffsetCommit'), 8, {
    groupId: 'readers',
    topics: [
      { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: 'm' }] },
    ],
  });
  await side.learn();
}

/** Asks until the coordinator's partition is loaded, as a client does. */
export async function coordinatorOf(side: Side, key: string, keyType: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await side.do(apiOf('FindCoordinator'), 3, { key, keyType });
    if (found['errorCode'] === 0) {
      const tried =
        keyType === 0
          ? await side.do(apiOf('Heartbeat'), 4, { groupId: key, generationId: 1, memberId: 'x' })
          : await side.do(apiOf('InitProducerId'), 4, { transactionalId: key, transactionTimeoutMs: 10_000 });
      if (![14, 15, 16].includes(tried['errorCode'] as number)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no coordinator of ${key}`);
}

/** The first block of producer ids comes from the controller; until then brokers ask for patience. */
async function producerIdsOf(side: Side): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const request = { transactionalId: null, transactionTimeoutMs: 1000 };
    if ((await side.do(apiOf('InitProducerId'), 4, request))['errorCode'] === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no producer ids');
}

/** A member, alone in a stable group. */
export async function member(side: Side, groupId: string): Promise<Struct> {
  const join = {
    groupId,
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]) }],
  };
  const { memberId, generationId } = await side.do(apiOf('JoinGroup'), 3, { ...join, memberId: '' });
  await side.do(apiOf('SyncGroup'), 3, {
    groupId,
    generationId,
    memberId,
    assignments: [{ memberId, assignment: Buffer.from([0, 1, 0, 0, 0, 0]) }],
  });
  return { memberId, generationId };
}

export interface Transaction {
  readonly transactionalId: string;
  readonly producerId: unknown;
  readonly producerEpoch: unknown;
}

export async function transaction(side: Side, transactionalId: string): Promise<Transaction> {
  await coordinatorOf(side, transactionalId, 1);
  const { producerId, producerEpoch } = await side.do(apiOf('InitProducerId'), 4, {
    transactionalId,
    transactionTimeoutMs: 60_000,
  });
  return { transactionalId, producerId, producerEpoch };
}

export const adding = async (side: Side, id: string): Promise<Transaction> => {
  const begun = await transaction(side, id);
  await side.do(apiOf('AddPartitionsToTxn'), 3, {
    v3AndBelowTransactionalId: id,
    v3AndBelowProducerId: begun.producerId,
    v3AndBelowProducerEpoch: begun.producerEpoch,
    v3AndBelowTopics: [{ name: 'alpha', partitions: [1] }],
  });
  return begun;
};
