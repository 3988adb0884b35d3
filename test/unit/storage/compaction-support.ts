/** A compacted log with its cleaner on a disk in memory, and a consumer that reads it as Kafka's clients do. */

import {
  ControlType,
  controlKey,
  controlTypeOf,
  endTxnMarkerValue,
} from '../../../protocol/batch/control.ts';
import type { LogRecord, RecordInput } from '../../../protocol/batch/record.ts';
import * as batch from '../../../protocol/batch.ts';
import type { CompressionType } from '../../../protocol/compression/types.ts';
import type { CleanerNote, CleanerSettings } from '../../../storage/cleaner.ts';
import { Cleaner } from '../../../storage/cleaner.ts';
import { SlicedCompaction } from '../../../storage/compaction-slices.ts';
import type { Log } from '../../../storage/log.ts';
import type { LogConfig } from '../../../storage/log-config.ts';
import { defaultLogConfig } from '../../../storage/log-config.ts';
import { LogManager } from '../../../storage/log-manager.ts';
import type { AppendResult } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import { NOW_MS, TOPIC_ID } from './support.ts';

export const LOG_DIR = '/data';
export const TOPIC = 'table';

export const compactedConfig: LogConfig = {
  ...defaultLogConfig,
  cleanupPolicy: ['compact'],
  minCleanableDirtyRatio: 0,
  segmentBytes: 4096,
  segmentIndexBytes: 1024,
  indexIntervalBytes: 100,
  deleteRetentionMs: 1_000,
};

export const testSettings: CleanerSettings = {
  threads: 1,
  backoffMs: 1,
  dedupeBufferBytes: 1 << 20,
  maxLoad: 0.9,
  ioBufferBytes: 1 << 19,
  ioMaxBytesPerSecond: Number.MAX_VALUE,
};

export interface CompactedLogOptions {
  readonly settings?: Partial<CleanerSettings>;
  readonly disk?: MemoryDisk;
  readonly config?: LogConfig;
  readonly dedupeBufferBytes?: number;
  readonly nowMs?: number;
}

/** One partition of a compacted topic, at a time that the test moves. */
export class CompactedLog {
  readonly disk: MemoryDisk;
  readonly notes: CleanerNote[] = [];
  nowMs: number;
  manager: LogManager;
  cleaner: Cleaner;
  log: Log;
  readonly #options: CompactedLogOptions;

  constructor(options: CompactedLogOptions = {}) {
    this.#options = options;
    this.disk = options.disk ?? new MemoryDisk();
    this.nowMs = options.nowMs ?? NOW_MS;
    this.manager = this.#open();
    this.log = this.manager.create(TOPIC, 0, TOPIC_ID, this.config);
    this.log.updateHighWatermark(this.log.logEndOffset);
    this.cleaner = this.#makeCleaner();
  }

  get config(): LogConfig {
    return this.#options.config ?? compactedConfig;
  }

  #open(): LogManager {
    return LogManager.open({
      disk: this.disk,
      clock: { wallMs: () => this.nowMs, monotonicMs: () => this.nowMs },
      random: () => 0,
      logDirs: [LOG_DIR],
      // As a broker, which does not know the topics' own configuration yet when it opens their logs.
      configOf: () => ({ ...this.config, cleanupPolicy: ['delete'] }),
      openProducers: openProducerState({ expirationMs: () => 1e12, isVerificationEnabled: () => false }),
      onDirectoryFailure: () => {},
    });
  }

  #makeCleaner(): Cleaner {
    return new Cleaner({
      logs: this.manager,
      disk: this.disk,
      clock: { wallMs: () => this.nowMs, monotonicMs: () => this.nowMs },
      settings: () => ({
        ...testSettings,
        dedupeBufferBytes: this.#options.dedupeBufferBytes ?? testSettings.dedupeBufferBytes,
        ...this.#options.settings,
      }),
      makeEngine: () => new SlicedCompaction(this.disk, () => Promise.resolve()),
      onNote: (note) => this.notes.push(note),
      onThreadDeath: (_, error) => {
        throw error;
      },
    });
  }

  /** Stops cleanly and starts again. */
  async restart(): Promise<void> {
    await this.cleaner.stop();
    await this.manager.close();
    this.#reopen();
  }

  /** Starts again without having stopped. */
  async crash(): Promise<void> {
    // What a process has begun ends with it, and not in the files of the next.
    await new Promise((resolve) => setImmediate(resolve));
    this.#reopen();
  }

  #reopen(): void {
    this.manager = this.#open();
    this.log = this.manager.create(TOPIC, 0, TOPIC_ID, this.config);
    this.log.updateHighWatermark(this.log.logEndOffset);
    this.cleaner = this.#makeCleaner();
  }

  /** Appends, and commits at once. */
  append(records: Buffer, origin: 'client' | 'coordinator' = 'client'): AppendResult {
    const result = this.log.appendAsLeader(records, { leaderEpoch: 0, origin, nowMs: this.nowMs });
    void this.log.flushStaged();
    this.log.updateHighWatermark(this.log.logEndOffset);
    return result;
  }

  /** One batch of `key=value`; a value of null is a tombstone. */
  put(entries: Readonly<Record<string, string | null>>, options: BatchOptions = {}): AppendResult {
    return this.append(keyedBatch(Object.entries(entries), { timestampMs: this.nowMs, ...options }));
  }

  marker(producerId: number, producerEpoch: number, isCommit: boolean): AppendResult {
    return this.append(markerBatch(producerId, producerEpoch, isCommit, this.nowMs), 'coordinator');
  }

  roll(): void {
    this.log.roll(this.nowMs);
  }

  /** Closes the active segment and compacts, once. */
  async compact(): Promise<void> {
    this.roll();
    await this.cleaner.cleanDirtiest();
  }
}

