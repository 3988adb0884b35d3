/**
 * One bit flipped in any file of a data directory, the log manager started on it: never a wrong byte, and nothing goes
 * that was not hit. The disk is in memory, so that thousands of flips fit into a test.
 *
 * What must hold after each flip: every other log is whole; of the log that was hit every batch that is served is the
 * one that was written; batches before and after the damage are served; the damaged one is refused with
 * CORRUPT_MESSAGE (or, above what was synced, ends the log as a torn write does).
 */
import { describe, expect, test } from 'vitest';
import { baseOffset, buildBatch, lastOffset, sizeInBytes } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { Log } from '../../storage/log.ts';
import { defaultLogConfig } from '../../storage/log-config.ts';
import { LogManager } from '../../storage/log-manager.ts';
import { MemoryDisk } from '../../storage/memory-disk.ts';
import { openProducerState } from '../../storage/producer-state.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';
import { diskOf, filesBelow, seeded } from '../unit/storage/support.ts';

const DIR = '/data';
const NOW_MS = 1_700_000_000_000;
const BATCHES = 40;
const TOPIC_IDS: Readonly<Record<string, string>> = {
  hit: 'q1w2e3r4t5y6u7i8o9p0Aw',
  beside: 'z1x2c3v4b5n6m7a8s9d0Fg',
};
const config = {
  ...defaultLogConfig,
  segmentBytes: 1_500,
  segmentIndexBytes: 1_024,
  indexIntervalBytes: 200,
};

function open(disk: MemoryDisk): { logs: LogManager; failures: string[] } {
  const failures: string[] = [];
  const logs = LogManager.open({
    disk,
    clock: new VirtualTime(NOW_MS),
    random: () => 0.5,
    logDirs: [DIR],
    configOf: () => config,
    openProducers: openProducerState({ expirationMs: () => 86_400_000, isVerificationEnabled: () => false }),
    onDirectoryFailure: (directory, cause) => failures.push(`${directory}: ${cause.message}`),
  });
  return { logs, failures };
}

/** Two logs of several segments with plain and idempotent batches; stopped cleanly, or killed after a sync. */
async function dataDirectory(isClean: boolean): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { logs } = open(disk);
  for (const [topic, id] of Object.entries(TOPIC_IDS)) {
    const log = logs.create(topic, 0, id, config);
    for (let index = 0; index < BATCHES; index++) {
      const batch = buildBatch({
        records: [{ value: Buffer.from(`${topic} ${index}`) }, { value: Buffer.from('x'.repeat(index)) }],
        timestampMs: NOW_MS + index,
        ...(index % 3 === 0 ? { producerId: 7, producerEpoch: 0, baseSequence: (index / 3) * 2 } : {}),
      });
      const { errorCode } = log.appendAsLeader(batch, { leaderEpoch: 1, origin: 'client', nowMs: NOW_MS });
      expect(errorCode).toBe(0);
    }
    await log.flush();
    log.updateHighWatermark(log.logEndOffset);
  }
  for (const directory of logs.directories) {
    directory.checkpointRecoveryPoints();
    directory.checkpointHighWatermarks();
    directory.checkpointStartOffsets();
  }
  if (isClean) await logs.close();
  return disk;
}

/** Batch by batch from the start: the bytes after the CRC's reach (base offset, epoch) are compared by the reader. */
function readAll(log: Log, maxBytes: number): { batches: Map<number, Buffer>; corrupt: number[] } {
  const batches = new Map<number, Buffer>();
  const corrupt: number[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const read = log.read(offset, { maxBytes, minOneBatch: true });
    if (read.errorCode === ErrorCode.CORRUPT_MESSAGE) {
      corrupt.push(offset);
      offset += 1;
      continue;
    }
    expect(read.errorCode).toBe(0);
    const [records] = read.records;
    if (records === undefined) break;
    for (let at = 0; at < records.length; at += sizeInBytes(records, at)) {
      batches.set(baseOffset(records, at), Buffer.from(records.subarray(at, at + sizeInBytes(records, at))));
      offset = lastOffset(records, at) + 1;
    }
  }
  return { batches, corrupt };
}

/** Of a batch everything but the leader epoch is certain: the CRC does not cover that. */
const body = (batch: Buffer): Buffer => Buffer.concat([batch.subarray(0, 12), batch.subarray(16)]);

interface Flip {
  readonly path: string;
  readonly byte: number;
  readonly bit: number;
}

