import { describe, expect, test } from 'vitest';
import { ControlType, controlKey, endTxnMarkerValue } from '../../../protocol/batch/control.ts';
import { buildBatch } from '../../../protocol/batch.ts';
import { ErrorCode } from '../../../protocol/errors.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { follows, sequenceBefore } from '../../../storage/producer-entry.ts';
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../../../storage/producer-snapshot.ts';
import type { VerificationGuard } from '../../../storage/producer-state.ts';
import { NO_GUARD, openProducerState, ProducerState } from '../../../storage/producer-state.ts';
import type { AppendOrigin, CompletedTransaction } from '../../../storage/producers.ts';

const t = 1_600_000_000_000;
const DAY_MS = 86_400_000;
const MAX_SEQUENCE = 2 ** 31 - 1;
const DIRECTORY = '/data/orders-0';

type Data = {
  id?: number;
  epoch?: number;
  sequence: number;
  count?: number;
  offset: number;
  txn?: boolean;
  timestampMs?: number;
};

function data({
  id = 1000,
  epoch = 0,
  sequence,
  count = 1,
  offset,
  txn = false,
  timestampMs = t,
}: Data): Buffer {
  return buildBatch({
    records: Array.from({ length: count }, () => ({ value: null, timestampMs })),
    baseOffset: offset,
    producerId: id,
    producerEpoch: epoch,
    baseSequence: sequence,
    transactional: txn,
  });
}

type Marker = { id?: number; epoch?: number; offset: number; abort?: boolean; coordinatorEpoch?: number };

function marker({ id = 1000, epoch = 0, offset, abort = false, coordinatorEpoch = 5 }: Marker): Buffer {
  return buildBatch({
    records: [
      {
        key: controlKey(abort ? ControlType.ABORT : ControlType.COMMIT),
        value: endTxnMarkerValue(coordinatorEpoch),
      },
    ],
    baseOffset: offset,
    timestampMs: t,
    producerId: id,
    producerEpoch: epoch,
    transactional: true,
    control: true,
  });
}

/** A state with the steps that a log takes. */
class Harness {
  readonly disk: MemoryDisk;
  readonly state: ProducerState;
  isVerificationEnabled = false;

  constructor(disk = new MemoryDisk()) {
    this.disk = disk;
    disk.makeDirectory(DIRECTORY);
    this.state = new ProducerState(disk, DIRECTORY, {
      expirationMs: () => DAY_MS,
      isVerificationEnabled: () => this.isVerificationEnabled,
    });
  }

  check(records: Buffer, origin: AppendOrigin = 'client', guard: VerificationGuard = NO_GUARD) {
    return this.state.check(records, origin, t, guard);
  }

  /** The error code, or 0 after the batch was taken over, or 'duplicate'. */
  append(
    records: Buffer,
    origin: AppendOrigin = 'client',
    guard: VerificationGuard = NO_GUARD,
  ): number | 'duplicate' {
    const verdict = this.check(records, origin, guard);
    if (verdict.kind === 'refused') return verdict.errorCode;
    if (verdict.kind === 'duplicate') return 'duplicate';
    this.completed(this.state.apply());
    return 0;
  }

  readonly indexed: (CompletedTransaction & { lastStableOffset: number })[] = [];

  completed(transactions: readonly CompletedTransaction[]): void {
    for (const transaction of transactions) {
      this.indexed.push({ ...transaction, lastStableOffset: this.state.lastStableOffsetAfter(transaction) });
      this.state.completed(transaction);
    }
  }

  entry(id = 1000) {
    return [...this.state.activeProducers()].find((entry) => entry.producerId === id);
  }
}

