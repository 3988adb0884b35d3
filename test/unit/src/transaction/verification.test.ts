import { beforeEach, describe, expect, test } from 'vitest';
import { buildBatch } from '../../../../protocol/batch.ts';
import { ErrorCode } from '../../../../protocol/errors.ts';
import type { AddPartitionsToTxn } from '../../../../protocol/messages/add-partitions-to-txn.ts';
import type { RequestInput } from '../../../../protocol/schema.ts';
import type { BrokerChannel } from '../../../../src/machine/transaction-ports.ts';
import { TransactionVerifier } from '../../../../src/machine/transaction-verification.ts';
import { MemoryDisk } from '../../../../storage/memory-disk.ts';
import { ProducerState } from '../../../../storage/producer-state.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

type Request = RequestInput<typeof AddPartitionsToTxn>;

const HERE = 1;
const THERE = 2;
const transaction = { transactionalId: 't', producerId: 5, producerEpoch: 0 };
const {
  NONE,
  INVALID_TXN_STATE,
  NOT_ENOUGH_REPLICAS,
  NOT_COORDINATOR,
  COORDINATOR_NOT_AVAILABLE,
  CONCURRENT_TRANSACTIONS,
  PRODUCER_FENCED,
  INVALID_PRODUCER_EPOCH,
  NETWORK_EXCEPTION,
  CLUSTER_AUTHORIZATION_FAILED,
} = ErrorCode;

let coordinatorLeader: number | null;
let localAnswer: number;
let requests: { request: Request; answer: (response: unknown) => void }[];
let isEnabled: boolean;
let producers: ProducerState;
let verifier: TransactionVerifier;

beforeEach(() => {
  coordinatorLeader = HERE;
  localAnswer = NONE;
  requests = [];
  isEnabled = true;
  producers = new ProducerState(new MemoryDisk(), '/data', {
    expirationMs: () => 1_000,
    isVerificationEnabled: () => isEnabled,
  });
  const channel = {
    send: (_brokerId: number, _api: unknown, _version: number, request: unknown) =>
      new Promise((resolve, reject) => {
        const answer = (response: unknown) =>
          response instanceof Error ? reject(response) : resolve(response as never);
        requests.push({ request: request as Request, answer });
      }),
  } as BrokerChannel;
  verifier = new TransactionVerifier({
    brokerId: HERE,
    coordinator: { partitionFor: () => 3, verifyPartition: () => localAnswer },
    leaderOf: () => coordinatorLeader,
    channel,
    clock: new VirtualTime(),
    isEnabled: () => isEnabled,
    offsetsPartition: () => ({ log: { producers } }),
  });
});

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe('the verification of a partition', () => {
  test('is answered at once by a coordinator in this broker', () => {
    expect(verifier.verify(transaction, 'a', 0)).toEqual({ errorCode: NONE, cause: NONE });
  });

  test('turns trouble of the coordinator into what old producers repeat', () => {
    for (const cause of [CONCURRENT_TRANSACTIONS, NOT_COORDINATOR]) {
      localAnswer = cause;
      expect(verifier.verify(transaction, 'a', 0)).toEqual({ errorCode: NOT_ENOUGH_REPLICAS, cause });
    }
    localAnswer = PRODUCER_FENCED;
    expect(verifier.verify(transaction, 'a', 0)).toMatchObject({ errorCode: INVALID_PRODUCER_EPOCH });
    localAnswer = INVALID_TXN_STATE;
    expect(verifier.verify(transaction, 'a', 0)).toMatchObject({ errorCode: INVALID_TXN_STATE });
    for (const nobody of [null, -1]) {
      coordinatorLeader = nobody;
      expect(verifier.verify(transaction, 'a', 0)).toEqual({
        errorCode: NOT_ENOUGH_REPLICAS,
        cause: COORDINATOR_NOT_AVAILABLE,
      });
    }
  });

  test('asks another broker once for all partitions of a transaction', async () => {
    coordinatorLeader = THERE;
    const answers = Promise.all([
      verifier.verify(transaction, 'a', 0),
      verifier.verify(transaction, 'a', 1),
      verifier.verify(transaction, 'b', 0),
    ]);
    await settled();
    expect(requests.length).toBe(1);
    expect(requests[0]?.request.transactions).toEqual([
      {
        ...transaction,
        verifyOnly: true,
        topics: [
          { name: 'a', partitions: [0, 1] },
          { name: 'b', partitions: [0] },
        ],
      },
    ]);
    const result = (partitionIndex: number, partitionErrorCode: number) => ({
      partitionIndex,
      partitionErrorCode,
    });
    requests[0]?.answer({
      errorCode: NONE,
      resultsByTransaction: [
        {
          transactionalId: 't',
          topicResults: [{ name: 'a', resultsByPartition: [result(0, NONE), result(1, INVALID_TXN_STATE)] }],
        },
      ],
    });
    const codes = (await answers).map(({ errorCode }) => errorCode);
    expect(codes).toEqual([NONE, INVALID_TXN_STATE, NETWORK_EXCEPTION]);
  });

  test('fails with the connection, and hides what brokers may do among themselves', async () => {
    coordinatorLeader = THERE;
    const first = verifier.verify(transaction, 'a', 0);
    await settled();
    requests[0]?.answer(new Error('gone'));
    expect(await first).toMatchObject({ errorCode: NETWORK_EXCEPTION });
    const second = verifier.verify(transaction, 'a', 0);
    await settled();
    requests[1]?.answer({ errorCode: CLUSTER_AUTHORIZATION_FAILED, resultsByTransaction: [] });
    expect(await second).toMatchObject({ errorCode: INVALID_TXN_STATE });
  });

  test('of offsets leaves the partition ready for the coordinator of groups, and for nobody else', async () => {
    const { producerId, producerEpoch } = transaction;
    const records = buildBatch({
      records: [{ key: Buffer.from('k'), value: null }],
      producerId,
      producerEpoch,
      baseSequence: 0,
      transactional: true,
    });
    localAnswer = INVALID_TXN_STATE;
    expect(await verifier.verifyOffsets(0, transaction)).toBe(INVALID_TXN_STATE);
    expect(producers.check(records, 'coordinator', 0)).toMatchObject({ errorCode: INVALID_TXN_STATE });
    const guard = producers.verificationGuard(transaction.producerId);
    expect(guard).toBeGreaterThan(0);
    localAnswer = NONE;
    expect(await verifier.verifyOffsets(0, transaction)).toBe(NONE);
    expect(producers.verificationGuard(transaction.producerId)).toBe(guard);
    expect(producers.check(records, 'coordinator', 0)).toEqual({ kind: 'new' });
    expect(producers.check(records, 'client', 0)).toMatchObject({ errorCode: INVALID_TXN_STATE });
    isEnabled = false;
    localAnswer = INVALID_TXN_STATE;
    expect(await verifier.verifyOffsets(0, transaction)).toBe(NONE);
  });
});
