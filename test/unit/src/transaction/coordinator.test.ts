import { beforeEach, describe, expect, test } from 'vitest';
import { ErrorCode } from '../../../../protocol/errors.ts';
import type { CommitLog, LoadedBatch, LogRecord } from '../../../../src/machine/coordinator-log.ts';
import { TransactionCoordinator } from '../../../../src/machine/coordinator-transaction.ts';
import type { TransactionMarker } from '../../../../src/machine/transaction-ports.ts';
import { defaultTransactionConfig } from '../../../../src/transaction/config.ts';
import type { MarkerResult } from '../../../../src/transaction/outcome.ts';
import type { TopicPartitions } from '../../../../src/transaction/partition-set.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

const { NONE, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE, INVALID_REQUEST } = ErrorCode;

/** A log in memory in which everything is committed at once, unless it is held. */
class MemoryLog implements CommitLog {
  readonly records: LogRecord[] = [];
  readonly held: (() => void)[] = [];
  isHeld = false;

  append(records: readonly LogRecord[]) {
    const baseOffset = this.records.length;
    this.records.push(...records);
    return { baseOffset, lastOffset: this.records.length - 1 };
  }

  onCommitted(_offset: number, done: (errorCode: number) => void): void {
    if (this.isHeld) this.held.push(() => done(NONE));
    else done(NONE);
  }

  async *read(): AsyncGenerator<LoadedBatch> {
    const records = this.records.map((record, offset) => ({ ...record, offset }));
    if (records.length === 0) return;
    const lastOffset = records.length - 1;
    yield { lastOffset, producerId: -1, isTransactional: false, marker: null, records };
  }
}

interface Sent {
  readonly marker: TransactionMarker;
  readonly topics: readonly TopicPartitions[];
  readonly report: (results: readonly MarkerResult[]) => void;
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const topics = [{ topic: 'a', partitions: [0] }];
const written = [{ topic: 'a', partition: 0, errorCode: NONE }];

let log: MemoryLog;
let sent: Sent[];
let ids: number;
let time: VirtualTime;
let coordinator: TransactionCoordinator;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

async function stateOf(transactionalId: string): Promise<string> {
  return (await coordinator.describeTransactions([transactionalId]))[0]?.transactionState ?? '';
}

beforeEach(() => {
  log = new MemoryLog();
  sent = [];
  ids = 0;
  time = new VirtualTime();
  coordinator = new TransactionCoordinator({
    config: defaultTransactionConfig,
    partitionCount: () => 1,
    openLog: () => log,
    clock: time,
    timer: time,
    endOfTurn: (action) => void setImmediate(action),
    loggerFor: () => silent,
    markers: {
      send: (marker, to) => new Promise((report) => sent.push({ marker, topics: to, report })),
    },
    producerIds: { next: async () => ++ids },
  });
});

test.each([
  [1, 1000],
  [60_000, 60_000],
])('with a timeout of %i ms a flush may take %i ms, and no longer', async (timeoutMs, waitMs) => {
  await coordinator.onElection(0, 4);
  log.isHeld = true;
  const answers: number[] = [];
  const ask = async (transactionalId: string) =>
    answers.push((await coordinator.initProducerId(transactionalId, timeoutMs, null)).errorCode);
  const first = ask('first');
  await settled();
  time.advance(waitMs - 1);
  await settled();
  expect(answers).toEqual([]);
  for (const commit of log.held.splice(0)) commit();
  await first;
  const second = ask('second');
  await settled();
  time.advance(waitMs);
  await second;
  expect(answers).toEqual([NONE, COORDINATOR_NOT_AVAILABLE]);
});

/** A transaction whose end is decided and whose marker is on its way. */
async function decided() {
  const { errorCode: _, ...producer } = await coordinator.initProducerId('t', 60_000, null);
  const transaction = { transactionalId: 't', ...producer };
  expect(await coordinator.addPartitions(transaction, topics)).toBe(NONE);
  expect(await coordinator.endTransaction(transaction, true)).toBe(NONE);
  return transaction;
}

describe('the transaction coordinator', () => {
  test('refuses what it does not lead, and what nobody takes', async () => {
    expect((await coordinator.initProducerId('t', 60_000, null)).errorCode).toBe(NOT_COORDINATOR);
    expect((await coordinator.initProducerId('', 60_000, null)).errorCode).toBe(INVALID_REQUEST);
    expect(ids).toBe(0);
    coordinator.shutdown();
    expect((await coordinator.initProducerId('t', 60_000, null)).errorCode).toBe(COORDINATOR_NOT_AVAILABLE);
  });

  test('fetches a producer id only where one is needed', async () => {
    await coordinator.onElection(0, 4);
    const first = await coordinator.initProducerId('t', 60_000, null);
    const second = await coordinator.initProducerId('t', 60_000, null);
    expect([first.producerId, first.producerEpoch, second.producerId, second.producerEpoch]).toEqual([
      1, 0, 1, 1,
    ]);
    expect(ids).toBe(1);
  });

  test('sends markers with its leader epoch, and completes when they are written', async () => {
    await coordinator.onElection(0, 4);
    const { producerId, producerEpoch } = await decided();
    expect(sent.map(({ marker, topics: to }) => [marker, to])).toEqual([
      [{ producerId, producerEpoch, isCommit: true, coordinatorEpoch: 4 }, topics],
    ]);
    expect(await stateOf('t')).toBe('PrepareCommit');
    sent[0]?.report(written);
    await settled();
    expect(await stateOf('t')).toBe('CompleteCommit');
  });

  test('sends them again after a restart, and does not believe the reports of its former life', async () => {
    await coordinator.onElection(0, 4);
    await decided();
    coordinator.onResignation(0, 5);
    await coordinator.onElection(0, 6);
    await settled();
    expect(sent.map(({ marker }) => marker.coordinatorEpoch)).toEqual([4, 6]);
    sent[0]?.report(written);
    await settled();
    expect(await stateOf('t')).toBe('PrepareCommit');
    sent[1]?.report(written);
    await settled();
    expect(await stateOf('t')).toBe('CompleteCommit');
  });

  test('lists what its shards hold, and names the states that there are not', async () => {
    await coordinator.onElection(0, 0);
    await coordinator.initProducerId('t', 60_000, null);
    const listed = await coordinator.listTransactions({
      stateFilters: ['Empty', 'Full'],
      producerIdFilters: [],
    });
    expect(listed).toMatchObject({
      errorCode: NONE,
      unknownStateFilters: ['Full'],
      transactionStates: [{ transactionalId: 't', producerId: 1, transactionState: 'Empty' }],
    });
  });
});
