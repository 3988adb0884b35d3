import { describe, expect, test } from 'vitest';
import { ZERO_UUID } from '../../../protocol/uuid.ts';
import { offsetIn, readOffsetCheckpoint } from '../../../storage/checkpoint.ts';
import type { DiskError } from '../../../storage/disk.ts';
import type { LogConfig } from '../../../storage/log-config.ts';
import { LogManager } from '../../../storage/log-manager.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import { readSmallFile, replaceSmallFile } from '../../../storage/small-file.ts';
import { append, diskOf, filesBelow, NOW_MS, readAll, seeded, smallConfig, TOPIC_ID } from './support.ts';

const OTHER_ID = 'AbCdEfGhIjKlMnOpQrStUw';
const DAY_MS = 86_400_000;

class Broker {
  readonly disk: MemoryDisk;
  readonly failures: [string, DiskError][] = [];
  readonly ends: DiskError[] = [];
  wallMs = NOW_MS;
  monotonicMs = 0;
  logs: LogManager;

  constructor(disk = new MemoryDisk(), config: LogConfig = smallConfig) {
    this.disk = disk;
    this.logs = LogManager.open({
      disk,
      clock: { wallMs: () => this.wallMs, monotonicMs: () => this.monotonicMs },
      random: seeded(1),
      logDirs: ['/one', '/two'],
      configOf: () => config,
      openProducers: openProducerState({ expirationMs: () => DAY_MS, isVerificationEnabled: () => false }),
      onDirectoryFailure: (directory, cause) => this.failures.push([directory, cause]),
      onNoDirectory: (cause) => this.ends.push(cause),
    });
  }

  async pass(ms: number): Promise<void> {
    this.wallMs += ms;
    this.monotonicMs += ms;
    await this.logs.tick();
  }

  create(topic = 'orders', partition = 0, id = TOPIC_ID, config = smallConfig) {
    return this.logs.create(topic, partition, id, config);
  }
}

const namesIn = (disk: MemoryDisk, directory: string) => disk.list(directory).map(({ name }) => name);