describe('Idempotence', () => {
  test('a retry of any of the last five batches answers where it was appended', () => {
    const log = new Harness();
    for (let i = 0; i < 6; i++) {
      expect(log.append(data({ sequence: i * 2, count: 2, offset: 100 + i * 2, timestampMs: t + i }))).toBe(
        0,
      );
    }
    for (let i = 1; i < 6; i++) {
      expect(log.check(data({ sequence: i * 2, count: 2, offset: 900 }))).toEqual({
        kind: 'duplicate',
        batch: { baseOffset: 100 + i * 2, lastOffset: 101 + i * 2, timestampMs: t + i },
      });
    }
    expect(log.append(data({ sequence: 0, count: 2, offset: 900 }))).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
  });

  test('a batch of other boundaries than the one appended is out of order and no duplicate', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, count: 3, offset: 0 }));
    for (const [sequence, count] of [
      [0, 2],
      [1, 2],
      [0, 4],
      [2, 2],
    ] as const) {
      expect(log.append(data({ sequence, count, offset: 3 }))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    }
    expect(log.append(data({ sequence: 3, offset: 3 }))).toBe(0);
  });

  test('a gap is out of order, for each producer by itself', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, offset: 0 }));
    expect(log.append(data({ sequence: 2, offset: 1 }))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(log.append(data({ id: 1001, sequence: 0, offset: 1 }))).toBe(0);
    expect(log.append(data({ sequence: 1, offset: 2 }))).toBe(0);
  });

  test('of a producer that nothing is known of, any sequence is accepted', () => {
    const log = new Harness();
    expect(log.append(data({ sequence: 77, offset: 0 }))).toBe(0);
    expect(log.append(data({ sequence: 79, offset: 1 }))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  });

  test('sequences go on from 2^31-1 to 0, between batches and within one', () => {
    const log = new Harness();
    log.append(data({ sequence: MAX_SEQUENCE - 1, count: 2, offset: 0 }));
    expect(log.append(data({ sequence: 0, offset: 2 }))).toBe(0);
    const other = new Harness();
    other.append(data({ sequence: MAX_SEQUENCE, count: 3, offset: 0 }));
    expect(other.check(data({ sequence: MAX_SEQUENCE, count: 3, offset: 9 })).kind).toBe('duplicate');
    expect(other.append(data({ sequence: 2, offset: 3 }))).toBe(0);
    expect(sequenceBefore(1, 3)).toBe(MAX_SEQUENCE - 1);
    expect(follows(MAX_SEQUENCE, 0)).toBe(true);
    expect(follows(MAX_SEQUENCE, 1)).toBe(false);
  });

  test('an old epoch is refused, and a new one begins at 0 and forgets the old batches', () => {
    const log = new Harness();
    log.append(data({ epoch: 3, sequence: 0, offset: 0 }));
    expect(log.append(data({ epoch: 2, sequence: 1, offset: 1 }))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect(log.append(data({ epoch: 4, sequence: 1, offset: 1 }))).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
    expect(log.append(data({ epoch: 4, sequence: 0, offset: 1 }))).toBe(0);
    expect(log.entry()?.batches.length).toBe(1);
    expect(log.append(data({ epoch: 3, sequence: 0, offset: 2 }))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
  });

  test('coordinators bring no sequences, and replicas are believed', () => {
    const log = new Harness();
    log.append(data({ epoch: 3, sequence: 5, offset: 0 }));
    expect(log.append(data({ epoch: 3, sequence: -1, offset: 1 }), 'coordinator')).toBe(0);
    expect(log.append(data({ epoch: 2, sequence: -1, offset: 2 }), 'coordinator')).toBe(
      ErrorCode.INVALID_PRODUCER_EPOCH,
    );
    expect(log.append(data({ epoch: 2, sequence: 90, offset: 2 }), 'replication')).toBe(0);
  });

  test('what is only checked changes nothing, and batches without a producer pass', () => {
    const log = new Harness();
    expect(log.check(data({ sequence: 0, offset: 0 })).kind).toBe('new');
    expect(log.state.producerCount).toBe(0);
    expect(log.append(buildBatch({ records: [{ value: null }] }))).toBe(0);
    expect(log.state.producerCount).toBe(0);
  });

  test('several batches of one fetch are judged one after another', () => {
    const log = new Harness();
    const fetched = Buffer.concat([
      data({ sequence: 0, offset: 0, txn: true }),
      data({ sequence: 1, offset: 1, txn: true }),
      marker({ offset: 2 }),
      data({ sequence: 2, offset: 3, txn: true }),
    ]);
    expect(log.append(fetched, 'replication')).toBe(0);
    expect(log.indexed).toMatchObject([{ firstOffset: 0, lastOffset: 2, lastStableOffset: 3 }]);
    expect(log.state.firstUndecidedOffset).toBe(3);
    expect(log.entry()?.batches.map((known) => known.lastSequence)).toEqual([0, 1, 2]);
  });
});

describe('Expiry', () => {
  test('forgets producers silent for the configured time, but none with an open transaction', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, offset: 0, timestampMs: t }));
    log.append(data({ id: 1001, sequence: 0, offset: 1, timestampMs: t, txn: true }));
    log.append(data({ id: 1002, sequence: 0, offset: 2, timestampMs: t + 1 }));
    log.state.expire(t + DAY_MS);
    expect([...log.state.activeProducers()].map((entry) => entry.producerId)).toEqual([1001, 1002]);
    expect(log.append(data({ sequence: 50, offset: 3 }))).toBe(0);
  });
});

