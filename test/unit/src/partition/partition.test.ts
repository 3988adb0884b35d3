import { describe, expect, test } from 'vitest';
import { buildBatch } from '../../../../protocol/batch.ts';
import { ErrorCode } from '../../../../protocol/errors.ts';
import type { PartitionImage } from '../../../../src/metadata/partition-image.ts';
import { AppendStage } from '../../../../src/partition/append-stage.ts';
import type { Durability } from '../../../../src/partition/partition.ts';
import { Partition } from '../../../../src/partition/partition.ts';
import { Purgatory } from '../../../../src/partition/purgatory.ts';
import type { LogConfig } from '../../../../storage/log-config.ts';
import { defaultLogConfig } from '../../../../storage/log-config.ts';
import { LogManager } from '../../../../storage/log-manager.ts';
import type { DiskOperation } from '../../../../storage/memory-disk.ts';
import { MemoryDisk } from '../../../../storage/memory-disk.ts';
import { openProducerState } from '../../../../storage/producer-state.ts';
import type { WriteMode } from '../../../../storage/stall-guard.ts';
import { StallGuards } from '../../../../storage/stall-guard.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAQQ';
const ME = 1;

const stateOf = (changes: Partial<PartitionImage> = {}): PartitionImage => ({
  replicas: [ME],
  directories: [TOPIC_ID],
  isr: [ME],
  removingReplicas: [],
  addingReplicas: [],
  elr: [],
  lastKnownElr: [],
  leader: ME,
  leaderRecoveryState: 0,
  leaderEpoch: 3,
  partitionEpoch: 5,
  ...changes,
});

/** One partition over a disk in memory, its turns ended by hand. */
class Bench {
  readonly disk = new MemoryDisk();
  readonly time = new VirtualTime();
  readonly partition: Partition;
  readonly failures: string[] = [];
  #turn: Array<() => void> = [];

