import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeProducers } from '../../protocol/messages/describe-producers.ts';
import { DescribeTransactions } from '../../protocol/messages/describe-transactions.ts';
import { ListTransactions } from '../../protocol/messages/list-transactions.ts';
import { WriteTxnMarkers } from '../../protocol/messages/write-txn-markers.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import { PRODUCED_AT_MS, TransactionalClient } from './transactional-client.ts';

const TOPIC = 'orders';
const GROUP = 'g';
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const {
  NONE,
  UNKNOWN_TOPIC_OR_PARTITION,
  TOPIC_AUTHORIZATION_FAILED,
  INVALID_REQUEST,
  INVALID_PRODUCER_EPOCH,
  INVALID_TXN_STATE,
  INVALID_PRODUCER_ID_MAPPING,
  INVALID_TRANSACTION_TIMEOUT,
  CONCURRENT_TRANSACTIONS,
  TRANSACTION_COORDINATOR_FENCED,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  OPERATION_NOT_ATTEMPTED,
  UNSTABLE_OFFSET_COMMIT,
  PRODUCER_FENCED,
  TRANSACTIONAL_ID_NOT_FOUND,
  UNKNOWN_SERVER_ERROR,
} = ErrorCode;

/** With the address of Apache Kafka here, the same expectations are held against it. */
const oraclePort = Number(process.env['ORACLE_PORT'] ?? 0);

