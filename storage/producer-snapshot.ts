// The file <offset>.snapshot: a partition's producer state up to that offset, in Kafka's format.
//
//   0  version  int16   1
//   2  crc      uint32  CRC-32C of everything behind it
//   6  count    int32
//  10  entries, 46 bytes each:
//       0  producerId            int64
//       8  producerEpoch         int16
//      10  lastSequence          int32   -1: no batch
//      14  lastOffset            int64   of the last batch, -1: none
//      22  offsetDelta           int32   last minus first offset of that batch
//      26  timestamp             int64   ms, of the last batch or marker
//      34  coordinatorEpoch      int32
//      38  currentTxnFirstOffset int64   -1: none
//
// Always true: of a producer's batches only the last is kept, so right after a restart a retry of an earlier one is
// out of order and not a duplicate, as in Kafka. Entries are written in the order of their ids.

import { readInt64, writeInt64 } from '../protocol/batch/int64.ts';
import { crc32c } from '../protocol/crc32c.ts';
import type { BatchMetadata, ProducerEntry } from './producer-entry.ts';
import { lastSequenceOf, sequenceBefore } from './producer-entry.ts';

const VERSION = 1;
const CRC_OFFSET = 2;
const COUNT_OFFSET = 6;
const HEADER_SIZE = 10;
const ENTRY_SIZE = 46;

/** The file's bytes. */
export function encodeProducerSnapshot(entries: Iterable<ProducerEntry>): Buffer {
  const sorted = [...entries].sort((a, b) => a.producerId - b.producerId);
  const bytes = Buffer.alloc(HEADER_SIZE + sorted.length * ENTRY_SIZE);
  bytes.writeInt16BE(VERSION, 0);
  bytes.writeInt32BE(sorted.length, COUNT_OFFSET);
  let pos = HEADER_SIZE;
  for (const entry of sorted) {
    const last = entry.batches.at(-1);
    writeInt64(bytes, pos, entry.producerId);
    bytes.writeInt16BE(entry.producerEpoch, pos + 8);
    bytes.writeInt32BE(lastSequenceOf(entry), pos + 10);
    writeInt64(bytes, pos + 14, last?.lastOffset ?? -1);
    bytes.writeInt32BE(last === undefined ? 0 : last.lastOffset - last.firstOffset, pos + 22);
    writeInt64(bytes, pos + 26, entry.lastTimestampMs);
    bytes.writeInt32BE(entry.coordinatorEpoch, pos + 34);
    writeInt64(bytes, pos + 38, entry.currentTxnFirstOffset);
    pos += ENTRY_SIZE;
  }
  bytes.writeUInt32BE(crc32c(bytes, COUNT_OFFSET, bytes.length), CRC_OFFSET);
  return bytes;
}

/** The entries in a file's bytes, or null when they are damaged or of another version. */
export function decodeProducerSnapshot(bytes: Buffer): ProducerEntry[] | null {
  if (bytes.length < HEADER_SIZE || bytes.readInt16BE(0) !== VERSION) return null;
  const count = bytes.readInt32BE(COUNT_OFFSET);
  if (count < 0 || HEADER_SIZE + count * ENTRY_SIZE > bytes.length) return null;
  if (bytes.readUInt32BE(CRC_OFFSET) !== crc32c(bytes, COUNT_OFFSET, bytes.length)) return null;
  const entries: ProducerEntry[] = [];
  for (let pos = HEADER_SIZE; entries.length < count; pos += ENTRY_SIZE) {
    const lastTimestampMs = readInt64(bytes, pos + 26);
    entries.push({
      producerId: readInt64(bytes, pos),
      producerEpoch: bytes.readInt16BE(pos + 8),
      coordinatorEpoch: bytes.readInt32BE(pos + 34),
      lastTimestampMs,
      currentTxnFirstOffset: Math.max(-1, readInt64(bytes, pos + 38)),
      batches: readLastBatch(bytes, pos, lastTimestampMs),
    });
  }
  return entries;
}

function readLastBatch(bytes: Buffer, pos: number, timestampMs: number): BatchMetadata[] {
  const lastOffset = readInt64(bytes, pos + 14);
  if (lastOffset < 0) return [];
  const lastSequence = bytes.readInt32BE(pos + 10);
  const delta = bytes.readInt32BE(pos + 22);
  const firstSequence = sequenceBefore(lastSequence, delta);
  return [{ firstSequence, lastSequence, firstOffset: lastOffset - delta, lastOffset, timestampMs }];
}
