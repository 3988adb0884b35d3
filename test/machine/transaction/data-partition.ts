/**
 * A data partition of the simulation: a real log on a disk in memory, whose high watermark moves when the simulation
 * says so, and a consumer's view of it.
 */

import { ControlType, controlTypeOf } from '../../../protocol/batch/control.ts';
import * as batches from '../../../protocol/batch.ts';
import { markerBatch } from '../../../src/machine/transaction-markers.ts';
import type { TransactionMarker } from '../../../src/machine/transaction-ports.ts';
import { Log } from '../../../storage/log.ts';
import { defaultLogConfig } from '../../../storage/log-config.ts';
import { NEW_LOG } from '../../../storage/log-types.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { openProducerState } from '../../../storage/producer-state.ts';
import { StagingPool } from '../../../storage/staging.ts';
import { EPOCH_MS } from './harness.ts';

const WEEK_MS = 7 * 24 * 3_600_000;
const pool = new StagingPool();

/** Small segments, so that transactions span them and their indexes. */
const config = {
  ...defaultLogConfig,
  segmentBytes: 1_024,
  segmentIndexBytes: 1_024,
  indexIntervalBytes: 128,
};

export function openDataLog(disk: MemoryDisk, topic: string, partition: number): Log {
  const directory = `/data/${topic}-${partition}`;
  disk.makeDirectory(directory);
  return new Log(
    { topic, partition, topicId: 'q1w2e3r4t5y6u7i8o9p0Aw', directory },
    config,
    NEW_LOG,
    {
      disk,
      stagingPool: pool,
      openProducers: openProducerState({ expirationMs: () => WEEK_MS, isVerificationEnabled: () => true }),
      random: () => 0,
      onFailure: (_log, error) => {
        throw error;
      },
      beforeTruncation: () => {},
    },
    EPOCH_MS,
  );
}

export class DataPartition {
  readonly name: string;
  readonly log: Log;
  /** What a reader of committed data has seen so far, from the start. */
  visible: string[] = [];
  #lastStableOffset = 0;

  constructor(topic: string, partition: number) {
    this.name = `${topic}-${partition}`;
    this.log = openDataLog(new MemoryDisk(), topic, partition);
  }

  produce(records: Buffer, nowMs: number, verificationGuard: number) {
    return this.log.appendAsLeader(records, { leaderEpoch: 0, origin: 'client', nowMs, verificationGuard });
  }

  mark(marker: TransactionMarker, nowMs: number) {
    return this.log.appendAsLeader(markerBatch(marker, nowMs), {
      leaderEpoch: 0,
      origin: 'coordinator',
      nowMs,
    });
  }

  commit(): void {
    void this.log.flushStaged();
    this.log.updateHighWatermark(this.log.logEndOffset);
  }

  readCommitted(): string[] {
    return readCommitted(this.log);
  }

  /** Everything that was ever appended, whatever became of it. */
  readAll(): string[] {
    const { log } = this;
    this.commit();
    const values: string[] = [];
    for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
      const read = log.read(offset, { maxBytes: 10_000, minOneBatch: true });
      for (const chunk of read.records) {
        for (const position of batches.batchPositions(chunk)) {
          offset = batches.nextOffset(chunk, position);
          if (batches.isControl(chunk, position)) continue;
          for (const { value } of batches.iterateRecords(chunk, position)) values.push(String(value));
        }
      }
    }
    return values;
  }

  /** Never goes back. */
  checkLastStableOffset(): boolean {
    const { lastStableOffset, highWatermark } = this.log;
    const isFine = lastStableOffset >= this.#lastStableOffset && lastStableOffset <= highWatermark;
    this.#lastStableOffset = lastStableOffset;
    return isFine;
  }
}

/** Reads up to the last stable offset as a consumer with read_committed does. Returns all values, in order. */
export function readCommitted(log: Log): string[] {
  const upTo = log.lastStableOffset;
  const values: string[] = [];
  for (let offset = log.logStartOffset; offset < upTo; ) {
    const read = log.read(offset, { maxBytes: 400, minOneBatch: true, upTo });
    const aborted = log.collectAbortedTransactions(read).sort((a, b) => a.firstOffset - b.firstOffset);
    const abortedProducers = new Set<number>();
    const from = offset;
    for (const chunk of read.records) {
      for (const position of batches.batchPositions(chunk)) {
        const producerId = batches.producerId(chunk, position);
        offset = batches.nextOffset(chunk, position);
        while ((aborted[0]?.firstOffset ?? Number.POSITIVE_INFINITY) < offset) {
          abortedProducers.add(aborted.shift()?.producerId ?? -1);
        }
        if (batches.isControl(chunk, position)) {
          for (const { key } of batches.iterateRecords(chunk, position)) {
            if (controlTypeOf(key) === ControlType.ABORT) abortedProducers.delete(producerId);
          }
        } else if (!abortedProducers.has(producerId)) {
          for (const { value } of batches.iterateRecords(chunk, position)) values.push(String(value));
        }
      }
    }
    if (offset === from) throw new Error(`nothing to read at ${from} below ${upTo}`);
  }
  return values;
}