describe('transactions of a broker', () => {
  let broker: BrokerProcess | undefined;
  let client: TransactionalClient;

  beforeAll(async () => {
    broker = oraclePort === 0 ? await startBroker() : undefined;
    client = await TransactionalClient.connect(broker?.port ?? oraclePort);
    await client.createTopic(TOPIC, 4);
    await client.createTopic('in', 1);
    await client.untilCoordinated('t', GROUP);
  });

  afterAll(async () => {
    client?.close();
    await broker?.stop();
    broker?.clean();
  });

  test('a commit makes records and offsets visible to readers of committed data, all at once', async () => {
    const producer = await client.initialized('commit');
    expect(await client.add(producer, { [TOPIC]: [0, 1] })).toEqual([
      `${TOPIC}-0:${NONE}`,
      `${TOPIC}-1:${NONE}`,
    ]);
    expect((await client.produce(producer, TOPIC, 0, 'a')).errorCode).toBe(NONE);
    expect((await client.produce(producer, TOPIC, 1, 'b')).errorCode).toBe(NONE);
    expect(await client.addOffsets(producer, GROUP)).toBe(NONE);
    expect(await client.commitOffset(producer, GROUP, 'in', 5)).toBe(NONE);

    expect(await client.readCommitted(TOPIC, 0)).toEqual({ values: [], isStable: false });
    expect(await client.endOffset(TOPIC, 0, READ_UNCOMMITTED)).toBe(1);
    expect(await client.endOffset(TOPIC, 0, READ_COMMITTED)).toBe(0);
    expect(await client.committedOffset(GROUP, 'in', true)).toBe(-UNSTABLE_OFFSET_COMMIT);
    expect(await client.committedOffset(GROUP, 'in', false)).toBe(-1);

    expect(await client.end(producer, true)).toBe(NONE);
    await until(async () => (await client.readCommitted(TOPIC, 1)).isStable);
    await until(async () => (await client.committedOffset(GROUP, 'in', true)) === 5);
    expect(await client.readCommitted(TOPIC, 0)).toEqual({ values: ['a'], isStable: true });
    expect(await client.readCommitted(TOPIC, 1)).toEqual({ values: ['b'], isStable: true });
    // A repeated end is answered like the first, the other one is refused.
    await until(async () => (await client.end(producer, true)) === NONE);
    expect(await client.end(producer, false)).toBe(INVALID_TXN_STATE);
  });

  test('an abort hides them for good', async () => {
    const producer = await client.initialized('abort');
    await client.add(producer, { [TOPIC]: [2] });
    expect((await client.produce(producer, TOPIC, 2, 'never')).errorCode).toBe(NONE);
    expect(await client.addOffsets(producer, GROUP)).toBe(NONE);
    expect(await client.commitOffset(producer, GROUP, 'in', 9)).toBe(NONE);
    expect(await client.end(producer, false)).toBe(NONE);
    await until(async () => (await client.readCommitted(TOPIC, 2)).isStable);
    await until(async () => (await client.committedOffset(GROUP, 'in', true)) >= 0);
    expect(await client.readCommitted(TOPIC, 2)).toEqual({ values: [], isStable: true });
    expect(await client.committedOffset(GROUP, 'in', true)).toBe(5);
  });

  test('what is not in the transaction is refused before it is written (KIP-890)', async () => {
    const producer = await client.initialized('verified');
    expect(await client.produce(producer, TOPIC, 3, 'x')).toEqual({
      errorCode: INVALID_TXN_STATE,
      message: 'Partition was not added to the transaction',
    });
    expect((await client.produce(producer, TOPIC, 3, 'x', { transactionalId: null })).errorCode).toBe(
      TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    );
    expect((await client.produce(producer, TOPIC, 3, 'x', { transactionalId: 'nobody' })).errorCode).toBe(
      INVALID_PRODUCER_ID_MAPPING,
    );
    const stale = { ...producer, producerEpoch: producer.producerEpoch + 1 };
    expect((await client.produce(stale, TOPIC, 3, 'x')).errorCode).toBe(INVALID_PRODUCER_EPOCH);
    expect(await client.commitOffset(producer, GROUP, 'in', 1)).toBe(INVALID_TXN_STATE);
    expect(await client.verify(producer, { [TOPIC]: [3] })).toEqual([`${TOPIC}-3:${INVALID_TXN_STATE}`]);
    await client.add(producer, { [TOPIC]: [3] });
    expect(await client.verify(producer, { [TOPIC]: [2, 3] })).toEqual([
      `${TOPIC}-2:${INVALID_TXN_STATE}`,
      `${TOPIC}-3:${NONE}`,
    ]);
    expect((await client.produce(producer, TOPIC, 3, 'x')).errorCode).toBe(NONE);
    expect(await client.end(producer, false)).toBe(NONE);
  });

  test('partitions are added all or none', async () => {
    const producer = await client.initialized('all-or-none');
    expect(await client.add(producer, { [TOPIC]: [0, 7], nowhere: [0], __consumer_offsets: [0] })).toEqual([
      `__consumer_offsets-0:${TOPIC_AUTHORIZATION_FAILED}`,
      `nowhere-0:${UNKNOWN_TOPIC_OR_PARTITION}`,
      `${TOPIC}-0:${OPERATION_NOT_ATTEMPTED}`,
      `${TOPIC}-7:${UNKNOWN_TOPIC_OR_PARTITION}`,
    ]);
    expect(await client.verify(producer, { [TOPIC]: [0] })).toEqual([`${TOPIC}-0:${INVALID_TXN_STATE}`]);
    expect(await client.end(producer, true)).toBe(INVALID_TXN_STATE);
  });

  test('a fenced producer hears of it by the code that its version knows', async () => {
    const old = await client.initialized('fenced');
    const current = await client.initialized('fenced');
    expect(current).toMatchObject({ producerId: old.producerId, producerEpoch: old.producerEpoch + 1 });
    for (const version of [0, 1, 2, 3]) {
      const fenced = version < 2 ? INVALID_PRODUCER_EPOCH : PRODUCER_FENCED;
      expect(await client.add(old, { [TOPIC]: [0] }, version)).toEqual([`${TOPIC}-0:${fenced}`]);
      expect(await client.addOffsets(old, GROUP, version)).toBe(fenced);
      expect(await client.end(old, true, version)).toBe(fenced);
      const { producerId } = old;
      expect(
        (await client.init('fenced', { producerId: producerId + 1_000_000, producerEpoch: 0 }, 3)).errorCode,
      ).toBe(INVALID_PRODUCER_EPOCH);
      expect(
        (await client.init('fenced', { producerId: producerId + 1_000_000, producerEpoch: 0 }, 4)).errorCode,
      ).toBe(PRODUCER_FENCED);
    }
    expect(await client.add({ ...current, producerId: 77_777 }, { [TOPIC]: [0] })).toEqual([
      `${TOPIC}-0:${INVALID_PRODUCER_ID_MAPPING}`,
    ]);
    expect(await client.addOffsets({ ...current, transactionalId: 'nobody' }, GROUP)).toBe(
      INVALID_PRODUCER_ID_MAPPING,
    );
  });

  test('a takeover aborts what is open', async () => {
    const old = await client.initialized('takeover');
    await client.add(old, { [TOPIC]: [0] });
    expect((await client.produce(old, TOPIC, 0, 'lost')).errorCode).toBe(NONE);
    expect((await client.init('takeover')).errorCode).toBe(CONCURRENT_TRANSACTIONS);
    const current = await client.initialized('takeover');
    expect(current.producerEpoch).toBe(old.producerEpoch + 2);
    expect(await client.end(old, true)).toBe(PRODUCER_FENCED);
    expect((await client.produce(old, TOPIC, 0, 'late', { sequence: 1 })).errorCode).toBe(
      INVALID_PRODUCER_EPOCH,
    );
    expect(await client.readCommitted(TOPIC, 0)).toEqual({ values: ['a'], isStable: true });
  });

  test('InitProducerId refuses what makes no sense, and gives ids to those without a name', async () => {
    expect((await client.init('')).errorCode).toBe(INVALID_REQUEST);
    expect((await client.init('t', { transactionTimeoutMs: 900_001 })).errorCode).toBe(
      INVALID_TRANSACTION_TIMEOUT,
    );
    expect((await client.init('t', { transactionTimeoutMs: 0 })).errorCode).toBe(INVALID_TRANSACTION_TIMEOUT);
    expect((await client.init('t', { producerId: 5 })).errorCode).toBe(INVALID_REQUEST);
    const [a, b] = [await client.init(null), await client.init(null)];
    expect([a.errorCode, a.producerEpoch, b.producerEpoch]).toEqual([NONE, 0, 0]);
    expect(b.producerId).toBeGreaterThan(a.producerId);
  });

  test('transactions and producers can be described and listed (KIP-664)', async () => {
    const producer = await client.initialized('described', 45_000);
    await client.add(producer, { [TOPIC]: [1, 0] });
    expect((await client.produce(producer, TOPIC, 1, 'c')).errorCode).toBe(NONE);
    const { transactionStates } = await client.wire.send(DescribeTransactions, 0, {
      transactionalIds: ['described', 'nobody', ''],
    });
    expect(transactionStates.map(({ errorCode }) => errorCode)).toEqual([
      NONE,
      TRANSACTIONAL_ID_NOT_FOUND,
      INVALID_REQUEST,
    ]);
    expect(transactionStates[0]).toMatchObject({
      transactionState: 'Ongoing',
      transactionTimeoutMs: 45_000,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      topics: [{ topic: TOPIC, partitions: expect.arrayContaining([0, 1]) }],
    });

    const listed = await client.wire.send(ListTransactions, 0, {
      stateFilters: ['Ongoing', 'Nonsense'],
      producerIdFilters: [],
    });
    expect(listed).toMatchObject({ errorCode: NONE, unknownStateFilters: ['Nonsense'] });
    expect(listed.transactionStates).toContainEqual({
      transactionalId: 'described',
      producerId: producer.producerId,
      transactionState: 'Ongoing',
    });

    const { topics } = await client.wire.send(DescribeProducers, 0, {
      topics: [
        { name: TOPIC, partitionIndexes: [1, 99] },
        { name: 'nowhere', partitionIndexes: [0] },
        { name: 'no/name', partitionIndexes: [0] },
      ],
    });
    const codes = topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    expect(codes).toEqual([
      NONE,
      UNKNOWN_TOPIC_OR_PARTITION,
      UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.INVALID_TOPIC_EXCEPTION,
    ]);
    expect(topics[0]?.partitions[0]?.activeProducers).toContainEqual({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: 0,
      lastTimestamp: PRODUCED_AT_MS,
      coordinatorEpoch: -1,
      currentTxnStartOffset: 2,
    });
    expect(topics.map(({ partitions }) => partitions.at(-1)?.errorMessage)).toEqual([
      null,
      'This server does not host this topic-partition.',
      `Topic name is invalid: 'no/name' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`,
    ]);
    expect(await client.end(producer, false)).toBe(NONE);
  });

  test('markers of stale producers and coordinators are refused', async () => {
    const producer = await client.initialized('marked');
    const again = await client.initialized('marked');
    await client.add(again, { [TOPIC]: [3] });
    expect((await client.produce(again, TOPIC, 3, 'm')).errorCode).toBe(NONE);
    const write = async (producerEpoch: number, coordinatorEpoch: number, topic = TOPIC) => {
      const { markers } = await client.wire.send(WriteTxnMarkers, 1, {
        markers: [
          {
            producerId: producer.producerId,
            producerEpoch,
            coordinatorEpoch,
            transactionResult: false,
            topics: [{ name: topic, partitionIndexes: [3] }],
          },
        ],
      });
      return markers[0]?.topics[0]?.partitions[0]?.errorCode;
    };
    expect(await write(producer.producerEpoch, 0)).toBe(INVALID_PRODUCER_EPOCH);
    expect(await write(-1, 0)).toBe(UNKNOWN_SERVER_ERROR);
    expect(await write(again.producerEpoch, 0, 'nowhere')).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    expect(await write(again.producerEpoch, 5)).toBe(NONE);
    expect(await write(again.producerEpoch, 4)).toBe(TRANSACTION_COORDINATOR_FENCED);
    expect((await client.wire.send(WriteTxnMarkers, 1, { markers: [] })).markers).toEqual([]);
  });
});

