/** Stories of transactions: what is answered depends on the state that the transactional id is in. */
import type { Struct } from '../wire-compare/requests.ts';
import type { Story, Teller } from './teller.ts';
import { Member, offsetOf, TOPIC } from './teller.ts';

const UNDER_WAY = /CONCURRENT_TRANSACTIONS/;
const TIMEOUT_MS = 600_000;

interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Asked until nothing of the id is under way any more. */
async function init(
  teller: Teller,
  what: string,
  transactionalId: string,
  more: Struct = {},
  version = 4,
): Promise<Producer> {
  const request = { transactionalId, transactionTimeoutMs: TIMEOUT_MS, ...more };
  const answer = await teller.tellAfter(UNDER_WAY, what, 'InitProducerId', version, request);
  return answer as unknown as Producer;
}

const topicsOf = (partitions: readonly number[]): Struct[] => [{ name: TOPIC, partitions }];

const add = (
  teller: Teller,
  what: string,
  transactionalId: string,
  producer: Producer,
  partitions: readonly number[],
  version = 3,
): Promise<Struct> =>
  teller.tellAfter(UNDER_WAY, what, 'AddPartitionsToTxn', version, {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: topicsOf(partitions),
  });

/** An end that was asked for already may be under way still. */
const end = (
  teller: Teller,
  what: string,
  transactionalId: string,
  { producerId, producerEpoch }: Producer,
  committed: boolean,
  version = 3,
): Promise<Struct> =>
  teller.tellAfter(UNDER_WAY, `${what}, ${committed ? 'commit' : 'abort'}`, 'EndTxn', version, {
    transactionalId,
    producerId,
    producerEpoch,
    committed,
  });

const untilStatus = (teller: Teller, transactionalId: string, status: string): Promise<Struct> =>
  teller.tellAfter(new RegExp(`transactionState=(?!${status})`), `in ${status}`, 'DescribeTransactions', 0, {
    transactionalIds: [transactionalId],
  });

const ends: Story = {
  name: 'transactions that are ended twice, the same way and the other',
  async play(teller) {
    for (const version of [0, 1, 2, 3]) {
      const id = `ended-${version}`;
      const producer = await init(teller, 'begins', id);
      const older = { ...producer, producerEpoch: producer.producerEpoch - 1 };
      for (const committed of [true, false]) {
        await end(teller, 'nothing to end', id, producer, committed, version);
      }
      for (const committed of [true, false]) {
        await add(teller, 'adds', id, producer, [0, 1]);
        await end(teller, 'an older epoch', id, older, committed, version);
        await end(teller, 'once', id, producer, committed, version);
        await untilStatus(teller, id, committed ? 'CompleteCommit' : 'CompleteAbort');
        await end(teller, 'twice', id, producer, committed, version);
        await end(teller, 'the other way', id, producer, !committed, version);
        await untilStatus(teller, id, committed ? 'CompleteCommit' : 'CompleteAbort');
      }
    }
  },
};

const inits: Story = {
  name: 'producers that say who they are, in each state',
  async play(teller) {
    for (const version of [3, 4]) {
      const id = `said-${version}`;
      const again = (what: string, producer: Producer) => init(teller, what, id, { ...producer }, version);
      const foreign = { producerId: 4_000_000, producerEpoch: 3 };
      const first = await init(teller, 'new', id, {}, version);
      const second = await again('empty', first);
      await again('empty, a retry of the last', first);
      await again('empty, foreign', foreign);
      await again('empty, a later epoch', { ...second, producerEpoch: second.producerEpoch + 7 });
      const third = await again('empty, as it is', second);
      await again('empty, two epochs ago', first);
      await add(teller, 'adds', id, third, [0]);
      await again('ongoing, an older epoch', second);
      await untilStatus(teller, id, 'CompleteAbort');
      await again('aborted by that, the epoch before', third);
      const fourth = await init(teller, 'aborted, without an id', id, {}, version);
      await again('empty, after that, the epoch before', {
        ...fourth,
        producerEpoch: fourth.producerEpoch - 1,
      });
      await add(teller, 'adds', id, fourth, [0]);
      await again('ongoing, as it is', fourth);
      const fifth = await init(teller, 'aborted by that, without an id', id, {}, version);
      for (const committed of [true, false]) {
        await add(teller, 'adds', id, fifth, [1]);
        await end(teller, 'ends', id, fifth, committed);
        await untilStatus(teller, id, committed ? 'CompleteCommit' : 'CompleteAbort');
      }
      const sixth = await again('ended, as it is', fifth);
      await again('ended, a retry of the last', fifth);
      await add(teller, 'the former epoch adds', id, fifth, [1]);
      await add(teller, 'the new epoch adds', id, sixth, [1]);
    }
  },
};

