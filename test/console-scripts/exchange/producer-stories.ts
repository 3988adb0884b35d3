/** Stories of producers: sequences that go on, and transactions that outlive the broker they began with. */
import { expect } from 'vitest';
import { incrementSequence } from '../../../protocol/batch.ts';
import { ErrorCode } from '../../../protocol/errors.ts';
import { AddOffsetsToTxn } from '../../../protocol/messages/add-offsets-to-txn.ts';
import { AddPartitionsToTxn } from '../../../protocol/messages/add-partitions-to-txn.ts';
import { DescribeTransactions } from '../../../protocol/messages/describe-transactions.ts';
import { EndTxn } from '../../../protocol/messages/end-txn.ts';
import { InitProducerId } from '../../../protocol/messages/init-producer-id.ts';
import { OffsetFetch } from '../../../protocol/messages/offset-fetch.ts';
import { TxnOffsetCommit } from '../../../protocol/messages/txn-offset-commit.ts';
import { until } from '../../helpers/until.ts';
import type { Client } from './client.ts';
import type { Story } from './story.ts';
import { createTopic, someRecords } from './story.ts';
import { viewPartition } from './world.ts';

/** Far above the ids that brokers give. */
const PRODUCER = 9_000_001;
const WRAPPING_PRODUCER = 9_000_002;
const LAST_SEQUENCE = 0x7fffffff;

interface Batch {
  readonly input: Parameters<Client['send']>[2];
  readonly baseOffset: number;
}

/** An idempotent producer by hand: it may repeat itself, leave gaps and come back from an older epoch. */
class IdempotentProducer {
  readonly #topic: string;
  readonly #producerId: number;
  #epoch = 0;
  #sequence: number;
  #last: Batch | null = null;

  constructor(topic: string, producerId: number, firstSequence: number) {
    this.#topic = topic;
    this.#producerId = producerId;
    this.#sequence = firstSequence;
  }

  bumpEpoch(): void {
    this.#epoch++;
    this.#sequence = 0;
  }