  constructor(
    state = stateOf(),
    durability: Durability | null = 'kafka',
    minInsyncReplicas = 1,
    mode: WriteMode = 'loop',
    config: LogConfig = defaultLogConfig,
  ) {
    const logs = LogManager.open({
      disk: this.disk,
      clock: this.time,
      random: () => 0.5,
      logDirs: ['/data'],
      stallGuards: new StallGuards(() => 0, mode),
      configOf: () => defaultLogConfig,
      openProducers: openProducerState({
        expirationMs: () => 86_400_000,
        isVerificationEnabled: () => false,
      }),
      onDirectoryFailure: (_directory, { kind }) => this.failures.push(kind),
    });
    const purgatory = new Purgatory(this.time);
    this.partition = new Partition({
      topic: 't',
      index: 0,
      log: logs.create('t', 0, TOPIC_ID, { ...config, minInsyncReplicas }),
      state,
      settings: { brokerId: ME, durability },
      stage: new AppendStage((action) => this.#turn.push(action), purgatory),
      purgatory,
      onFailure: (_partition, { kind }) => this.failures.push(kind),
    });
  }

  append(value: string | number, acks = -1) {
    const bytes = typeof value === 'number' ? Buffer.alloc(value, 7) : Buffer.from(value);
    const batch = buildBatch({ records: [{ key: null, value: bytes }], timestampMs: this.time.wallMs() });
    return this.partition.append(batch, { origin: 'client', nowMs: this.time.wallMs() }, acks);
  }

  /** Notes what a waiter for `endOffset` is told. */
  await(endOffset: number, kind: 'flushed' | 'committed' = 'committed'): number[] {
    const told: number[] = [];
    const note = (errorCode: number) => told.push(errorCode);
    if (kind === 'flushed') this.partition.awaitFlushed(endOffset, note);
    else this.partition.awaitCommitted(endOffset, note);
    return told;
  }

  endTurn(): void {
    for (const action of this.#turn.splice(0)) action();
  }

  fail(operation: DiskOperation, errno: string): void {
    this.disk.onOperation = (now) => (now === operation ? { errno } : undefined);
  }
}

/** Lets promises that are under way settle: the disk in memory answers in microtasks. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a partition on a disk that lets writers wait', () => {
  test.each(['kafka', 'fsync'] as const)(
    'answers nobody before the write has ended, durable as %s',
    async (durability) => {
      const bench = new Bench(stateOf(), durability, 1, 'pool');
      const told = [bench.append('a', 1), bench.append(100_000, -1)].map(({ lastOffset }) => [
        bench.await(lastOffset + 1, 'flushed'),
        bench.await(lastOffset + 1),
      ]);
      bench.endTurn();
      expect(told.flat(2)).toEqual([]);
      expect(bench.partition.log.highWatermark).toBe(0);
      await settled();
      expect(told).toEqual([
        [[0], [0]],
        [[0], [0]],
      ]);
      expect(bench.partition.log.highWatermark).toBe(2);
    },
  );

  test.each([
    ['ENOSPC', ErrorCode.NONE],
    ['EIO', ErrorCode.KAFKA_STORAGE_ERROR],
  ])(
    'refuses what a write that fails with %s took with it, also what was appended since',
    async (errno, after) => {
      const bench = new Bench(stateOf(), 'kafka', 1, 'pool');
      bench.append('a');
      bench.fail('write', errno);
      const told = [bench.await(1), bench.await(1, 'flushed')];
      bench.endTurn();
      bench.append('b');
      told.push(bench.await(2));
      await settled();
      expect(told).toEqual([56, 56, 56].map((code) => [code]));
      expect(bench.partition.log.logEndOffset).toBe(0);
      bench.disk.onOperation = undefined;
      bench.endTurn();
      await settled();
      expect(bench.append('c').errorCode).toBe(after);
    },
  );

  test('ends a wait that is under way when it is closed', async () => {
    const bench = new Bench(stateOf(), 'fsync', 1, 'pool');
    bench.append('a');
    const told = bench.await(1);
    bench.endTurn();
    bench.partition.log.abandon();
    bench.partition.close(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    await settled();
    expect([told, bench.failures]).toEqual([[ErrorCode.UNKNOWN_TOPIC_OR_PARTITION], []]);
  });
});

describe('a partition with flush.messages', () => {
  test('answers the record that makes so many unsynced ones when they are synced', async () => {
    const bench = new Bench(stateOf(), 'kafka', 1, 'loop', { ...defaultLogConfig, flushMessages: 2 });
    bench.append('a');
    const told = [bench.await(1), bench.await(2, 'flushed'), bench.await(2)];
    bench.endTurn();
    expect(told).toEqual([[0], [], []]);
    expect(bench.partition.log.syncedEndOffset).toBe(0);
    bench.append('b');
    bench.endTurn();
    expect(told).toEqual([[0], [], []]);
    await settled();
    expect(told).toEqual([[0], [0], [0]]);
    expect(bench.partition.log.syncedEndOffset).toBe(2);
  });
});

describe('a partition', () => {
  test('answers small appends at the end of the turn, with one write for all of them', () => {
    const bench = new Bench();
    let writes = 0;
    bench.disk.onOperation = (operation, path) => {
      if (operation === 'write' && path.endsWith('.log')) writes++;
      return undefined;
    };
    expect(bench.append('a')).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: 0 });
    expect(bench.append('b')).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: 1 });
    const told = [bench.await(1), bench.await(2), bench.await(2, 'flushed')];
    expect(told).toEqual([[], [], []]);
    expect(bench.partition.log.highWatermark).toBe(0);
    bench.endTurn();
    expect(told).toEqual([[0], [0], [0]]);
    expect(bench.partition.log.highWatermark).toBe(2);
    expect(writes).toBe(1);
  });

  test('has a large append in the file at once', () => {
    const bench = new Bench();
    bench.append(100_000);
    expect(bench.await(1)).toEqual([ErrorCode.NONE]);
  });

  test('durable by fsync, commits only what is synced, while acks=1 waits for the page cache alone', async () => {
    const bench = new Bench(stateOf(), null);
    bench.append('a');
    const committed = bench.await(1);
    const flushed = bench.await(1, 'flushed');
    bench.endTurn();
    expect([committed, flushed]).toEqual([[], [ErrorCode.NONE]]);
    expect(bench.partition.log.highWatermark).toBe(0);
    await settled();
    expect(committed).toEqual([ErrorCode.NONE]);
    expect(bench.partition.log.highWatermark).toBe(1);
  });

  test('never acknowledges what a failed fsync covered, and serves no more', async () => {
    const bench = new Bench(stateOf(), 'fsync');
    bench.append('a');
    const told = bench.await(1);
    bench.fail('sync', 'EIO');
    bench.endTurn();
    await settled();
    expect(told).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
    bench.disk.onOperation = undefined;
    expect(bench.append('b').errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(bench.partition.checkLeader(-1)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(bench.await(1)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
  });

  test('on a full disk fails what was staged, keeps what was there, and goes on when there is room', () => {
    const bench = new Bench();
    bench.append('kept');
    bench.endTurn();
    bench.append('lost');
    const told = bench.await(2);
    bench.fail('write', 'ENOSPC');
    bench.endTurn();
    expect(told).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
    expect(bench.failures).toEqual(['no-space']);
    expect(bench.partition.log.logEndOffset).toBe(1);
    expect(bench.partition.checkLeader(-1)).toBe(ErrorCode.NONE);
    bench.disk.onOperation = undefined;
    expect(bench.append('again')).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: 1 });
    const later = bench.await(2);
    bench.endTurn();
    expect(later).toEqual([ErrorCode.NONE]);
  });

  test('refuses acks=all without enough replicas in sync, and takes acks=1', () => {
    const state = stateOf({ replicas: [ME, 2, 3], isr: [ME], directories: [TOPIC_ID, TOPIC_ID, TOPIC_ID] });
    const bench = new Bench(state, 'kafka', 2);
    expect(bench.append('a', -1).errorCode).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    expect(bench.append('a', 1).errorCode).toBe(ErrorCode.NONE);
    bench.endTurn();
    // KAFKA-15583: the high watermark stands still as long as too few are in sync.
    expect(bench.partition.log.highWatermark).toBe(0);
  });

  test('counts min.insync.replicas for no more than the replicas that there are', () => {
    const bench = new Bench(stateOf(), 'kafka', 3);
    expect(bench.append('a', -1).errorCode).toBe(ErrorCode.NONE);
  });

  test('counts min.insync.replicas as the topic has it now', () => {
    const bench = new Bench(stateOf({ replicas: [ME, 2], isr: [ME] }), 'kafka', 1);
    const refusedWith = (minInsyncReplicas: number) => {
      bench.partition.log.updateConfig({ ...bench.partition.log.config, minInsyncReplicas });
      return bench.append('a', -1).errorCode;
    };
    expect([1, 2, 1].map(refusedWith)).toEqual([
      ErrorCode.NONE,
      ErrorCode.NOT_ENOUGH_REPLICAS,
      ErrorCode.NONE,
    ]);
  });

  test('commits what all replicas in sync have', () => {
    const state = stateOf({ replicas: [ME, 2], isr: [ME, 2], directories: [TOPIC_ID, TOPIC_ID] });
    const bench = new Bench(state);
    bench.append('a');
    bench.append('b');
    bench.endTurn();
    const told = [bench.await(1), bench.await(2)];
    bench.partition.followerFetched(2, 1);
    expect(told).toEqual([[ErrorCode.NONE], []]);
    bench.partition.followerFetched(2, 2);
    expect(told).toEqual([[ErrorCode.NONE], [ErrorCode.NONE]]);
  });

  test('that loses the leadership tells whoever waits, and refuses appends', () => {
    const bench = new Bench();
    bench.append('a');
    const told = bench.await(1);
    bench.partition.update(stateOf({ leader: 2, leaderEpoch: 4, partitionEpoch: 6 }));
    expect(told).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER]);
    expect(bench.append('b').errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });

  test('ignores a state that is older than its own', () => {
    const bench = new Bench();
    bench.partition.update(stateOf({ leader: 2, leaderEpoch: 2, partitionEpoch: 4 }));
    expect([bench.partition.isLeader, bench.partition.leaderEpoch]).toEqual([true, 3]);
  });

  test('fences callers of another leader epoch', () => {
    const { partition } = new Bench();
    expect([2, 3, 4, -1].map((epoch) => partition.checkLeader(epoch))).toEqual([
      ErrorCode.FENCED_LEADER_EPOCH,
      ErrorCode.NONE,
      ErrorCode.UNKNOWN_LEADER_EPOCH,
      ErrorCode.NONE,
    ]);
  });

  test('wakes its watchers once there is something to read', () => {
    const bench = new Bench();
    let tries = 0;
    const purgatory = new Purgatory(bench.time);
    purgatory.watch([bench.partition.watchers], 1000, {
      tryComplete: () => {
        tries++;
        return bench.partition.log.highWatermark > 0;
      },
      expire: () => expect.unreachable('it was woken before'),
    });
    bench.append('a');
    expect(tries).toBe(1);
    bench.endTurn();
    expect(tries).toBe(2);
  });
});
