import { describe, expect, test } from 'vitest';
import { PartitionSet } from '../../../../src/transaction/partition-set.ts';
import {
  decodeTransactionKey,
  decodeTransactionValue,
  transactionKey,
  transactionValue,
} from '../../../../src/transaction/records.ts';
import type { TransactionState } from '../../../../src/transaction/transaction.ts';

const ongoing: TransactionState = {
  producerId: 1_000,
  producerEpoch: 7,
  timeoutMs: 60_000,
  status: 'Ongoing',
  partitions: PartitionSet.of([{ topic: 'a', partitions: [0, 2] }]),
  startMs: 1_700_000_000_000,
  lastUpdateMs: 1_700_000_000_001,
};

describe('a record of __transaction_state', () => {
  test('has the bytes that Kafka writes', () => {
    expect(transactionKey('t').toString('hex')).toBe(`0000${'0001'}74`);
    const value = [
      '0000',
      '00000000000003e8',
      '0007',
      '0000ea60',
      '01',
      '00000001', // one topic
      '000161',
      '00000002',
      '00000000',
      '00000002',
      '0000018bcfe56801',
      '0000018bcfe56800',
    ];
    expect(transactionValue(ongoing).toString('hex')).toBe(value.join(''));
  });

  test('has null in place of partitions while the id is at rest', () => {
    const empty = { ...ongoing, status: 'Empty', partitions: new PartitionSet(), startMs: -1 } as const;
    const value = transactionValue(empty);
    expect(value.subarray(17, 21).toString('hex')).toBe('ffffffff');
    expect(decodeTransactionValue(value)).toEqual(empty);
  });

  test('is read as it was written', () => {
    expect(decodeTransactionKey(transactionKey('é'))).toBe('é');
    const decoded = decodeTransactionValue(transactionValue(ongoing));
    expect({ ...decoded, partitions: decoded.partitions.topics() }).toEqual({
      ...ongoing,
      partitions: [{ topic: 'a', partitions: [0, 2] }],
    });
  });

  test('is left alone when its key is newer, and refused when it is damaged', () => {
    expect(decodeTransactionKey(Buffer.from('00010003', 'hex'))).toBeNull();
    expect(() => decodeTransactionKey(Buffer.from('000000ff', 'hex'))).toThrow();
    const dead = transactionValue(ongoing);
    dead.writeInt8(6, 16);
    expect(() => decodeTransactionValue(dead)).toThrow(RangeError);
    expect(() => decodeTransactionValue(transactionValue(ongoing).subarray(0, 30))).toThrow();
  });
});