function check(
  files: ReadonlyMap<string, Buffer>,
  flip: Flip,
  isClean: boolean,
  // Batch by batch, or as much as there is: the reader of much looks at a batch in another place.
  maxBytes = flip.byte % 2 === 0 ? 1 : 1 << 20,
): void {
  const disk = diskOf(files);
  const file = disk.open(flip.path, false);
  const target = Buffer.alloc(1);
  file.read(target, flip.byte);
  target.writeUInt8(target.readUInt8(0) ^ (1 << flip.bit), 0);
  file.write([target], flip.byte);
  file.close();
  const { logs, failures } = open(disk);
  expect(failures).toEqual([]);
  for (const topic of ['hit', 'beside']) {
    const id = TOPIC_IDS[topic] ?? '';
    const log = logs.find(topic, 0, id);
    if (log === undefined) throw new Error(`${topic} is not found`);
    const { batches, corrupt } = readAll(log, maxBytes);
    const isHit = flip.path.includes(`/${topic}-0/`);
    let missing = 0;
    for (let index = 0; index < BATCHES; index++) {
      const batch = batches.get(index * 2);
      const written = expectedBatches(files, topic).get(index * 2);
      if (batch === undefined) missing++;
      else expect(body(batch).equals(body(written ?? Buffer.alloc(0)))).toBe(true);
    }
    const isInBatches = isHit && flip.path.endsWith('.log');
    // A clean stop or a recovery point covers all: one batch is refused, and those around it are served.
    expect(missing).toBeLessThanOrEqual(isInBatches ? 1 : 0);
    expect(corrupt.length > 0, `${corrupt} refused, ${missing} missing`).toBe(missing > 0);
    expect(log.logEndOffset, isClean ? 'clean' : 'killed').toBe(BATCHES * 2);
  }
}

const expected = new WeakMap<ReadonlyMap<string, Buffer>, Map<string, Map<number, Buffer>>>();

function expectedBatches(files: ReadonlyMap<string, Buffer>, topic: string): Map<number, Buffer> {
  const known = expected.get(files) ?? new Map<string, Map<number, Buffer>>();
  expected.set(files, known);
  let batches = known.get(topic);
  if (batches === undefined) {
    batches = new Map();
    for (const [path, bytes] of files) {
      if (!path.includes(`/${topic}-0/`) || !path.endsWith('.log')) continue;
      for (let at = 0; at < bytes.length; at += sizeInBytes(bytes, at)) {
        batches.set(baseOffset(bytes, at), bytes.subarray(at, at + sizeInBytes(bytes, at)));
      }
    }
    known.set(topic, batches);
  }
  return batches;
}

describe.each([
  ['stopped cleanly', true],
  ['killed', false],
] as const)('a flipped bit in the directory of a broker that was %s', (_name, isClean) => {
  test('in a small file, at every bit, costs nothing', async () => {
    const files = filesBelow(await dataDirectory(isClean), DIR);
    for (const [path, bytes] of files) {
      if (path.endsWith('.log') || path.includes('/beside-0/')) continue;
      const step = bytes.length <= 200 ? 1 : Math.ceil((bytes.length * 8) / 400);
      for (let bit = 0; bit < bytes.length * 8; bit += step) {
        const flip = { path, byte: bit >> 3, bit: bit & 7 };
        try {
          check(files, flip, isClean);
        } catch (error) {
          throw new Error(`${path} byte ${flip.byte} bit ${flip.bit}: ${error}`, { cause: error });
        }
      }
    }
  });

  test.each([1, 2, 3])('in a segment costs at most the batch that it hits (seed %i)', async (seed) => {
    const files = filesBelow(await dataDirectory(isClean), DIR);
    const segments = [...files].filter(([path]) => path.endsWith('.log') && path.includes('/hit-0/'));
    const random = seeded(seed);
    for (let count = 0; count < 400; count++) {
      const [path, bytes] = segments[Math.floor(random() * segments.length)] ?? ['', Buffer.alloc(0)];
      const flip = { path, byte: Math.floor(random() * bytes.length), bit: Math.floor(random() * 8) };
      try {
        check(files, flip, isClean);
      } catch (error) {
        throw new Error(`${path} byte ${flip.byte} bit ${flip.bit}: ${error}`, { cause: error });
      }
    }
  });

  test("in the offset of a segment's last batch is noticed by a reader of much", async () => {
    const files = filesBelow(await dataDirectory(isClean), DIR);
    for (const [path, bytes] of files) {
      if (!path.endsWith('.log') || !path.includes('/hit-0/')) continue;
      let last = 0;
      for (let at = 0; at < bytes.length; at += sizeInBytes(bytes, at)) last = at;
      for (let byte = last; byte < last + 8; byte++) {
        for (let bit = 0; bit < 8; bit++) check(files, { path, byte, bit }, isClean, 1 << 20);
      }
    }
  });
});