export interface BatchOptions {
  readonly timestampMs?: number;
  readonly compression?: CompressionType;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
}

export function keyedBatch(
  entries: readonly (readonly [string | null, string | null])[],
  options: BatchOptions = {},
): Buffer {
  const records: RecordInput[] = entries.map(([key, value], index) => ({
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: index % 3 === 0 ? [{ key: 'h', value: Buffer.from(String(index)) }] : [],
    timestampMs: (options.timestampMs ?? NOW_MS) + index,
  }));
  return batch.buildBatch({ ...options, records });
}

export function markerBatch(
  producerId: number,
  producerEpoch: number,
  isCommit: boolean,
  timestampMs: number,
): Buffer {
  const type = isCommit ? ControlType.COMMIT : ControlType.ABORT;
  return batch.buildBatch({
    records: [{ key: controlKey(type), value: endTxnMarkerValue(0), timestampMs }],
    producerId,
    producerEpoch,
    control: true,
    transactional: true,
  });
}

/** Whole batches from `offset` on, as fetched in pieces of `maxBytes`, with what a fetch answer says of aborts. */
export function* fetchAll(log: Log, offset: number, upTo: number, maxBytes = 500) {
  for (let next = offset; next < upTo; ) {
    const read = log.read(next, { maxBytes, minOneBatch: true, upTo });
    if (read.errorCode !== 0) throw new Error(`fetch at ${next} failed with ${read.errorCode}`);
    if (read.bytes === 0) return;
    const aborted = log.collectAbortedTransactions(read);
    const batches: Buffer[] = [];
    for (const chunk of read.records) {
      for (const at of batch.batchPositions(chunk)) {
        batches.push(Buffer.from(chunk.subarray(at, at + batch.sizeInBytes(chunk, at))));
        next = batch.nextOffset(chunk, at);
      }
    }
    yield { batches, aborted };
  }
}

/** What a consumer with isolation.level=read_committed gets, as Kafka's client filters it. */
export function readCommitted(log: Log, offset = 0): LogRecord[] {
  const records: LogRecord[] = [];
  let last = offset - 1;
  for (const { batches, aborted } of fetchAll(log, offset, log.lastStableOffset)) {
    const pending = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    const abortedProducers = new Set<number>();
    for (const bytes of batches) {
      while (pending[0] !== undefined && pending[0].firstOffset <= batch.lastOffset(bytes)) {
        abortedProducers.add(pending.shift()?.producerId ?? -1);
      }
      if (!batch.isCrcValid(bytes)) throw new Error('a batch has the wrong CRC');
      if (batch.lastOffset(bytes) <= last) throw new Error('offsets do not ascend');
      last = batch.lastOffset(bytes);
      const id = batch.producerId(bytes);
      const content = [...batch.iterateRecords(bytes)];
      if (batch.isControl(bytes)) {
        if (controlTypeOf(content[0]?.key ?? null) === ControlType.ABORT) abortedProducers.delete(id);
        continue;
      }
      if (batch.isTransactional(bytes) && abortedProducers.has(id)) continue;
      records.push(...content.filter((record) => record.offset >= offset));
    }
  }
  return records;
}

/** Keys and values in order of offset, as `key=value`; tombstones as `key=`. */
export const shown = (records: readonly LogRecord[]): string[] =>
  records.map(({ key, value }) => `${key?.toString() ?? '(none)'}=${value?.toString() ?? ''}`);

/** Every batch of the log as one line: offsets, count and what it is. */
export function batchesOf(log: Log): string[] {
  const lines: string[] = [];
  for (const { batches } of fetchAll(log, log.logStartOffset, log.logEndOffset)) {
    for (const bytes of batches) {
      const count = batch.recordCount(bytes);
      const kind = batch.isControl(bytes) ? 'marker' : 'data';
      lines.push(`${batch.baseOffset(bytes)}-${batch.lastOffset(bytes)} ${kind} ${count}`);
    }
  }
  return lines;
}