const timeouts: Story = {
  name: 'a producer whose transaction was given up',
  async play(teller) {
    for (const version of [3, 4]) {
      const id = `given-up-${version}`;
      const producer = await init(teller, 'begins', id, { transactionTimeoutMs: 500 }, version);
      await add(teller, 'adds', id, producer, [0, 2]);
      await untilStatus(teller, id, 'CompleteAbort');
      await add(teller, 'adds, given up', id, producer, [0], version - 1);
      await add(teller, 'adds, given up', id, producer, [0], 1);
      await end(teller, 'ends, given up', id, producer, true, 3);
      await end(teller, 'ends, given up', id, producer, true, 1);
      await init(teller, 'says its epoch', id, { ...producer, transactionTimeoutMs: 500 }, version);
      const next = await init(teller, 'says nothing', id, {}, version);
      await init(
        teller,
        'says the epoch of the abort',
        id,
        { ...next, producerEpoch: next.producerEpoch - 1 },
        version,
      );
      await add(teller, 'adds with the new epoch', id, next, [0]);
    }
  },
};

const verification: Story = {
  name: 'brokers that add and verify partitions of many transactions',
  async play(teller) {
    const open = await init(teller, 'one begins', 'verified-open');
    await add(teller, 'adds', 'verified-open', open, [0, 1]);
    const ended = await init(teller, 'another begins', 'verified-ended');
    await add(teller, 'adds', 'verified-ended', ended, [0]);
    await end(teller, 'ends', 'verified-ended', ended, true);
    await untilStatus(teller, 'verified-ended', 'CompleteCommit');
    const fresh = await init(teller, 'a third begins', 'verified-fresh');
    const of = (
      transactionalId: string,
      producer: Producer,
      verifyOnly: boolean,
      topics = topicsOf([0, 2]),
    ) => ({
      transactionalId,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      verifyOnly,
      topics,
    });
    const ask = (what: string, transactions: readonly Struct[]) =>
      teller.tellAfter(UNDER_WAY, what, 'AddPartitionsToTxn', 4, { transactions });
    const offsets = [{ name: '__consumer_offsets', partitions: [0] }];
    for (const verifyOnly of [true, false, true]) {
      const what = verifyOnly ? 'verify' : 'add';
      await ask(`${what}: in part`, [of('verified-open', open, verifyOnly)]);
      await ask(`${what}: in no transaction`, [of('verified-fresh', fresh, verifyOnly, topicsOf([1]))]);
      await ask(`${what}: ended`, [of('verified-ended', ended, verifyOnly, topicsOf([0]))]);
      await ask(`${what}: unknown`, [of('verified-nobody', open, verifyOnly)]);
      await ask(`${what}: no name`, [of('', open, verifyOnly)]);
      await ask(`${what}: a foreign producer`, [of('verified-open', fresh, verifyOnly)]);
      await ask(`${what}: another epoch`, [of('verified-open', { ...open, producerEpoch: 5 }, verifyOnly)]);
      await ask(`${what}: no such topic`, [
        of('verified-open', open, verifyOnly, [...topicsOf([0]), { name: 'no-such', partitions: [0] }]),
      ]);
      await ask(`${what}: offsets`, [of('verified-open', open, verifyOnly, offsets)]);
      await ask(`${what}: nothing`, [of('verified-open', open, verifyOnly, [])]);
    }
    await ask('both', [
      of('verified-open', open, true, topicsOf([1])),
      of('verified-fresh', fresh, false, topicsOf([1])),
      of('verified-nobody', fresh, false),
    ]);
  },
};