// An Apache Kafka that serves as oracle is not ours to kill.
describe.skipIf(oraclePort !== 0)('transactions after a crash', () => {
  test('are committed when that was answered, and else aborted by whoever comes next', async () => {
    const dir = temporaryDirectory('transaction');
    let broker = await startBroker({ dir });
    let client = await TransactionalClient.connect(broker.port);
    await client.createTopic(TOPIC, 3);
    await client.untilCoordinated('a', GROUP);
    const done = await client.initialized('a');
    await client.add(done, { [TOPIC]: [0, 1] });
    await client.produce(done, TOPIC, 0, 'kept');
    await client.produce(done, TOPIC, 1, 'kept');
    const open = await client.initialized('b');
    await client.add(open, { [TOPIC]: [0, 2] });
    await client.produce(open, TOPIC, 0, 'open');
    await client.produce(open, TOPIC, 2, 'open');
    // The decision is durable when it is answered; the markers may not be.
    expect(await client.end(done, true)).toBe(NONE);
    await broker.kill();
    client.close();

    broker = await startBroker({ dir });
    client = await TransactionalClient.connect(broker.port);
    await client.untilCoordinated('a', GROUP);
    await until(async () => (await client.readCommitted(TOPIC, 1)).isStable);
    expect((await client.readCommitted(TOPIC, 1)).values).toEqual(['kept']);
    expect(await client.readCommitted(TOPIC, 2)).toEqual({ values: [], isStable: false });
    // The producer is still there, and its transaction with it.
    expect((await client.produce(open, TOPIC, 2, 'more', { sequence: 1 })).errorCode).toBe(NONE);
    await client.initialized('b');
    await until(async () => (await client.readCommitted(TOPIC, 2)).isStable);
    expect((await client.readCommitted(TOPIC, 2)).values).toEqual([]);
    expect(await client.readCommitted(TOPIC, 0)).toEqual({ values: ['kept'], isStable: true });
    client.close();
    await broker.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  });
});

