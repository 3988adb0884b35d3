/**
 * Everything that was ever appended to a compacted log, as a list, and the steps that change the log.
 *
 * What must always hold: what a consumer reads was appended so, at that offset; the last committed record of each key is
 * there, from wherever the consumer began, unless it is a tombstone whose time is over; nothing aborted is read; below the
 * cleaner's offset each key is there once; open transactions are those that were never ended; a producer's retry is known
 * as one, and its next batch is taken.
 */

import { expect } from 'vitest';
import type { CompressionType } from '../../../protocol/compression/types.ts';
import type { MemoryDisk } from '../../../storage/memory-disk.ts';
import { CompactedLog, compactedConfig, keyedBatch, readCommitted } from './compaction-support.ts';

export const RETENTION_MS = 1_000;

interface Appended {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
  readonly timestampMs: number;
  /** Null while its transaction is open. */
  isCommitted: boolean | null;
}

export type Step =
  | { kind: 'put'; entries: [number, boolean][]; compression: CompressionType; producer: number }
  | { kind: 'transaction'; producer: number; entries: [number, boolean][] }
  | { kind: 'end'; producer: number; isCommit: boolean }
  | { kind: 'retry'; producer: number }
  | { kind: 'roll' }
  | { kind: 'compact'; passes: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'restart'; isClean: boolean };

interface Sent {
  readonly bytes: () => Buffer;
  readonly baseOffset: number;
  readonly nextSequence: number;
}

export class Model {
  readonly appended: Appended[] = [];
  readonly byOffset = new Map<number, Appended>();
  readonly sent = new Map<number, Sent>();
  readonly open = new Map<number, Appended[]>();
  #counter = 0;
  table: CompactedLog;

  constructor(dedupeBufferBytes: number, disk?: MemoryDisk) {
    this.table = openTable(dedupeBufferBytes, disk);
  }

  async run(step: Step): Promise<void> {
    const { table } = this;
    switch (step.kind) {
      case 'put':
        this.#put(step.entries, step.producer, step.compression, false);
        return;
      case 'transaction':
        this.#put(step.entries, step.producer, 'none', true);
        return;
      case 'end':
        this.#end(step.producer, step.isCommit);
        return;
      case 'retry': {
        const sent = this.sent.get(step.producer);
        if (sent === undefined) return;
        const answer = table.append(sent.bytes());
        expect(answer).toMatchObject({ errorCode: 0, duplicate: true, baseOffset: sent.baseOffset });
        return;
      }
      case 'roll':
        table.roll();
        return;
      case 'compact':
        for (let pass = 0; pass < step.passes; pass++) await table.cleaner.cleanDirtiest();
        expect(table.notes.filter(({ kind }) => kind !== 'compacted')).toEqual([]);
        return;
      case 'wait':
        table.nowMs += step.ms;
        return;
      case 'restart':
        if (step.isClean) await table.restart();
        else await table.crash();
    }
  }

  #put(
    raw: readonly (readonly [number, boolean])[],
    producer: number,
    compression: CompressionType,
    transactional: boolean,
  ): void {
    const { table } = this;
    const timestampMs = table.nowMs;
    const pairs = raw.map(([key, isTombstone]): [string, string | null] => [
      `k${key}`,
      isTombstone ? null : `v${this.#counter++}`,
    ]);
    const baseSequence = this.sent.get(producer)?.nextSequence ?? 0;
    const bytes = () =>
      keyedBatch(pairs, {
        timestampMs,
        compression,
        ...(producer === 0 ? {} : { producerId: producer, producerEpoch: 0, baseSequence, transactional }),
      });
    const { errorCode, baseOffset, duplicate } = table.append(bytes());
    expect({ errorCode, duplicate }).toEqual({ errorCode: 0, duplicate: false });
    if (producer !== 0) {
      this.sent.set(producer, { bytes, baseOffset, nextSequence: baseSequence + pairs.length });
    }
    pairs.forEach(([key, value], index) => {
      const record = {
        offset: baseOffset + index,
        key,
        value,
        timestampMs: timestampMs + index,
        isCommitted: transactional ? null : true,
      };
      this.appended.push(record);
      this.byOffset.set(record.offset, record);
      if (!transactional) return;
      const open = this.open.get(producer) ?? [];
      open.push(record);
      this.open.set(producer, open);
    });
  }

  #end(producer: number, isCommit: boolean): void {
    const open = this.open.get(producer);
    if (open === undefined) return;
    expect(this.table.marker(producer, 0, isCommit).errorCode).toBe(0);
    for (const record of open) record.isCommitted = isCommit;
    this.open.delete(producer);
  }

  check(from: number): void {
    const { log, manager, nowMs } = this.table;
    const stable = log.lastStableOffset;
    const undecided = [...this.open.values()].map(([first]) => first?.offset ?? 0);
    // A transaction whose marker went too early would hold readers back for ever.
    expect(stable).toBe(Math.min(log.highWatermark, ...undecided));
    const read = readCommitted(log, from);
    const last = new Map<string, number>();
    for (const { offset, key, value, timestampMs } of read) {
      const known = this.byOffset.get(offset);
      expect({ key: key?.toString(), value: value?.toString() ?? null, timestampMs }).toEqual({
        key: known?.key,
        value: known?.value,
        timestampMs: known?.timestampMs,
      });
      expect(known?.isCommitted).toBe(true);
      last.set(key?.toString() ?? '', offset);
    }
    const wanted = new Map<string, Appended>();
    for (const record of this.appended) {
      if (record.isCommitted === true && record.offset < stable) wanted.set(record.key, record);
    }
    for (const [key, record] of wanted) {
      if (record.offset < from) continue;
      // A tombstone may go one retention after it was first compacted, which is never before it was written.
      const mayBeGone = record.value === null && nowMs >= record.timestampMs + RETENTION_MS - 6;
      if (mayBeGone && last.get(key) === undefined) continue;
      expect([key, last.get(key)]).toEqual([key, record.offset]);
    }
    for (const key of last.keys()) expect(wanted.has(key)).toBe(true);
    const cleaned = manager.directories[0]?.cleanerOffset(log) ?? 0;
    const below = read.filter(({ offset }) => offset < cleaned).map(({ key }) => key?.toString());
    expect(new Set(below).size).toBe(below.length);
  }
}

/** The same log on `disk`, opened anew. */
export const openTable = (dedupeBufferBytes: number, disk?: MemoryDisk, nowMs?: number): CompactedLog =>
  new CompactedLog({
    dedupeBufferBytes,
    config: { ...compactedConfig, segmentBytes: 1500, deleteRetentionMs: RETENTION_MS, fileDeleteDelayMs: 0 },
    ...(disk === undefined ? {} : { disk }),
    ...(nowMs === undefined ? {} : { nowMs }),
  });
