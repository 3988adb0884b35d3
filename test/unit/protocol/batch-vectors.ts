// Record batches made by Apache Kafka 3.7.0's own classes (scripts/vectors/batches/BatchVectors.java), one a line.

import { readFileSync } from 'node:fs';
import type { RecordInput } from '../../../protocol/batch/record.ts';
import type { CompressionType } from '../../../protocol/compression/types.ts';

export type VectorRecord = {
  offset: number;
  timestampMs: number;
  key: string | null;
  value: string | null;
  headers: [string, string | null][];
};

export type BatchVector = {
  name: string;
  hex: string;
  records: VectorRecord[];
  magic?: number;
  codec?: CompressionType;
  appendTimeMs?: number | null;
  baseOffset: number;
  leaderEpoch: number;
  producerId: number;
  producerEpoch: number;
  baseSequence?: number;
  transactional?: boolean;
  lastOffset?: number;
  maxTimestampMs?: number;
  marker?: 'COMMIT' | 'ABORT';
  timestampMs?: number;
  coordinatorEpoch?: number;
};

export const batchVectors: readonly BatchVector[] = readFileSync(
  new URL('./vectors/batches.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as BatchVector);

export function batchVector(name: string): BatchVector {
  const found = batchVectors.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`no vector is named ${name}`);
  return found;
}

export function vectorBytes(vector: BatchVector): Buffer {
  return Buffer.from(vector.hex, 'hex');
}

/** The bytes that a vector's text stands for: itself, or "*n" for n bytes of the generator's pattern. */
export function textBytes(text: string | null): Buffer | null {
  if (text === null) return null;
  if (!text.startsWith('*')) return Buffer.from(text);
  const bytes = Buffer.alloc(Number(text.slice(1)));
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i % 61) ^ (i >>> 11);
  return bytes;
}

export function vectorRecords(vector: BatchVector): Required<RecordInput>[] {
  return vector.records.map((record) => ({
    offset: record.offset,
    timestampMs: record.timestampMs,
    key: textBytes(record.key),
    value: textBytes(record.value),
    headers: record.headers.map(([key, value]) => ({ key, value: textBytes(value) })),
  }));
}