// Nor to configure.
describe.skipIf(oraclePort !== 0)('a transaction that is open for too long', () => {
  test('is aborted, and its producer fenced', async () => {
    const broker = await startBroker({
      overrides: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '50' },
    });
    const client = await TransactionalClient.connect(broker.port);
    await client.createTopic(TOPIC, 1);
    await client.untilCoordinated('slow', GROUP);
    const producer = await client.initialized('slow', 100);
    expect(await client.add(producer, { [TOPIC]: [0] })).toEqual([`${TOPIC}-0:${NONE}`]);
    const { errorCode } = await client.produce(producer, TOPIC, 0, 'late');
    // On a slow machine the time may be up before the record is there.
    expect([NONE, INVALID_PRODUCER_EPOCH, ErrorCode.NOT_ENOUGH_REPLICAS]).toContain(errorCode);
    await until(async () => {
      const [code] = await client.verify(producer, { [TOPIC]: [0] });
      return code === `${TOPIC}-0:${PRODUCER_FENCED}`;
    });
    expect(await client.end(producer, true)).toBe(PRODUCER_FENCED);
    await until(async () => (await client.readCommitted(TOPIC, 0)).isStable);
    expect((await client.readCommitted(TOPIC, 0)).values).toEqual([]);
    client.close();
    await broker.stop();
    broker.clean();
  });
});
