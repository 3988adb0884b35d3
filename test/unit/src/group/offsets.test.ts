import { describe, expect, test } from 'vitest';
import { GroupOffsets } from '../../../../src/group/offsets.ts';

const at = (recordOffset: number, offset = recordOffset) => ({
  offset: BigInt(offset),
  leaderEpoch: -1,
  metadata: '',
  commitTimestampMs: 0n,
  expireTimestampMs: -1,
  recordOffset,
});

describe('the offsets of a group', () => {
  test('are those of the latest record, in whatever order they are reported', () => {
    const offsets = new GroupOffsets();
    offsets.store('t', 0, at(5));
    offsets.store('t', 0, at(3));
    expect(offsets.committed.get('t', 0)?.recordOffset).toBe(5);
  });

  test('of a transaction count at their own place in the log when the marker comes', () => {
    const offsets = new GroupOffsets();
    offsets.storeTransactional(1, 't', 0, at(5));
    offsets.storeTransactional(1, 't', 1, at(6));
    offsets.store('t', 0, at(8));
    offsets.endTransaction(1, true);
    expect(offsets.committed.get('t', 0)?.recordOffset).toBe(8);
    expect(offsets.committed.get('t', 1)?.recordOffset).toBe(6);
    expect(offsets.isUnstable('t', 1)).toBe(false);
  });

  test('go with a later tombstone, also those within transactions, and stay with an earlier one', () => {
    const offsets = new GroupOffsets();
    offsets.store('t', 0, at(5));
    offsets.storeTransactional(1, 't', 0, at(6));
    offsets.storeTransactional(2, 't', 0, at(9));
    offsets.remove('t', 0, 4);
    expect(offsets.committed.has('t', 0)).toBe(true);
    offsets.remove('t', 0, 7);
    expect(offsets.committed.has('t', 0)).toBe(false);
    expect([...offsets.transactional.keys()]).toEqual([2]);
  });

  test('are unstable while a commit of theirs is on its way, until the newest of them has arrived', () => {
    const offsets = new GroupOffsets();
    offsets.begin(1, 't', 0, null);
    offsets.begin(2, 't', 0, null);
    offsets.end(1, 't', 0, null);
    expect(offsets.isUnstable('t', 0)).toBe(true);
    offsets.end(2, 't', 0, null);
    expect(offsets.isUnstable('t', 0)).toBe(false);
    offsets.begin(3, 't', 0, 7);
    expect(offsets.isUnstable('t', 0)).toBe(true);
    offsets.end(3, 't', 0, 7);
    expect(offsets.isEmpty).toBe(true);
  });
});