describe('a log manager', () => {
  test('spreads new logs over the directories and finds them all after a clean stop', async () => {
    const broker = new Broker();
    for (let partition = 0; partition < 4; partition++) {
      append(broker.create('orders', partition), [`p${partition}`, 'b']);
    }
    expect(broker.logs.directories.map((directory) => directory.logs.size)).toEqual([2, 2]);
    await broker.logs.close(9);
    const again = new Broker(broker.disk);
    expect([...again.logs.all()].map((log) => [log.partition, log.logEndOffset, log.topicId]).sort()).toEqual(
      [0, 1, 2, 3].map((partition) => [partition, 2, TOPIC_ID]),
    );
    expect([...again.logs.all()].every((log) => log.recovery.scannedSegments === 0)).toBe(true);
    expect(again.logs.directories.map((directory) => directory.previousBrokerEpoch)).toEqual([9, 9]);
    expect(namesIn(broker.disk, '/one')).not.toContain('.kafka_cleanshutdown');
  });

  test('gives a copy that takes over the configuration that the log was given meanwhile', () => {
    const broker = new Broker();
    const log = broker.create();
    const target = broker.logs.directories.find((directory) => !directory.logs.has(log));
    if (target === undefined) throw new Error('there is another directory');
    broker.logs.futures.create(log, target);
    const changed = { ...smallConfig, maxMessageBytes: 100, minInsyncReplicas: 2 };
    log.updateConfig(changed);
    expect(broker.logs.promoteFuture('orders', 0).config).toEqual(changed);
  });

  test('makes nothing on the disk for a log until something is put into it', async () => {
    const broker = new Broker(new MemoryDisk({ trackSync: true }));
    broker.disk.syncDirectoryNow('/');
    const log = broker.create();
    await log.sync();
    log.syncNow();
    log.roll(NOW_MS);
    log.assignEpochStart(3, 0);
    await log.flush();
    await broker.pass(DAY_MS);
    expect(readAll(log)).toEqual([]);
    expect(log.read(0, { maxBytes: 1024 * 1024, minOneBatch: true })).toMatchObject({ errorCode: 0 });
    expect([log.offsetForTimestamp(0), log.offsetOfMaxTimestamp(), log.truncateTo(0, NOW_MS)]).toEqual([
      null,
      null,
      false,
    ]);
    expect(namesIn(broker.disk, '/one')).not.toContain('orders-0');
    append(log, ['a']);
    await log.sync();
    expect(namesIn(broker.disk, '/one/orders-0')).toEqual(['00000000000000000000.log', 'partition.metadata']);
    // Apache Kafka's tools look for the indexes.
    await broker.pass(60_000);
    expect(namesIn(broker.disk, '/one/orders-0')).toEqual([
      '00000000000000000000.index',
      '00000000000000000000.log',
      '00000000000000000000.timeindex',
      'partition.metadata',
    ]);
    const found = new Broker(broker.disk.powerCut(() => 0)).logs.get('orders', 0);
    expect(found).toMatchObject({ topicId: TOPIC_ID, logEndOffset: 1 });
  });

  test('forgets a log that nothing was put into, and leaves no trace of it', async () => {
    const broker = new Broker();
    broker.create('orders', 0);
    append(broker.create('orders', 1), ['a']);
    broker.logs.delete('orders', 0);
    await broker.logs.close();
    expect(namesIn(broker.disk, '/one').filter((name) => name.startsWith('orders'))).toEqual([]);
    const checkpoint = readSmallFile(broker.disk, '/two/recovery-point-offset-checkpoint')?.toString();
    expect(checkpoint).toBe('0\n1\norders 1 1\n');
    expect(readSmallFile(broker.disk, '/one/recovery-point-offset-checkpoint')?.toString()).toBe('0\n0\n');
    expect([...new Broker(broker.disk).logs.all()].map(({ partition }) => partition)).toEqual([1]);
  });

  test.each(['makeDirectory', 'open', 'write'] as const)(
    'makes a log once there is room, where there was none at its %s, and removes what there is of it',
    async (failing) => {
      const broker = new Broker();
      const logs = [broker.create('orders', 0), broker.create('orders', 1)];
      broker.disk.onOperation = (operation, path) =>
        operation === failing && path.includes('orders') ? { errno: 'ENOSPC' } : undefined;
      for (const log of logs) expect(() => append(log, ['a'])).toThrow('ENOSPC');
      broker.disk.onOperation = undefined;
      expect(broker.failures).toEqual([]);
      broker.logs.delete('orders', 1);
      expect(namesIn(broker.disk, '/two').filter((name) => name.startsWith('orders-1.'))).toHaveLength(
        failing === 'makeDirectory' ? 0 : 1,
      );
      // Had the process died there, the next one finds what there is, or nothing, and goes on from it.
      const next = new Broker(diskOf(filesBelow(broker.disk, '')));
      append(next.create('orders', 0), ['b']);
      expect(next.logs.get('orders', 0)).toMatchObject({ topicId: TOPIC_ID, logEndOffset: 1 });
      append(logs[0] ?? broker.create(), ['a']);
      await broker.logs.close();
      expect(new Broker(broker.disk).logs.get('orders', 0)).toMatchObject({
        topicId: TOPIC_ID,
        logEndOffset: 1,
      });
    },
  );

  test('notes within a tick that a segment need not be looked at after a crash, and what moves within one later', async () => {
    const broker = new Broker();
    const log = broker.create();
    const noted = () => {
      const read = readOffsetCheckpoint(broker.disk, '/one/recovery-point-offset-checkpoint');
      return read.status === 'present' ? offsetIn(read.offsets, 'orders', 0) : undefined;
    };
    append(log, ['a']);
    await log.sync();
    await broker.pass(1000);
    expect(noted()).toBeUndefined();
    log.roll(NOW_MS);
    append(log, ['b']);
    await log.flush();
    await broker.pass(1000);
    expect(noted()).toBe(2);
    append(log, ['c']);
    await log.sync();
    await broker.pass(1000);
    expect(noted()).toBe(2);
    log.abandon();
    const again = new Broker(broker.disk).logs.get('orders', 0);
    expect(again).toMatchObject({ logEndOffset: 3, recovery: { scannedSegments: 1 } });
  });

  test('keeps high watermark and log start over a clean stop', async () => {
    const broker = new Broker();
    const log = broker.create();
    append(log, ['a', 'b', 'c', 'd']);
    log.updateHighWatermark(3);
    log.maybeIncrementLogStartOffset(2);
    await broker.logs.close();
    const again = new Broker(broker.disk).logs.get('orders', 0);
    expect(again).toMatchObject({ logStartOffset: 2, highWatermark: 3, logEndOffset: 4, syncedEndOffset: 4 });
  });

  test('keeps a log start over a crash once it was asked to, and tells where it could not', async () => {
    const broker = new Broker();
    const logs = [0, 1].map((partition) => broker.create('orders', partition));
    for (const log of logs) {
      append(log, ['a', 'b', 'c', 'd']);
      void log.flushStaged();
      log.updateHighWatermark(4);
      log.maybeIncrementLogStartOffset(2);
    }
    broker.disk.onOperation = (operation, path) =>
      operation === 'write' && path.startsWith('/two/') ? { errno: 'ENOSPC' } : undefined;
    expect([...(await broker.logs.keepStartOffsets(new Set(logs)))]).toEqual([logs[1]]);
    broker.disk.onOperation = undefined;
    const again = new Broker(broker.disk).logs;
    expect([0, 1].map((partition) => again.get('orders', partition)?.logStartOffset)).toEqual([2, 0]);
    expect(broker.failures).toEqual([]);
  });

  test('renames a deleted log at once, removes it later, and starts a new one of that name empty', async () => {
    const broker = new Broker();
    const log = broker.create();
    append(log, ['a', 'b']);
    log.updateHighWatermark(2);
    log.maybeIncrementLogStartOffset(1);
    await broker.pass(61_000);
    broker.logs.delete('orders', 0);
    expect(broker.logs.get('orders', 0)).toBeUndefined();
    expect(append(log, ['late']).errorCode).toBe(56);
    const renamed = namesIn(broker.disk, '/one').filter((name) => name.endsWith('-delete'));
    expect(renamed).toEqual([expect.stringMatching(/^orders-0\.[0-9a-f]{32}-delete$/)]);
    const fresh = broker.create('orders', 0, OTHER_ID);
    expect(fresh).toMatchObject({ logStartOffset: 0, logEndOffset: 0, topicId: OTHER_ID });
    append(fresh, ['new']);
    fresh.syncNow();
    await broker.pass(smallConfig.fileDeleteDelayMs + 1);
    expect(namesIn(broker.disk, '/one').some((name) => name.endsWith('-delete'))).toBe(false);
    fresh.abandon();
    const again = new Broker(broker.disk).logs.get('orders', 0);
    expect(again).toMatchObject({ logStartOffset: 0, logEndOffset: 1, topicId: OTHER_ID });
  });

  test('takes a log whose topic id was lost or has one flipped bit for the topic that asks, and no other', async () => {
    const broker = new Broker();
    append(broker.create(), ['precious']);
    await broker.logs.close();
    const path = '/one/orders-0/partition.metadata';
    const contents = readSmallFile(broker.disk, path) ?? Buffer.alloc(0);
    for (const bit of [0, 3, 5]) {
      const flipped = Buffer.from(contents);
      flipped.writeUInt8(flipped.readUInt8(25) ^ (1 << bit), 25);
      replaceSmallFile(broker.disk, path, flipped);
      const log = new Broker(broker.disk).logs.find('orders', 0, TOPIC_ID);
      expect(log).toMatchObject({ topicId: TOPIC_ID, logEndOffset: 1 });
      expect(readSmallFile(broker.disk, path)).toEqual(contents);
    }
    replaceSmallFile(broker.disk, path, Buffer.alloc(0));
    const manager = new Broker(broker.disk).logs;
    expect(manager.get('orders', 0)?.topicId).toBe(ZERO_UUID);
    expect(manager.find('orders', 0, TOPIC_ID)?.logEndOffset).toBe(1);
    expect(manager.find('orders', 0, OTHER_ID)).toBeUndefined();
  });

  test('says once that there is nothing left to serve when the last directory fails', async () => {
    const broker = new Broker();
    const [one, two] = [broker.create('orders', 0), broker.create('orders', 1)];
    const failing = (...directories: string[]) => {
      broker.disk.onOperation = (operation, path) =>
        operation === 'sync' && directories.some((directory) => path.startsWith(directory))
          ? { errno: 'EIO' }
          : undefined;
    };
    append(one, ['a']);
    append(two, ['b']);
    failing('/one');
    await expect(one.sync()).rejects.toThrow('EIO');
    expect(broker.ends).toEqual([]);
    failing('/one', '/two');
    await expect(two.sync()).rejects.toThrow('EIO');
    expect(broker.ends.map(({ errno }) => errno)).toEqual(['EIO']);
  });

  test('does not open where no directory can be read', () => {
    const disk = new MemoryDisk();
    const broker = new Broker(disk);
    append(broker.create('orders', 0), ['a']);
    append(broker.create('orders', 1), ['b']);
    disk.onOperation = (operation, path) =>
      operation === 'open' && path.startsWith('/one') ? { errno: 'EIO' } : undefined;
    expect(new Broker(disk).failures.map(([directory]) => directory)).toEqual(['/one']);
    disk.onOperation = (operation) => (operation === 'open' ? { errno: 'EIO' } : undefined);
    expect(() => new Broker(disk)).toThrow('EIO');
  });

  test('takes a directory whose disk fails offline with its logs, and goes on in the other', async () => {
    const broker = new Broker();
    const [first, second] = [broker.create('orders', 0), broker.create('orders', 1)];
    const third = broker.create('orders', 2);
    append(first, ['a']);
    broker.disk.onOperation = (operation, path) =>
      operation === 'sync' && path.startsWith('/one') ? { errno: 'EIO' } : undefined;
    await expect(first.sync()).rejects.toThrow('EIO');
    expect([first.isOffline, second.isOffline, third.isOffline]).toEqual([true, false, true]);
    expect(broker.failures.map(([directory]) => directory)).toEqual(['/one']);
    expect(append(second, ['still here']).errorCode).toBe(0);
    expect(broker.create('orders', 3).dir).toBe('/two/orders-3');
    await broker.logs.close();
    expect(namesIn(broker.disk, '/one')).not.toContain('.kafka_cleanshutdown');
    expect(namesIn(broker.disk, '/two')).toContain('.kafka_cleanshutdown');
  });

  test('deletes what is past retention, but not while the clock has just jumped', async () => {
    const broker = new Broker();
    const log = broker.create('orders', 0, TOPIC_ID, { ...smallConfig, retentionMs: DAY_MS });
    append(log, ['old']);
    log.updateHighWatermark(1);
    await broker.pass(1000);
    broker.wallMs += 30 * DAY_MS;
    await broker.pass(301_000);
    expect(log.logStartOffset).toBe(0);
    broker.wallMs -= 30 * DAY_MS;
    await broker.pass(700_000);
    expect(log.logStartOffset).toBe(0);
    for (let hour = 0; hour < 30; hour++) {
      for (let minute = 0; minute < 60; minute++) {
        broker.wallMs += 60_000;
        broker.monotonicMs += 60_000;
      }
      await broker.logs.tick();
    }
    expect(log.logStartOffset).toBe(1);
  });

  test('deletes by size, and nothing by age, while the clock is a month ahead for hours', async () => {
    const broker = new Broker();
    const aged = broker.create('orders', 0, TOPIC_ID, { ...smallConfig, retentionMs: DAY_MS });
    const sized = broker.create('orders', 1, TOPIC_ID, {
      ...smallConfig,
      retentionMs: -1,
      retentionBytes: 0,
    });
    for (const log of [aged, sized]) {
      append(log, ['old']);
      log.roll(broker.wallMs);
      append(log, ['new']);
      log.updateHighWatermark(2);
    }
    broker.wallMs += 30 * DAY_MS;
    for (let minute = 0; minute < 300; minute++) await broker.pass(60_000);
    expect(aged.logStartOffset).toBe(0);
    expect(sized.logStartOffset).toBeGreaterThan(0);
  });

  test('passes over directories that are no logs of its own', async () => {
    const disk = new MemoryDisk();
    for (const name of [
      'lost+found',
      '__cluster_metadata-0',
      `x-0.${'a'.repeat(32)}-stray`,
      `y-0.${'a'.repeat(32)}-delete`,
    ]) {
      disk.makeDirectory(`/one/${name}`);
    }
    const broker = new Broker(disk);
    expect([...broker.logs.all()]).toEqual([]);
    await broker.pass(1000);
    expect(namesIn(disk, '/one').filter((name) => !name.includes('checkpoint'))).toEqual([
      '__cluster_metadata-0',
      'lost+found',
      `x-0.${'a'.repeat(32)}-stray`,
    ]);
  });

  test('starts though every checkpoint and mark is damaged, losing nothing that is in the logs', async () => {
    const broker = new Broker();
    const log = broker.create();
    append(log, ['a', 'b'], 3);
    append(log, ['c'], 4);
    await broker.logs.close();
    for (const name of namesIn(broker.disk, '/one').filter((entry) => entry.includes('checkpoint'))) {
      replaceSmallFile(broker.disk, `/one/${name}`, Buffer.from('0\n7\ngarb'));
    }
    replaceSmallFile(broker.disk, '/one/orders-0/leader-epoch-checkpoint', Buffer.from('0\n1\n'));
    broker.disk.removeNow('/one/.kafka_cleanshutdown');
    const again = new Broker(broker.disk).logs.get('orders', 0);
    expect(again?.logEndOffset).toBe(3);
    expect(again?.epochs).toEqual([
      { epoch: 3, startOffset: 0 },
      { epoch: 4, startOffset: 2 },
    ]);
    if (again !== undefined) expect(readAll(again).length).toBe(2);
  });
});