describe('Transactions', () => {
  test('hold the last stable offset until their marker is below the high watermark', () => {
    const log = new Harness();
    expect(log.state.firstUnstableOffset).toBe(-1);
    log.append(data({ sequence: 0, offset: 10, txn: true }));
    log.append(data({ id: 1001, sequence: 0, offset: 11, txn: true }));
    log.append(data({ sequence: 1, offset: 12, txn: true }));
    expect(log.state.firstUnstableOffset).toBe(10);
    expect(log.entry()?.currentTxnFirstOffset).toBe(10);
    log.append(marker({ offset: 13, abort: true }), 'coordinator');
    expect(log.indexed).toEqual([
      { producerId: 1000, firstOffset: 10, lastOffset: 13, isAborted: true, lastStableOffset: 11 },
    ]);
    expect(log.state.firstUnstableOffset).toBe(10);
    log.state.onHighWatermark(13);
    expect(log.state.firstUnstableOffset).toBe(10);
    log.state.onHighWatermark(14);
    expect(log.state.firstUnstableOffset).toBe(11);
    log.append(marker({ id: 1001, offset: 14 }), 'coordinator');
    expect(log.indexed[1]).toMatchObject({ isAborted: false, lastStableOffset: 15 });
    log.state.onHighWatermark(15);
    expect(log.state.firstUnstableOffset).toBe(-1);
    expect(log.entry()?.currentTxnFirstOffset).toBe(-1);
  });

  test('a plain batch inside an open one is refused', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, offset: 0, txn: true }));
    expect(log.append(data({ sequence: 1, offset: 1 }))).toBe(ErrorCode.INVALID_TXN_STATE);
  });

  test('a marker without data leaves no transaction, but its epochs count', () => {
    const log = new Harness();
    expect(log.append(marker({ epoch: 6, offset: 0, coordinatorEpoch: 8 }), 'coordinator')).toBe(0);
    expect(log.indexed).toEqual([]);
    expect(log.entry()).toMatchObject({ producerEpoch: 6, coordinatorEpoch: 8, batches: [] });
    expect(log.append(data({ epoch: 5, sequence: 0, offset: 1, txn: true }))).toBe(
      ErrorCode.INVALID_PRODUCER_EPOCH,
    );
    expect(log.append(marker({ epoch: 5, offset: 1 }), 'coordinator')).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect(log.append(marker({ epoch: 6, offset: 1, coordinatorEpoch: 7 }), 'coordinator')).toBe(
      ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    );
    expect(log.append(marker({ epoch: 6, offset: 1, coordinatorEpoch: 7 }), 'replication')).toBe(0);
  });

  test('sequences go on across a marker of the same epoch, and begin anew after one that bumps it', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, offset: 0, txn: true }));
    log.append(marker({ offset: 1 }), 'coordinator');
    expect(log.append(data({ sequence: 1, offset: 2, txn: true }))).toBe(0);
    log.append(marker({ epoch: 1, offset: 3 }), 'coordinator');
    expect(log.append(data({ epoch: 1, sequence: 2, offset: 4, txn: true }))).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
    expect(log.append(data({ epoch: 1, sequence: 0, offset: 4, txn: true }))).toBe(0);
  });

  test('an empty control batch, left by compaction, changes nothing', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, offset: 0, txn: true }));
    const empty = buildBatch({
      records: [],
      baseOffset: 1,
      producerId: 1000,
      producerEpoch: 0,
      transactional: true,
      control: true,
    });
    expect(log.append(empty, 'replication')).toBe(0);
    expect(log.state.firstUndecidedOffset).toBe(0);
  });

  test('the first is late when it has been silent for its timeout and five minutes', () => {
    const log = new Harness();
    expect(log.state.hasLateTransaction(t + DAY_MS, 900_000)).toBe(false);
    log.append(data({ sequence: 0, offset: 0, txn: true }));
    expect(log.state.hasLateTransaction(t + 1_200_000, 900_000)).toBe(false);
    expect(log.state.hasLateTransaction(t + 1_200_001, 900_000)).toBe(true);
  });
});

