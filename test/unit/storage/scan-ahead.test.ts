/** Segments checked ahead of recovery: whatever a helper does, a directory becomes what it becomes without one. */

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildBatch } from '../../../protocol/batch.ts';
import { writeOffsetCheckpoint } from '../../../storage/checkpoint.ts';
import type { Disk, DiskFile } from '../../../storage/disk.ts';
import { DiskError, openNodeDisk } from '../../../storage/disk.ts';
import { RECOVERY_POINT_FILE } from '../../../storage/layout.ts';
import { defaultLogConfig } from '../../../storage/log-config.ts';
import { LogManager } from '../../../storage/log-manager.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import type { ScanAheadJob, ScanHelpers } from '../../../storage/scan-ahead.ts';
import { ScanAhead, scanAhead, unflushedSegments } from '../../../storage/scan-ahead.ts';
import { ScanAheadTable } from '../../../storage/scan-ahead-table.ts';
import { threadedScans } from '../../../storage/scan-ahead-thread.ts';
import { until } from '../../helpers/until.ts';
import { markerBatch } from './compaction-support.ts';
import { diskOf, filesBelow, NOW_MS, seeded, TOPIC_ID } from './support.ts';

const DIR = '/data';
const LOGS = ['a-0', 'b-0', 'c-0'];
/** Of the log in the middle; in its midst. */
const RECOVERY_POINT = 50;
const config = {
  ...defaultLogConfig,
  segmentBytes: 6_000,
  segmentIndexBytes: 1_024,
  indexIntervalBytes: 300,
};
/** A worker made from sources loads TypeScript as Node does, without vitest; older Nodes run it from dist/ alone. */
const canRunTypeScript = Number(process.versions.node.split('.')[0]) >= 24;

type Files = ReadonlyMap<string, Buffer>;

function open(disk: Disk, scanHelpers?: ScanHelpers, dir = DIR, isAlone = false): LogManager {
  return LogManager.open({
    disk,
    clock: { wallMs: () => NOW_MS, monotonicMs: () => 0 },
    random: () => 0.5,
    logDirs: [dir],
    isAlone,
    configOf: () => config,
    openProducers: openProducerState({ expirationMs: () => 1e12, isVerificationEnabled: () => false }),
    onDirectoryFailure: (directory, cause) => expect(`${directory}: ${cause.message}`).toBe('no failure'),
    ...(scanHelpers === undefined ? {} : { scanHelpers }),
  });
}

/** Logs of several segments: plain, idempotent and transactional batches of all sizes, aborted transactions, two epochs. */
async function killedDirectory(disk: Disk, dir = DIR): Promise<void> {
  const logs = open(disk, undefined, dir);
  for (const topic of ['a', 'b', 'c']) {
    const log = logs.create(topic, 0, TOPIC_ID, config);
    const append = (records: Buffer, index: number, origin: 'client' | 'coordinator' = 'client') => {
      const options = { leaderEpoch: index < 20 ? 1 : 3, origin, nowMs: NOW_MS } as const;
      expect(log.appendAsLeader(records, options).errorCode).toBe(0);
    };
    for (let index = 0; index < 40; index++) {
      const value = Buffer.from(`${topic} ${index} `.padEnd(20 + (index % 7) * 150, 'x'));
      const producer = { producerId: 7, producerEpoch: 0, baseSequence: (index / 2) * 2 };
      const isByProducer = index % 2 === 0;
      append(
        buildBatch({
          records: [{ value }, { value }],
          timestampMs: NOW_MS + index,
          ...(isByProducer ? { ...producer, transactional: index % 4 === 0 } : {}),
        }),
        index,
      );
      if (index % 4 === 0) append(markerBatch(7, 0, index % 8 === 0, NOW_MS), index, 'coordinator');
    }
    await log.flush();
    log.updateHighWatermark(log.logEndOffset);
  }
  for (const log of logs.all()) log.abandon();
  writeOffsetCheckpoint(
    disk,
    `${dir}/${RECOVERY_POINT_FILE}`,
    new Map([['b', new Map([[0, RECOVERY_POINT]])]]),
  );
}

/** All that a start has made of the directory. */
function outcome(disk: Disk, logs: LogManager) {
  const facts = [...logs.all()].map((log) => ({
    name: log.dir,
    start: log.logStartOffset,
    end: log.logEndOffset,
    stable: log.lastStableOffset,
    recoveryPoint: log.recoveryPoint,
    epochs: log.epochs,
    producers: [...log.producers.activeProducers()],
    recovery: log.recovery,
  }));
  const files = [...filesBelow(disk, logs.directories[0]?.path ?? '')].map(([path, bytes]) => ({
    path,
    sha1: createHash('sha1').update(bytes).digest('hex'),
  }));
  return { facts, files };
}

/** Helpers that do all, or a part, of their work before recovery begins. */
const helpers = (count: number, run: (job: ScanAheadJob) => void): ScanHelpers => ({
  countFor: () => count,
  start: run,
});

