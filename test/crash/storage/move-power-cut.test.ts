/**
 * A power cut at every step of a log's move to another directory: afterwards one log is there, with every record that
 * had been synced.
 */
import { describe, expect, test } from 'vitest';
import { AppendStage } from '../../../src/partition/append-stage.ts';
import { LogDirMover } from '../../../src/partition/log-dir-mover.ts';
import { Partition } from '../../../src/partition/partition.ts';
import { Purgatory } from '../../../src/partition/purgatory.ts';
import { LogManager } from '../../../storage/log-manager.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';
import { batchOf, NOW_MS, readAll, seeded, smallConfig, TOPIC_ID } from '../../unit/storage/support.ts';

const BATCHES = 40;
const config = { ...smallConfig, segmentBytes: 2_000 };

function open(disk: MemoryDisk, time: VirtualTime): LogManager {
  return LogManager.open({
    disk,
    clock: time,
    random: seeded(7),
    logDirs: ['/one', '/two'],
    configOf: () => config,
    openProducers: openProducerState({ expirationMs: () => 86_400_000, isVerificationEnabled: () => false }),
    onDirectoryFailure: (_directory, cause) => {
      throw cause;
    },
  });
}

const state = {
  replicas: [1],
  directories: [],
  isr: [1],
  removingReplicas: [],
  addingReplicas: [],
  elr: [],
  lastKnownElr: [],
  leader: 1,
  leaderRecoveryState: 0,
  leaderEpoch: 3,
  partitionEpoch: 0,
};

function partitionOver(logs: LogManager, time: VirtualTime): Partition {
  const purgatory = new Purgatory(time);
  const log = logs.create('orders', 0, TOPIC_ID, config);
  return new Partition({
    topic: 'orders',
    index: 0,
    log,
    state,
    settings: { brokerId: 1, durability: 'fsync' },
    stage: new AppendStage((action) => action(), purgatory),
    purgatory,
    onFailure: (_partition, error) => {
      throw error;
    },
  });
}

const options = { origin: 'client', nowMs: NOW_MS } as const;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a log that moves to another directory', () => {
  test('is there once, whole, whenever the power is cut', async () => {
    const random = seeded(11);
    const cuts: { readonly disk: MemoryDisk; readonly synced: number; readonly before: string }[] = [];
    const disk = new MemoryDisk({ trackSync: true });
    const time = new VirtualTime(NOW_MS);
    const logs = open(disk, time);
    disk.syncDirectoryNow('/');
    const partition = partitionOver(logs, time);
    const put = (index: number) => partition.append(batchOf([`value-${index}`.padEnd(150)]), options, -1);
    for (let index = 0; index < BATCHES; index++) put(index);
    await partition.log.sync();
    const from = logs.directoryOf(partition.log)?.path;
    const to = from === '/one' ? '/two' : '/one';
    let moved = false;
    const mover = new LogDirMover({
      logs,
      clock: time,
      timer: time,
      maxBytesPerSecond: () => Number.POSITIVE_INFINITY,
      onMoved: () => {
        moved = true;
      },
      onFailure: (_partition, error) => {
        throw error;
      },
    });
    disk.onOperation = (operation, path) => {
      if (operation === 'read') return undefined;
      const synced = partition.log.syncedEndOffset;
      cuts.push({ disk: disk.powerCut(random), synced, before: `${operation} ${path}` });
      return undefined;
    };
    mover.start(partition, to);
    for (let index = BATCHES; !moved; index++) {
      put(index);
      time.advance(20);
      await turn();
    }
    put(1_000);
    await partition.log.sync();
    disk.onOperation = undefined;
    expect(logs.directoryOf(partition.log)?.path).toBe(to);
    expect(cuts.length).toBeGreaterThan(30);
    for (const { disk: left, synced, before } of cuts) {
      const again = open(left, new VirtualTime(NOW_MS));
      const log = again.get('orders', 0);
      expect(log, before).toBeDefined();
      if (log === undefined) continue;
      expect(log.logEndOffset, before).toBeGreaterThanOrEqual(synced);
      expect(readAll(log).length, before).toBe(log.logEndOffset);
      expect([...again.all()], before).toHaveLength(1);
    }
  });
});