describe('Verification (KIP-890)', () => {
  test('a transaction begins only with the guard of the verification that is under way', () => {
    const log = new Harness();
    log.isVerificationEnabled = true;
    const first = data({ sequence: 0, offset: 0, txn: true });
    expect(log.append(first)).toBe(ErrorCode.INVALID_TXN_STATE);
    const guard = log.state.startVerification(1000, 0, 0, t);
    expect(log.append(first, 'client', NO_GUARD)).toBe(ErrorCode.INVALID_TXN_STATE);
    expect(log.append(first, 'client', guard + 1)).toBe(ErrorCode.INVALID_TXN_STATE);
    expect(log.append(first, 'client', guard)).toBe(0);
    expect(log.state.verificationGuard(1000)).toBe(NO_GUARD);
    expect(log.state.startVerification(1000, 1, 0, t)).toBe(NO_GUARD);
    expect(log.append(data({ sequence: 1, offset: 1, txn: true }))).toBe(0);
    log.append(marker({ offset: 2 }), 'coordinator');
    expect(log.append(data({ sequence: 2, offset: 3, txn: true }), 'client', guard)).toBe(
      ErrorCode.INVALID_TXN_STATE,
    );
  });

  test('blocks sequences above the lowest one that is being verified', () => {
    const log = new Harness();
    log.isVerificationEnabled = true;
    const guard = log.state.startVerification(1000, 5, 0, t);
    expect(log.state.startVerification(1000, 0, 0, t)).toBe(guard);
    expect(log.append(data({ sequence: 5, offset: 0, txn: true }), 'client', guard)).toBe(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
    expect(log.append(data({ sequence: 0, offset: 0, txn: true }), 'client', guard)).toBe(0);
  });

  test('is forgotten with its producer', () => {
    const log = new Harness();
    log.state.startVerification(1000, 0, 0, t);
    log.state.expire(t + DAY_MS - 1);
    expect(log.state.verificationGuard(1000)).not.toBe(NO_GUARD);
    log.state.expire(t + DAY_MS);
    expect(log.state.verificationGuard(1000)).toBe(NO_GUARD);
  });
});

describe('Undoing', () => {
  test('brings back entries, open transactions and the end offset as they were at the mark', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, offset: 0, txn: true }));
    log.append(data({ id: 1001, sequence: 0, offset: 1, txn: true }));
    log.append(marker({ id: 1001, offset: 2 }), 'coordinator');
    log.state.setEndOffset(3);
    log.state.mark();
    const before = [...log.state.activeProducers()];
    log.append(data({ sequence: 1, offset: 3, txn: true }));
    log.append(data({ id: 1002, sequence: 0, offset: 4, txn: true }));
    log.append(marker({ offset: 5 }), 'coordinator');
    log.append(marker({ id: 1002, offset: 6 }), 'coordinator');
    log.append(data({ id: 1003, sequence: 0, offset: 7, txn: true }));
    log.state.setEndOffset(8);
    log.state.undo();
    expect([...log.state.activeProducers()]).toEqual(before);
    expect(log.state.endOffset).toBe(3);
    expect(log.state.firstUndecidedOffset).toBe(0);
    log.state.onHighWatermark(3);
    expect(log.state.firstUnstableOffset).toBe(0);
    expect(log.append(data({ sequence: 1, offset: 3, txn: true }))).toBe(0);
    expect(log.append(marker({ offset: 4 }), 'coordinator')).toBe(0);
    log.state.onHighWatermark(5);
    expect(log.state.firstUnstableOffset).toBe(-1);
  });
});

