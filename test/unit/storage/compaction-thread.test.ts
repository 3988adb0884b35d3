/** The cleaner on a real directory, with its worker: needs a Node that runs TypeScript. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CleanerNote } from '../../../storage/cleaner.ts';
import { Cleaner } from '../../../storage/cleaner.ts';
import { ThreadedCompaction } from '../../../storage/cleaner-thread.ts';
import { systemClock } from '../../../storage/clock.ts';
import type { Disk } from '../../../storage/disk.ts';
import { openNodeDisk } from '../../../storage/disk.ts';
import type { Log } from '../../../storage/log.ts';
import { LogManager } from '../../../storage/log-manager.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import {
  compactedConfig,
  keyedBatch,
  markerBatch,
  readCommitted,
  testSettings,
} from './compaction-support.ts';
import { TOPIC_ID } from './support.ts';

/** A worker made from sources loads TypeScript as Node does, without vitest; older Nodes run it from dist/ alone. */
const canRunTypeScript = Number(process.versions.node.split('.')[0]) >= 24;

describe.skipIf(!canRunTypeScript)('the worker of the cleaner', () => {
  let dir = '';
  let disk: Disk;
  let manager: LogManager;
  let log: Log;
  let notes: CleanerNote[];

  const cleanerWith = (bytesPerSecond: number): Cleaner =>
    new Cleaner({
      logs: manager,
      disk,
      clock: systemClock,
      settings: () => ({ ...testSettings, ioMaxBytesPerSecond: bytesPerSecond }),
      makeEngine: () => new ThreadedCompaction(),
      onNote: (note) => notes.push(note),
      onThreadDeath: (_, error) => {
        throw error;
      },
    });

  const append = (records: Buffer, origin: 'client' | 'coordinator' = 'client') => {
    log.appendAsLeader(records, { leaderEpoch: 0, origin, nowMs: Date.now() });
    void log.flushStaged();
    log.updateHighWatermark(log.logEndOffset);
  };

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sordini-compaction-'));
    disk = openNodeDisk();
    notes = [];
    manager = LogManager.open({
      disk,
      clock: systemClock,
      random: () => 0,
      logDirs: [dir],
      configOf: () => compactedConfig,
      openProducers: openProducerState({ expirationMs: () => 1e12, isVerificationEnabled: () => false }),
      onDirectoryFailure: () => {},
    });
    log = manager.create('table', 0, TOPIC_ID, { ...compactedConfig, segmentBytes: 100_000 });
    for (let index = 0; index < 2_000; index++) {
      append(keyedBatch([[`k${index % 50}`, `v${index}`.padEnd(100, '.')]], { timestampMs: Date.now() }));
      if (index % 100 !== 0) continue;
      const producer = { producerId: 7, producerEpoch: 0, baseSequence: index / 100, transactional: true };
      append(keyedBatch([[`t${index}`, 'x']], { ...producer, timestampMs: Date.now() }));
      append(markerBatch(7, 0, index % 200 === 0, Date.now()), 'coordinator');
    }
    log.roll(Date.now());
  });

  afterEach(async () => {
    await manager.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test('compacts a log whose files the system holds', async () => {
    const before = new Map(readCommitted(log).map((record) => [record.key?.toString(), record.offset]));
    const cleaner = cleanerWith(Number.MAX_VALUE);
    await cleaner.cleanAll();
    expect(notes).toMatchObject([{ kind: 'compacted' }]);
    const after = readCommitted(log).map((record) => [record.key?.toString(), record.offset] as const);
    expect(new Map(after)).toEqual(before);
    expect(after.length).toBe(before.size);
    await cleaner.stop();
  });

  test('is ended at once, whatever it does, and leaves nothing behind', async () => {
    // At this rate it would take minutes.
    const cleaner = cleanerWith(1_000);
    const cleaning = cleaner.cleanAll();
    // The checkpoint names the log just before the worker is asked.
    while (manager.directories[0]?.cleanerOffset(log) === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await cleaner.stop();
    await cleaning;
    expect(notes).toEqual([]);
    expect(readdirSync(log.dir).filter((name) => name.includes('cleaned'))).toEqual([]);
    expect(readCommitted(log).length).toBeGreaterThan(2_000);
  });
});