  #batch(skip = 0, epoch = this.#epoch) {
    const identity = { producerId: this.#producerId, producerEpoch: epoch };
    const baseSequence = incrementSequence(this.#sequence, skip);
    return { records: someRecords(3), ...identity, baseSequence };
  }

  async next(client: Client): Promise<void> {
    const input = this.#batch();
    const { errorCode, baseOffset } = await client.send(this.#topic, 0, input);
    expect(errorCode).toBe(0);
    this.#last = { input, baseOffset };
    this.#sequence = incrementSequence(this.#sequence, 3);
  }

  /** The batch that was sent last, sent again: it is known, and not written a second time. */
  async repeatsLast(client: Client): Promise<void> {
    if (this.#last === null) return;
    const { input, baseOffset } = this.#last;
    expect(await client.send(this.#topic, 0, input)).toEqual({ errorCode: 0, baseOffset });
  }

  async leavesGap(client: Client): Promise<void> {
    if (this.#last === null) return;
    const { errorCode } = await client.send(this.#topic, 0, this.#batch(5));
    expect(errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  }

  async isFencedInOlderEpoch(client: Client): Promise<void> {
    if (this.#epoch === 0) return;
    const { errorCode } = await client.send(this.#topic, 0, this.#batch(0, this.#epoch - 1));
    expect(errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
  }
}

const sequences = (): Story => {
  const steady = new IdempotentProducer('sequences', PRODUCER, 0);
  const wrapping = new IdempotentProducer('sequences', WRAPPING_PRODUCER, LAST_SEQUENCE - 14);
  return {
    name: 'idempotent producers go on where they were',
    async play({ number, client }) {
      if (number === 0)
        await createTopic(client, 'sequences', 1, { 'segment.bytes': '1500', 'retention.ms': '-1' });
      for (const producer of [steady, wrapping]) {
        await producer.repeatsLast(client);
        await producer.leavesGap(client);
        await producer.isFencedInOlderEpoch(client);
        await producer.next(client);
        await producer.repeatsLast(client);
        await producer.next(client);
      }
      if (number % 2 === 1) {
        steady.bumpEpoch();
        await steady.next(client);
      }
    },
  };
};

const producerIds = (): Story => {
  const givenIds = new Set<number>();
  return {
    name: 'producer ids are given once',
    async play({ client }) {
      const asked = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
      const { producerId } = await client.ask(InitProducerId, 4, asked);
      expect(givenIds).not.toContain(producerId);
      givenIds.add(producerId);
    },
  };
};

const TOPIC = 'transactions';
const GROUP = 'transactional-readers';
const TIMEOUT_MS = 800_000;

interface Producer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** The next sequence of each partition. */
  readonly sequences: [number, number];
}

async function init(client: Client, transactionalId: string): Promise<Producer> {
  const asked = { transactionalId, transactionTimeoutMs: TIMEOUT_MS, producerId: -1, producerEpoch: -1 };
  const { producerId, producerEpoch } = await client.ask(InitProducerId, 4, asked);
  return { transactionalId, producerId, producerEpoch, sequences: [0, 0] };
}

async function addPartition(client: Client, producer: Producer, partition: number): Promise<void> {
  await client.ask(AddPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: producer.transactionalId,
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: [{ name: TOPIC, partitions: [partition] }],
    transactions: [],
  });
}

async function writeTo(client: Client, producer: Producer, partition: 0 | 1): Promise<number> {
  const { transactionalId, producerId, producerEpoch, sequences: next } = producer;
  const baseSequence = next[partition];
  const identity = { producerId, producerEpoch, baseSequence, transactional: true };
  const { errorCode } = await client.send(
    TOPIC,
    partition,
    { records: someRecords(3), ...identity },
    transactionalId,
  );
  if (errorCode === 0) next[partition] += 3;
  return errorCode;
}

async function commitOffset(client: Client, producer: Producer, offset: number): Promise<void> {
  const { transactionalId, producerId, producerEpoch } = producer;
  const identity = { transactionalId, producerId, producerEpoch, groupId: GROUP };
  await client.ask(AddOffsetsToTxn, 3, identity);
  const committedMetadata = `in ${transactionalId}`;
  const partitions = [{ partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata }];
  await client.ask(TxnOffsetCommit, 3, { ...identity, topics: [{ name: TOPIC, partitions }] });
}

/** Begins a transaction over both partitions and a group. */
async function begin(client: Client, transactionalId: string, offset: number): Promise<Producer> {
  const producer = await init(client, transactionalId);
  for (const partition of [0, 1] as const) {
    await addPartition(client, producer, partition);
    expect(await writeTo(client, producer, partition)).toBe(0);
  }
  await commitOffset(client, producer, offset);
  return producer;
}

async function stateOf(client: Client, transactionalId: string): Promise<string> {
  const answer = await client.ask(DescribeTransactions, 0, { transactionalIds: [transactionalId] });
  return answer.transactionStates[0]?.transactionState ?? '';
}

async function end(client: Client, producer: Producer, committed: boolean): Promise<void> {
  const { transactionalId, producerId, producerEpoch } = producer;
  await client.ask(EndTxn, 3, { transactionalId, producerId, producerEpoch, committed });
  const complete = committed ? 'CompleteCommit' : 'CompleteAbort';
  await until(async () => (await stateOf(client, transactionalId)) === complete);
}

async function committedOffset(client: Client): Promise<number> {
  const asked = { groups: [{ groupId: GROUP, topics: null }], requireStable: false };
  const { groups } = await client.ask(OffsetFetch, 8, asked);
  return Number(groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? -1);
}

interface Open {
  readonly toEnd: Producer;
  readonly toFence: Producer;
}

/** Ends what the turn before left open. */
async function endWhatIsOpen(client: Client, turn: number, { toEnd, toFence }: Open): Promise<void> {
  const isCommit = turn % 2 === 0;
  const { lastStableOffset, highWatermark, aborted } = await viewPartition(client, TOPIC, 0, 0);
  expect(lastStableOffset).toBeLessThan(highWatermark);
  const offsetBefore = await committedOffset(client);
  // It goes on writing, where it was and where it had not been before.
  for (const partition of [0, 1] as const) expect(await writeTo(client, toEnd, partition)).toBe(0);
  await end(client, toEnd, isCommit);
  // Apache Kafka lets a group know of the end of a transaction after it has let everybody else know.
  const expected = isCommit ? 1000 + turn - 1 : offsetBefore;
  await until(async () => (await committedOffset(client)) === expected);
  // A new one under the same id: what the old one left is aborted, and it may not write any more.
  const heir = await init(client, toFence.transactionalId);
  expect(heir.producerId).toBe(toFence.producerId);
  expect(heir.producerEpoch).toBeGreaterThan(toFence.producerEpoch);
  expect(await writeTo(client, toFence, 0)).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
  const after = await viewPartition(client, TOPIC, 0, 0);
  expect(after.lastStableOffset).toBe(after.highWatermark);
  expect(after.aborted).toHaveLength(aborted.length + (isCommit ? 1 : 2));
}

const transactions = (): Story => {
  let open: Open | null = null;
  const epochs = new Map<string, number>();
  /** A producer that comes back under its id has the next epoch. */
  function expectNextEpoch({ transactionalId, producerEpoch }: Producer): void {
    expect(producerEpoch).toBe((epochs.get(transactionalId) ?? -1) + 1);
    epochs.set(transactionalId, producerEpoch);
  }
  return {
    name: 'transactions are committed, aborted, and ended where another broker left them open',
    async play({ number, client }) {
      const configs = { 'segment.bytes': '1200', 'retention.ms': '-1' };
      if (number === 0) await createTopic(client, TOPIC, 2, configs);
      if (open !== null) await endWhatIsOpen(client, number, open);
      const good = await begin(client, 'commits', 2000 + number);
      expectNextEpoch(good);
      await end(client, good, true);
      await until(async () => (await committedOffset(client)) === 2000 + number);
      const bad = await begin(client, 'aborts', 3000 + number);
      expectNextEpoch(bad);
      await end(client, bad, false);
      expect(await committedOffset(client)).toBe(2000 + number);
      await init(client, `only-begun-${number}`);
      open = {
        toFence: await begin(client, 'fenced', 4000 + number),
        toEnd: await begin(client, 'left-open', 1000 + number),
      };
      await client.send(TOPIC, 0, { records: someRecords(2) });
    },
  };
};

export const producerStories = (): Story[] => [sequences(), producerIds(), transactions()];