/** A disk on whose files each read is preceded by this. */
function watched(disk: Disk, beforeRead: (path: string, bytes: number) => void): Disk {
  const watchedFile = (file: DiskFile): DiskFile =>
    new Proxy(file, {
      get: (target, name) => {
        if (name === 'read') {
          return (into: Uint8Array, position: number) => {
            beforeRead(target.path, into.length);
            return target.read(into, position);
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return new Proxy(disk, {
    get: (target, name) => {
      if (name === 'open') return (path: string, create: boolean) => watchedFile(target.open(path, create));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A disk whose files fail after so many reads. */
function failingAfter(disk: Disk, reads: number, error: () => Error): Disk {
  let left = reads;
  return watched(disk, () => {
    if (left-- <= 0) throw error();
  });
}

/** Cuts, zeros and flips in the segments. */
function damaged(files: Files, random: () => number): Map<string, Buffer> {
  const copy = new Map([...files].map(([path, bytes]) => [path, Buffer.from(bytes)]));
  const segments = [...copy.keys()].filter((path) => path.endsWith('.log'));
  for (let hits = Math.floor(random() * 4); hits > 0; hits--) {
    const path = segments[Math.floor(random() * segments.length)] ?? '';
    const bytes = copy.get(path) ?? Buffer.alloc(0);
    const at = Math.floor(random() * bytes.length);
    const kind = random();
    if (kind < 0.2) copy.set(path, bytes.subarray(0, at));
    else if (kind < 0.4) bytes.fill(0, at);
    else if (kind < 0.5) copy.delete(path);
    else if (kind < 0.6) bytes.fill(0xff, at, Math.min(at + 100, bytes.length));
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return copy;
}

describe('segments checked ahead of recovery', () => {
  let files: Files;

  beforeEach(async () => {
    const disk = new MemoryDisk();
    await killedDirectory(disk);
    files = filesBelow(disk, DIR);
    expect([...files.keys()].filter((path) => path.endsWith('.log')).length).toBeGreaterThan(8);
  });

  test('leave of any damaged directory what recovery alone leaves, bit for bit (seed 4711)', () => {
    const random = seeded(4711);
    let told = 0;
    for (let round = 0; round < 150; round++) {
      const before = damaged(files, random);
      const isAlone = random() < 0.5;
      const alone = diskOf(before);
      const expected = outcome(alone, open(alone, undefined, DIR, isAlone));
      const reads = Math.floor(random() * 30);
      const ways: ((disk: Disk, job: ScanAheadJob) => void)[] = [
        // All of it; as far as a disk that fails lets it; and a thread that dies.
        (disk, job) => scanAhead(disk, job),
        (disk, job) =>
          scanAhead(
            failingAfter(disk, reads, () => new DiskError('EIO', 'read', DIR)),
            job,
          ),
        (disk, job) => {
          const dying = failingAfter(disk, reads, () => new Error('dies'));
          try {
            scanAhead(dying, job);
          } catch {
            // It is gone.
          }
        },
      ];
      for (const way of ways) {
        const disk = diskOf(before);
        const logs = open(
          disk,
          helpers(1, (job) => {
            way(disk, job);
            told += new Int32Array(job.shared).reduce((sum, value) => sum + value, 0);
          }),
          DIR,
          isAlone,
        );
        expect(outcome(disk, logs)).toEqual(expected);
      }
    }
    expect(told).toBeGreaterThan(100_000);
  });

  test('are read again for their headers alone, and the others whole', async () => {
    const disk = new MemoryDisk();
    const logs = open(disk);
    const value = Buffer.alloc(50_000, 'x');
    for (let partition = 0; partition < 4; partition++) {
      const log = logs.create('large', partition, TOPIC_ID, defaultLogConfig);
      for (let index = 0; index < 20; index++) {
        const batch = buildBatch({ records: [{ value }], timestampMs: NOW_MS });
        log.appendAsLeader(batch, { leaderEpoch: 0, origin: 'client', nowMs: NOW_MS });
      }
      await log.flush();
      log.abandon();
    }
    const killed = filesBelow(disk, DIR);
    const readBytes = (run: (job: ScanAheadJob) => void): number => {
      let bytes = 0;
      const counting = watched(diskOf(killed), (path, length) => {
        if (path.endsWith('.log')) bytes += length;
      });
      const recovered = [...open(counting, helpers(1, run)).all()];
      expect(recovered.map((log) => log.logEndOffset)).toEqual([20, 20, 20, 20]);
      return bytes;
    };
    const logBytes = 20 * 50_000;
    const none = readBytes(() => {});
    const two = readBytes((job) => {
      const table = new ScanAheadTable(job.shared);
      for (const index of [0, 1]) table.takeOver(index);
      scanAhead(diskOf(killed), job);
    });
    const all = readBytes((job) => scanAhead(diskOf(killed), job));
    expect(none).toBeGreaterThan(4 * logBytes);
    expect(two).toBeGreaterThan(2 * logBytes);
    expect(two).toBeLessThan(3 * logBytes);
    expect(all).toBeLessThan(logBytes);
  });

  test('are listed from the recovery point on, in the order in which recovery comes to them', () => {
    const disk = diskOf(files);
    let paths: readonly string[] = [];
    const logs = open(
      disk,
      helpers(1, (job) => {
        paths = job.paths;
      }),
    );
    const segments = [...files.keys()].filter((path) => path.endsWith('.log')).sort();
    const offsetOf = (path: string): number => Number(path.slice(-'.log'.length - 20, -'.log'.length));
    const ofB = segments.filter((path) => path.startsWith(`${DIR}/b-0/`));
    const recoveryPointIn = ofB.filter((path) => offsetOf(path) <= RECOVERY_POINT).at(-1) ?? '';
    const below = ofB.filter((path) => path < recoveryPointIn);
    expect(below.length).toBeGreaterThan(1);
    expect(paths).toEqual(segments.filter((path) => !below.includes(path)));
    expect([...logs.all()].map(({ dir }) => dir)).toEqual(LOGS.map((name) => `${DIR}/${name}`));
  });

  test('are none of a log where a crash interrupted a swap: another file is about to take the name', () => {
    const before = new Map(files);
    const path = [...files.keys()]
      .filter((name) => name.startsWith(`${DIR}/a-0/`) && name.endsWith('.log'))
      .sort()[0];
    const original = files.get(path ?? '') ?? Buffer.alloc(0);
    const swapped = Buffer.from(original);
    swapped.fill(0xee, 200, 230);
    before.set(`${path}.swap`, swapped);
    const alone = diskOf(before);
    const expected = outcome(alone, open(alone));
    const disk = diskOf(before);
    const logs = open(
      disk,
      helpers(1, (job) => scanAhead(diskOf(before), job)),
    );
    expect(outcome(disk, logs)).toEqual(expected);
    expect(unflushedSegments(diskOf(before), `${DIR}/a-0`, 0)).toEqual([]);
    expect(unflushedSegments(diskOf(files), `${DIR}/a-0`, 0)).not.toEqual([]);
  });

  test('are none after a clean stop', async () => {
    const disk = diskOf(files);
    await open(disk).close();
    let asked = -1;
    open(disk, {
      countFor: (bytes) => {
        asked = bytes;
        return 0;
      },
      start: () => {},
    });
    expect(asked).toBe(0);
  });

  test('no longer count when recovery is over', () => {
    const disk = diskOf(files);
    const segments = unflushedSegments(disk, `${DIR}/a-0`, 0);
    const ahead = new ScanAhead(
      segments,
      helpers(1, (job) => scanAhead(disk, job)),
    );
    const [first, second] = segments;
    expect(ahead.takeOver(first?.path ?? '')).toBe(first?.sizeBytes);
    ahead.end();
    expect(ahead.takeOver(second?.path ?? '')).toBe(0);
  });
});

describe('the table of segments', () => {
  test('gives helpers the last one that nobody has, each once', () => {
    const table = ScanAheadTable.of(4);
    const other = new ScanAheadTable(table.shared);
    table.takeOver(0);
    expect([table.claimLast(), other.claimLast(), table.claimLast(), other.claimLast()]).toEqual([
      3, 2, 1, -1,
    ]);
  });

  test('tells recovery what was published before it took the segment over, and the helper to let go of it', () => {
    const table = ScanAheadTable.of(2);
    const helper = new ScanAheadTable(table.shared);
    expect(helper.claimLast()).toBe(1);
    expect(helper.publish(1, 100)).toBe(true);
    expect(table.takeOver(1)).toBe(100);
    expect(helper.publish(1, 200)).toBe(false);
    expect(table.takeOver(0)).toBe(0);
    expect(helper.claimLast()).toBe(-1);
  });

  test('never tells more than was published, whatever the size of a file', () => {
    const table = ScanAheadTable.of(1);
    table.claimLast();
    table.publish(0, 5_000_000_000);
    expect(table.takeOver(0)).toBe(2_147_483_647);
  });
});

describe('helpers in workers', () => {
  let dir = '';
  let disk: Disk;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sordini-ahead-'));
    disk = openNodeDisk();
    await killedDirectory(disk, dir);
  });

  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test.skipIf(!canRunTypeScript)('check every segment that they are told of', async () => {
    const segments = LOGS.flatMap((name) => unflushedSegments(disk, `${dir}/${name}`, 0));
    const table = ScanAheadTable.of(segments.length);
    threadedScans().start({ paths: segments.map(({ path }) => path), shared: table.shared });
    const told = new Int32Array(table.shared).subarray(segments.length);
    await until(() => segments.every(({ sizeBytes }, index) => Atomics.load(told, index) === sizeBytes));
  });

  test('that can not be loaded are not missed', () => {
    const broken = threadedScans(new URL('./no-such-worker.js', import.meta.url));
    let started = 0;
    const logs = open(
      disk,
      helpers(2, (job) => {
        started++;
        broken.start(job);
      }),
      dir,
    );
    expect(started).toBe(2);
    expect([...logs.all()].map((log) => log.logEndOffset > 0)).toEqual([true, true, true]);
    for (const log of logs.all()) log.abandon();
  });

  test('are not started for little', () => {
    const { countFor } = threadedScans();
    expect(countFor(1_000_000)).toBe(0);
    expect(countFor(1e12)).toBeLessThanOrEqual(3);
  });
});
