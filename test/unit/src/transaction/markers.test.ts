import { beforeEach, describe, expect, test } from 'vitest';
import { ControlType, controlTypeOf, endTxnCoordinatorEpoch } from '../../../../protocol/batch/control.ts';
import * as batches from '../../../../protocol/batch.ts';
import { ErrorCode } from '../../../../protocol/errors.ts';
import type { WriteTxnMarkers } from '../../../../protocol/messages/write-txn-markers.ts';
import type { RequestInput, ResponseOf } from '../../../../protocol/schema.ts';
import {
  MarkerWriter,
  markerBatch,
  TransactionMarkers,
} from '../../../../src/machine/transaction-markers.ts';
import type { BrokerChannel } from '../../../../src/machine/transaction-ports.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

type Request = RequestInput<typeof WriteTxnMarkers>;
type Response = ResponseOf<typeof WriteTxnMarkers>;

const HERE = 1;
const { NONE, NOT_LEADER_OR_FOLLOWER, NETWORK_EXCEPTION, REQUEST_TIMED_OUT, UNKNOWN_TOPIC_OR_PARTITION } =
  ErrorCode;

const marker = { producerId: 5, producerEpoch: 2, coordinatorEpoch: 9, isCommit: true };

/** A partition that commits when told. */
class FakePartition {
  readonly batches: Buffer[] = [];
  errorCode: number = NONE;
  #waiters: ((errorCode: number) => void)[] = [];

  append(records: Buffer) {
    if (this.errorCode !== NONE) return { errorCode: this.errorCode, baseOffset: -1, lastOffset: -1 };
    this.batches.push(records);
    const offset = this.batches.length - 1;
    return { errorCode: NONE, baseOffset: offset, lastOffset: offset };
  }

  awaitCommitted(_endOffset: number, done: (errorCode: number) => void): void {
    this.#waiters.push(done);
  }

  settle(errorCode: number = NONE): void {
    for (const done of this.#waiters.splice(0)) done(errorCode);
  }
}

let partitions: Map<string, FakePartition>;
let leaders: Map<string, number>;
let told: unknown[];
let requests: { brokerId: number; request: Request; answer: (response: Response | Error) => void }[];
let markers: TransactionMarkers;

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

beforeEach(() => {
  partitions = new Map([
    ['a-0', new FakePartition()],
    ['__consumer_offsets-7', new FakePartition()],
  ]);
  leaders = new Map([
    ['a-0', HERE],
    ['__consumer_offsets-7', HERE],
    ['a-1', 2],
    ['a-2', 2],
    ['a-3', -1],
  ]);
  told = [];
  requests = [];
  const writer = new MarkerWriter({
    partition: (topic, partition) => partitions.get(`${topic}-${partition}`),
    clock: new VirtualTime(),
    onOffsetsMarker: (...args) => told.push(args),
  });
  const channel = {
    send: (brokerId: number, _api: unknown, _version: number, request: unknown) =>
      new Promise((resolve, reject) => {
        requests.push({
          brokerId,
          request: request as Request,
          answer: (response) => (response instanceof Error ? reject(response) : resolve(response)),
        });
      }),
  } as BrokerChannel;
  const leaderOf = (topic: string, partition: number) => leaders.get(`${topic}-${partition}`) ?? null;
  markers = new TransactionMarkers({ brokerId: HERE, leaderOf, writer, channel });
});

describe('markers', () => {
  test('are control batches that name producer, outcome and coordinator', () => {
    const batch = markerBatch({ ...marker, isCommit: false }, 1_000);
    expect(batches.isControl(batch, 0)).toBe(true);
    expect(batches.isTransactional(batch, 0)).toBe(true);
    expect([
      batches.producerId(batch, 0),
      batches.producerEpoch(batch, 0),
      batches.baseSequence(batch, 0),
    ]).toEqual([5, 2, -1]);
    const [record] = [...batches.iterateRecords(batch, 0)];
    expect(controlTypeOf(record?.key ?? null)).toBe(ControlType.ABORT);
    expect(endTxnCoordinatorEpoch(record?.value ?? null)).toBe(9);
  });

  test('are written at once where this broker leads, and reported when they are committed', async () => {
    let results: unknown = null;
    const sent = markers.send(marker, [
      { topic: 'a', partitions: [0] },
      { topic: '__consumer_offsets', partitions: [7] },
    ]);
    void sent.then((all) => {
      results = all;
    });
    expect(partitions.get('a-0')?.batches.length).toBe(1);
    partitions.get('a-0')?.settle();
    await settled();
    expect(results).toBeNull();
    partitions.get('__consumer_offsets-7')?.settle();
    expect(told).toEqual([[7, 5, true, 0]]);
    await settled();
    expect(results).toEqual([
      { topic: 'a', partition: 0, errorCode: NONE },
      { topic: '__consumer_offsets', partition: 7, errorCode: NONE },
    ]);
  });

  test('tell the groups nothing of what was not committed', async () => {
    const sent = markers.send(marker, [{ topic: '__consumer_offsets', partitions: [7] }]);
    partitions.get('__consumer_offsets-7')?.settle(NOT_LEADER_OR_FOLLOWER);
    expect(await sent).toEqual([
      { topic: '__consumer_offsets', partition: 7, errorCode: NOT_LEADER_OR_FOLLOWER },
    ]);
    expect(told).toEqual([]);
  });

  test('are not needed where the partition is gone, and have to wait where nobody leads it', async () => {
    leaders.set('b-0', HERE);
    expect(
      await markers.send(marker, [
        { topic: 'a', partitions: [3, 99] },
        { topic: 'b', partitions: [0] },
      ]),
    ).toEqual([
      { topic: 'a', partition: 3, errorCode: NOT_LEADER_OR_FOLLOWER },
      { topic: 'a', partition: 99, errorCode: NONE },
      { topic: 'b', partition: 0, errorCode: UNKNOWN_TOPIC_OR_PARTITION },
    ]);
  });

  test('for another broker leave together, one request at a time', async () => {
    const first = markers.send(marker, [{ topic: 'a', partitions: [1, 2] }]);
    const second = markers.send({ ...marker, producerId: 6 }, [{ topic: 'a', partitions: [1] }]);
    await settled();
    const third = markers.send({ ...marker, producerId: 7 }, [{ topic: 'a', partitions: [1] }]);
    await settled();
    expect(requests.map(({ request }) => request.markers.map(({ producerId }) => producerId))).toEqual([
      [5, 6],
    ]);
    expect(requests[0]?.request.markers[0]).toMatchObject({
      producerEpoch: 2,
      coordinatorEpoch: 9,
      transactionResult: true,
      topics: [{ name: 'a', partitionIndexes: [1, 2] }],
    });
    const written = (producerId: number) => ({
      producerId,
      topics: [{ name: 'a', partitions: [{ partitionIndex: 1, errorCode: NONE }] }],
    });
    requests[0]?.answer({ markers: [written(5), written(6)] });
    // What an answer leaves out is not written, so far as anybody knows.
    expect(await first).toEqual([
      { topic: 'a', partition: 1, errorCode: NONE },
      { topic: 'a', partition: 2, errorCode: REQUEST_TIMED_OUT },
    ]);
    expect(await second).toEqual([{ topic: 'a', partition: 1, errorCode: NONE }]);
    await settled();
    expect(requests.length).toBe(2);
    requests[1]?.answer(new Error('gone'));
    expect(await third).toEqual([{ topic: 'a', partition: 1, errorCode: NETWORK_EXCEPTION }]);
  });
});
