/**
 * What a compaction leaves of one batch. Pure: bytes in, bytes or nothing out.
 *
 * Always true of what is left: base offset, last offset, leader epoch and the producer's fields are those of the original,
 * so that offsets never move and a producer's last sequence can be read from its last batch even when that is empty.
 * A record goes when a later one of its key is known, when it has no key, when its transaction was aborted, or when it is
 * a tombstone whose delete horizon has passed. The first compaction that keeps a tombstone, or a marker without data,
 * gives its batch that horizon: now + delete.retention.ms (KIP-534).
 *
 * Agrees with Kafka's Cleaner.cleanInto and MemoryRecords.filterTo.
 */

import type { LogRecord } from '../protocol/batch/record.ts';
import { RecordCursor } from '../protocol/batch/record.ts';
import {
  baseOffset,
  baseSequence,
  buildBatch,
  compressionType,
  deleteHorizonMs,
  firstTimestamp,
  hasProducerId,
  isControl,
  isTransactional,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  recordCount,
  recordsSection,
  sizeInBytes,
  timestampType,
} from '../protocol/batch.ts';
import type { CompactedTransactions } from './compaction-transactions.ts';
import type { CompactionStatistics, LastProducerRecord } from './compaction-types.ts';
import { CorruptSegmentError } from './compaction-types.ts';
import type { OffsetMap } from './offset-map.ts';

export interface BatchFilterParts {
  readonly map: OffsetMap;
  readonly transactions: CompactedTransactions;
  /** Of the producers that the log knows, by producer id. */
  readonly lastRecords: ReadonlyMap<number, LastProducerRecord>;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly maxMessageBytes: number;
  readonly statistics: CompactionStatistics;
}

export class BatchFilter {
  readonly #parts: BatchFilterParts;
  readonly #cursor = new RecordCursor(Buffer.alloc(0), 0, 0);

  constructor(parts: BatchFilterParts) {
    this.#parts = parts;
  }

  /**
   * The batch as it is to be kept (a view of `buffer` when nothing changes), or null when it goes. The batch must be whole
   * and have the right CRC.
   *
   * @throws {CorruptSegmentError} @throws {InvalidRecordError} @throws {CompressionError} when its records make no sense.
   */
  apply(buffer: Buffer, at: number): Buffer | null {
    const { transactions, nowMs, statistics } = this.#parts;
    const count = recordCount(buffer, at);
    const isDiscardable = transactions.isDiscardable(buffer, at);
    const horizonMs = deleteHorizonMs(buffer, at);
    statistics.recordsRead += count;
    const isMarker = isControl(buffer, at);
    const goes = isDiscardable && (!isMarker || (horizonMs !== null && horizonMs <= nowMs));
    if (goes || count === 0) return this.#emptied(buffer, at);
    if (isMarker) {
      statistics.recordsWritten += count;
      const needsHorizon = isDiscardable && horizonMs === null;
      return needsHorizon ? this.#rebuilt(buffer, at, null, count, true) : original(buffer, at);
    }
    return this.#filtered(buffer, at, count, horizonMs);
  }

  #filtered(buffer: Buffer, at: number, count: number, horizonMs: number | null): Buffer | null {
    const kept = new Uint8Array(count);
    const base = baseOffset(buffer, at);
    const section = recordsSection(buffer, at);
    const cursor = this.#cursor;
    cursor.reset(section, 0, section.length);
    const keepsTombstones = horizonMs === null || this.#parts.nowMs < horizonMs;
    let keptCount = 0;
    let hasTombstone = false;
    let index = 0;
    for (; index < count && cursor.next(); index++) {
      if (!this.#isKept(section, base + cursor.offsetDelta, keepsTombstones)) continue;
      kept[index] = 1;
      keptCount++;
      if (cursor.valueLength < 0) hasTombstone = true;
    }
    if (index < count || cursor.problem !== null)
      throw new CorruptSegmentError('a batch lacks records', base);
    this.#parts.statistics.recordsWritten += keptCount;
    if (keptCount === 0) return this.#emptied(buffer, at);
    const needsHorizon = hasTombstone && horizonMs === null;
    if (keptCount === count && !needsHorizon) return original(buffer, at);
    return this.#rebuilt(buffer, at, kept, keptCount, needsHorizon);
  }