/** Made by Kafka: scripts/vectors/producer-snapshots/ProducerSnapshotVectors.java. */
const KAFKA_SNAPSHOT =
  '000191bac6690000000400000000000003e8000000000005000000000000000f0000000000000174876e8001ffffffffffffffffffffffff' +
  '00000000000003e900030000000100000000000000130000000300000174876e8002ffffffff0000000000000010' +
  '00000000000003ea00010000000000000000000000140000000000000174876e80040000000cffffffffffffffff' +
  '00000000000003eb0007ffffffffffffffffffffffff0000000000000174876e80050000000dffffffffffffffff';

describe('Snapshots', () => {
  test('are written byte for byte as Kafka writes them', () => {
    const log = new Harness();
    const at = (timestampMs: number) => ({ timestampMs });
    log.append(data({ sequence: 0, count: 5, offset: 10, ...at(t) }), 'replication');
    log.append(data({ sequence: 5, offset: 15, ...at(t + 1) }), 'replication');
    log.append(
      data({ id: 1001, epoch: 3, sequence: MAX_SEQUENCE - 1, count: 4, offset: 16, txn: true, ...at(t + 2) }),
      'replication',
    );
    log.append(data({ id: 1002, epoch: 1, sequence: 0, offset: 20, txn: true, ...at(t + 3) }), 'replication');
    const end = (
      id: number,
      epoch: number,
      offset: number,
      coordinatorEpoch: number,
      timestampMs: number,
      type: ControlType,
    ) =>
      buildBatch({
        records: [{ key: controlKey(type), value: endTxnMarkerValue(coordinatorEpoch) }],
        baseOffset: offset,
        timestampMs,
        producerId: id,
        producerEpoch: epoch,
        transactional: true,
        control: true,
      });
    log.append(end(1002, 1, 21, 12, t + 4, ControlType.COMMIT), 'replication');
    log.append(end(1003, 7, 22, 13, t + 5, ControlType.ABORT), 'replication');
    log.state.setEndOffset(23);
    expect(log.state.takeSnapshot(true)).toBe(`${DIRECTORY}/00000000000000000023.snapshot`);
    expect(encodeProducerSnapshot(log.state.activeProducers()).toString('hex')).toBe(KAFKA_SNAPSHOT);
    expect(log.state.takeSnapshot(true)).toBe(null);
    expect(log.state.latestSnapshotOffset).toBe(23);
  });

  test('are read as Kafka means them', () => {
    const entries = decodeProducerSnapshot(Buffer.from(KAFKA_SNAPSHOT, 'hex'));
    expect(entries?.[1]).toEqual({
      producerId: 1001,
      producerEpoch: 3,
      coordinatorEpoch: -1,
      lastTimestampMs: t + 2,
      currentTxnFirstOffset: 16,
      batches: [
        {
          firstSequence: MAX_SEQUENCE - 1,
          lastSequence: 1,
          firstOffset: 16,
          lastOffset: 19,
          timestampMs: t + 2,
        },
      ],
    });
    expect(entries?.[3]).toMatchObject({ producerEpoch: 7, coordinatorEpoch: 13, batches: [] });
    expect(encodeProducerSnapshot(entries ?? []).toString('hex')).toBe(KAFKA_SNAPSHOT);
  });

  test('with any bit flipped, or cut, are not believed', () => {
    const sound = Buffer.from(KAFKA_SNAPSHOT, 'hex');
    for (let bit = 0; bit < sound.length * 8; bit++) {
      const damaged = Buffer.from(sound);
      damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeProducerSnapshot(damaged)).toBe(null);
    }
    for (let length = 0; length < sound.length; length++) {
      expect(decodeProducerSnapshot(sound.subarray(0, length))).toBe(null);
    }
  });

  test('bring back the last batch, open transactions in order, and the offset that replay begins at', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, offset: 0 }));
    log.append(data({ sequence: 1, offset: 1 }));
    log.append(data({ id: 900, sequence: 0, offset: 2, txn: true }));
    log.append(data({ id: 800, sequence: 0, offset: 3, txn: true }));
    log.state.setEndOffset(4);
    log.state.takeSnapshot(true);
    const again = new Harness(log.disk);
    again.state.reload(0, 10, t);
    expect(again.state.endOffset).toBe(4);
    expect(again.state.firstUndecidedOffset).toBe(2);
    expect(again.append(data({ sequence: 1, offset: 4 }))).toBe('duplicate');
    expect(again.append(data({ sequence: 0, offset: 4 }))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(again.append(data({ sequence: 2, offset: 4 }))).toBe(0);
    const completed = again.state.replay(marker({ id: 900, offset: 5 }), 0);
    expect(completed).toEqual({ producerId: 900, firstOffset: 2, lastOffset: 5, isAborted: false });
    again.completed(completed === null ? [] : [completed]);
    expect(again.indexed[0]?.lastStableOffset).toBe(3);
  });

  test('leave expired producers out when they are loaded', () => {
    const log = new Harness();
    log.append(data({ sequence: 0, offset: 0 }));
    log.state.setEndOffset(1);
    log.state.takeSnapshot(true);
    const again = new Harness(log.disk);
    again.state.reload(0, 1, t + DAY_MS);
    expect(again.state.producerCount).toBe(0);
    expect(again.state.endOffset).toBe(1);
  });

  test('that are damaged or beyond the end are removed, and the one before is loaded', () => {
    const log = new Harness();
    for (const offset of [1, 2, 3, 9]) {
      log.append(data({ sequence: offset, offset }));
      log.state.setEndOffset(offset);
      log.state.takeSnapshot(true);
    }
    const path = `${DIRECTORY}/00000000000000000003.snapshot`;
    const file = log.disk.open(path, false);
    file.write([Buffer.from([9])], 12);
    file.close();
    const again = new Harness(log.disk);
    again.state.reload(1, 5, t);
    expect(again.state.endOffset).toBe(2);
    expect(again.entry()?.batches[0]?.lastSequence).toBe(2);
    expect(log.disk.list(DIRECTORY).map(({ name }) => name)).toEqual(['00000000000000000002.snapshot']);
  });

  test('without one, replay begins at the log start', () => {
    const log = new Harness();
    log.state.reload(40, 50, t);
    expect(log.state.endOffset).toBe(40);
  });

  test('of segments that are gone are removed, except the newest beyond every segment', () => {
    const log = new Harness();
    for (const offset of [1, 2, 3, 4, 5]) {
      log.state.setEndOffset(offset);
      log.state.takeSnapshot(false);
    }
    log.state.removeStraySnapshots([0, 2, 3]);
    const names = () => log.disk.list(DIRECTORY).map(({ name }) => Number(name.split('.')[0]));
    expect(names()).toEqual([2, 3, 5]);
    log.state.removeStraySnapshots([0, 2, 7]);
    expect(names()).toEqual([2]);
    log.state.restartAt(20);
    expect(names()).toEqual([]);
    expect(log.state.endOffset).toBe(20);
  });

  test('are opened by the log through a factory', () => {
    const disk = new MemoryDisk();
    const open = openProducerState({ expirationMs: () => DAY_MS, isVerificationEnabled: () => false });
    expect(open(disk, '/data/none-0').latestSnapshotOffset).toBe(-1);
  });
});