const offsets: Story = {
  name: 'offsets of a transaction, by members that are and are not',
  async play(teller) {
    const id = 'committing';
    const former = await init(teller, 'begins', id);
    const producer = await init(teller, 'begins again', id);
    for (const groupId of ['txn-stable', 'txn-static', 'txn-empty', 'txn-unknown', 'txn-former']) {
      await teller.tellAfter(UNDER_WAY, `adds ${groupId}`, 'AddOffsetsToTxn', 3, {
        transactionalId: id,
        ...producer,
        groupId,
      });
    }
    const member = new Member(teller, 'txn-stable');
    await member.settle();
    const instance = new Member(teller, 'txn-static', 'one');
    await instance.settle();
    const commit = (what: string, groupId: string, by: Struct, version = 3) =>
      teller.tell(`${groupId}, ${what}`, 'TxnOffsetCommit', version, {
        transactionalId: id,
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch,
        groupId,
        generationId: -1,
        topics: offsetOf(9n),
        ...by,
      });
    const { memberId, generationId } = member;
    for (const version of [0, 1, 2]) {
      for (const groupId of ['txn-stable', 'txn-empty', 'txn-unknown'])
        await commit('plain', groupId, {}, version);
    }
    for (const groupId of ['txn-stable', 'txn-static', 'txn-empty', 'txn-unknown']) {
      await commit('plain', groupId, {});
      await commit('a generation alone', groupId, { generationId: 1 });
      await commit('a foreign member alone', groupId, { memberId: 'foreign' });
      await commit('a foreign member', groupId, { memberId: 'foreign', generationId: 1 });
      await commit('a foreign instance alone', groupId, { groupInstanceId: 'nobody' });
      await commit('a foreign instance', groupId, {
        memberId: 'foreign',
        generationId: 1,
        groupInstanceId: 'two',
      });
    }
    await commit('its member', 'txn-stable', { memberId, generationId });
    await commit('its member without a generation', 'txn-stable', { memberId });
    await commit('its member of another generation', 'txn-stable', {
      memberId,
      generationId: generationId + 1,
    });
    await commit('its member with an instance', 'txn-stable', {
      memberId,
      generationId,
      groupInstanceId: 'one',
    });
    const mine = { memberId: instance.memberId, generationId: instance.generationId };
    await commit('its member', 'txn-static', { ...mine, groupInstanceId: 'one' });
    await commit('its member without the instance', 'txn-static', mine);
    await commit('its instance alone', 'txn-static', { groupInstanceId: 'one' });
    await commit('its instance by another', 'txn-static', {
      ...mine,
      memberId: 'foreign',
      groupInstanceId: 'one',
    });
    await commit('metadata too long', 'txn-empty', { topics: offsetOf(1n, 'm'.repeat(5_000)) });
    // Where the open transaction has committed in the group, this refusal makes Apache Kafka forget that until it loads its
    // log anew. Ours does not; so that the group here is one in which nothing was committed.
    await commit('the former epoch', 'txn-former', { producerEpoch: former.producerEpoch });
    const fetch = (what: string, requireStable: boolean) =>
      teller.tell(what, 'OffsetFetch', 8, {
        requireStable,
        groups: ['txn-stable', 'txn-static', 'txn-empty', 'txn-unknown'].map((groupId) => ({
          groupId,
          topics: [{ name: TOPIC, partitionIndexes: [0] }],
        })),
      });
    await fetch('before the end, any', false);
    await fetch('before the end, stable', true);
    await end(teller, 'ends', id, producer, true);
    await untilStatus(teller, id, 'CompleteCommit');
    await commit('after the end', 'txn-empty', {});
    await fetch('after the end', true);
    await teller.tell('are', 'DescribeGroups', 5, { groups: ['txn-empty', 'txn-unknown'] });
  },
};

export const transactionStories: readonly Story[] = [ends, inits, timeouts, verification, offsets];