  #isKept(section: Buffer, offset: number, keepsTombstones: boolean): boolean {
    const { map, statistics } = this.#parts;
    if (offset > map.latestOffset) return true;
    const { keyStart, keyLength, valueLength } = this.#cursor;
    if (keyLength < 0) {
      statistics.recordsWithoutKey++;
      return false;
    }
    if (offset < map.get(section.subarray(keyStart, keyStart + keyLength))) return false;
    return valueLength >= 0 || keepsTombstones;
  }

  /** The batch anew with the records marked in `kept`, or all of them; `setsHorizon` starts the time of its tombstones. */
  #rebuilt(
    buffer: Buffer,
    at: number,
    kept: Uint8Array | null,
    keptCount: number,
    setsHorizon: boolean,
  ): Buffer {
    const { nowMs, deleteRetentionMs, maxMessageBytes, statistics } = this.#parts;
    const compression = compressionType(buffer, at);
    if (compression === null)
      throw new CorruptSegmentError('a batch has no known codec', baseOffset(buffer, at));
    const horizonMs = setsHorizon ? nowMs + deleteRetentionMs : deleteHorizonMs(buffer, at);
    const rebuilt = buildBatch({
      ...this.#identity(buffer, at),
      records: this.#records(buffer, at, kept, keptCount),
      compression,
      deleteHorizonMs: horizonMs,
    });
    if (rebuilt.length > sizeInBytes(buffer, at) && rebuilt.length > maxMessageBytes) {
      statistics.oversizedBatches++;
    }
    return rebuilt;
  }

  #records(buffer: Buffer, at: number, kept: Uint8Array | null, keptCount: number): LogRecord[] {
    const section = recordsSection(buffer, at);
    const cursor = this.#cursor;
    cursor.reset(section, 0, section.length);
    const base = baseOffset(buffer, at);
    const baseMs = firstTimestamp(buffer, at);
    const isAppendTime = timestampType(buffer, at) === 'LogAppendTime';
    const records: LogRecord[] = [];
    for (let index = 0; records.length < keptCount && cursor.next(); index++) {
      if (kept !== null && kept[index] === 0) continue;
      const record = cursor.read(base, baseMs);
      records.push(isAppendTime ? { ...record, timestampMs: maxTimestamp(buffer, at) } : record);
    }
    return records;
  }

  /** Without records: kept for the sake of its producer's last sequence, else gone. */
  #emptied(buffer: Buffer, at: number): Buffer | null {
    if (!this.#isLastOfProducer(buffer, at)) return null;
    if (recordCount(buffer, at) === 0) return original(buffer, at);
    const maxTimestampMs = maxTimestamp(buffer, at);
    return buildBatch({ ...this.#identity(buffer, at), records: [], maxTimestampMs });
  }

  /** Whether the state of an active producer is told by this batch: its last data, or without any the marker of its epoch. */
  #isLastOfProducer(buffer: Buffer, at: number): boolean {
    if (!hasProducerId(buffer, at)) return false;
    const last = this.#parts.lastRecords.get(producerId(buffer, at));
    if (last === undefined) return false;
    if (last.lastDataOffset >= 0) return lastOffset(buffer, at) === last.lastDataOffset;
    return isControl(buffer, at) && producerEpoch(buffer, at) === last.producerEpoch;
  }

  /** The fields that a compaction never changes. */
  #identity(buffer: Buffer, at: number) {
    const appendTime =
      timestampType(buffer, at) === 'LogAppendTime' ? { logAppendTimeMs: maxTimestamp(buffer, at) } : {};
    return {
      baseOffset: baseOffset(buffer, at),
      lastOffset: lastOffset(buffer, at),
      leaderEpoch: partitionLeaderEpoch(buffer, at),
      producerId: producerId(buffer, at),
      producerEpoch: producerEpoch(buffer, at),
      baseSequence: baseSequence(buffer, at),
      transactional: isTransactional(buffer, at),
      control: isControl(buffer, at),
      ...appendTime,
    };
  }
}

const original = (buffer: Buffer, at: number): Buffer => buffer.subarray(at, at + sizeInBytes(buffer, at));
