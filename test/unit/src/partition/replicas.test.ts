import { describe, expect, test } from 'vitest';
import { buildBatch } from '../../../../protocol/batch.ts';
import type { PartitionImage } from '../../../../src/metadata/partition-image.ts';
import { AppendStage } from '../../../../src/partition/append-stage.ts';
import { Purgatory } from '../../../../src/partition/purgatory.ts';
import { Replicas } from '../../../../src/partition/replicas.ts';
import { defaultLogConfig } from '../../../../storage/log-config.ts';
import { LogManager } from '../../../../storage/log-manager.ts';
import { MemoryDisk } from '../../../../storage/memory-disk.ts';
import { openProducerState } from '../../../../storage/producer-state.ts';
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

const time = new VirtualTime();

/** Opens what is on the disk; with a stop that never came before it, all of it is recovered. */
function open(disk: MemoryDisk): { logs: LogManager; replicas: Replicas } {
  const logs = LogManager.open({
    disk,
    clock: time,
    random: () => 0.5,
    logDirs: ['/data'],
    configOf: () => defaultLogConfig,
    openProducers: openProducerState({ expirationMs: () => 86_400_000, isVerificationEnabled: () => false }),
    onDirectoryFailure: () => {},
  });
  const purgatory = new Purgatory(time);
  const replicas = new Replicas({
    brokerId: ME,
    logs,
    purgatory,
    stage: new AppendStage((action) => setImmediate(action), purgatory),
    durability: 'fsync',
    logConfigOf: () => defaultLogConfig,
    directories: { pathOf: () => '/data', idOf: () => TOPIC_ID, assign: () => {} },
    onDiskFailure: () => {},
    onOpenFailure: () => {},
    later: () => {},
    onLateOpen: () => {},
  });
  return { logs, replicas };
}

function publish(replicas: Replicas, ...states: readonly PartitionImage[]): void {
  const topic = {
    name: 't',
    id: TOPIC_ID,
    partitions: states.map((state, index) => [index, state] as const),
  };
  replicas.apply({ changedTopics: [topic], deletedTopics: [] });
}

/** A disk with a log of two records per partition, whose broker was killed before it had synced them. */
function killedDisk(partitions: number): MemoryDisk {
  const disk = new MemoryDisk();
  const { logs } = open(disk);
  for (let index = 0; index < partitions; index++) {
    const log = logs.create('t', index, TOPIC_ID, defaultLogConfig);
    const records = [{ value: Buffer.from('a') }, { value: Buffer.from('b') }];
    log.appendAsLeader(buildBatch({ records, timestampMs: 1 }), {
      leaderEpoch: 2,
      origin: 'client',
      nowMs: 1,
    });
    void log.flushStaged();
  }
  return disk;
}

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('replicas after a start', () => {
  test('are settled once what was recovered is committed, and not before', async () => {
    const disk = killedDisk(2);
    const { replicas } = open(disk);
    publish(replicas, stateOf(), stateOf());
    const highWatermarks = () => [0, 1].map((index) => replicas.get('t', index)?.log.highWatermark);
    let isSettled = false;
    const settled = replicas.settled().then(() => {
      isSettled = true;
    });
    expect(highWatermarks()).toEqual([0, 0]);
    expect(isSettled).toBe(false);
    await settled;
    expect(highWatermarks()).toEqual([2, 2]);
  });

  test('do not wait for what others have to promise, or lead', async () => {
    const disk = killedDisk(3);
    const { replicas } = open(disk);
    const shared = { replicas: [ME, 2], directories: [TOPIC_ID, TOPIC_ID], isr: [ME, 2] };
    publish(replicas, stateOf(shared), stateOf({ ...shared, leader: 2 }), stateOf());
    await replicas.settled();
    expect(replicas.get('t', 0)?.log.highWatermark).toBe(0);
    expect(replicas.get('t', 2)?.log.highWatermark).toBe(2);
  });

  test('do not wait for a disk that has failed', async () => {
    const disk = killedDisk(1);
    const { replicas } = open(disk);
    disk.onOperation = (operation) => (operation === 'sync' ? { errno: 'EIO' } : undefined);
    publish(replicas, stateOf());
    await replicas.settled();
    expect(replicas.get('t', 0)?.log.isOffline).toBe(true);
    expect(replicas.get('t', 0)?.log.highWatermark).toBe(0);
  });

  test('are settled at once where there is nothing to recover', async () => {
    const disk = new MemoryDisk();
    const { replicas } = open(disk);
    publish(replicas, stateOf());
    await replicas.settled();
    await turns();
    expect(replicas.get('t', 0)?.log.logEndOffset).toBe(0);
  });
});
