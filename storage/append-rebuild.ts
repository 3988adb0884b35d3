// Batches that cannot be appended as they came: recompressed for the topic's `compression.type`, or made of messages
// of magic 0 or 1 (LogValidator#buildRecordsAndAssignOffsets and #convertAndAssignOffsetsNonCompressed).
//
// Always true: the result is one batch of magic 2 with the producer's identity, consecutive offsets and the CRC of
// its bytes; the input is left as it was.

import type { LegacyMessage } from '../protocol/batch/legacy.ts';
import { HELD_RECORD_BYTES, readLegacyMessage, unfoldLegacy } from '../protocol/batch/legacy.ts';
import type { RecordInput } from '../protocol/batch/record.ts';
import { InvalidRecordError } from '../protocol/batch/record.ts';
import type { BatchInput } from '../protocol/batch.ts';
import * as batch from '../protocol/batch.ts';
import type { CompressionType } from '../protocol/compression/types.ts';
import { CompressionError } from '../protocol/compression/types.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { AppendRefused, RecordErrors } from './append-errors.ts';
import type { AppendOptions } from './append-types.ts';

/**
 * The records of a batch are in memory all at once while it is rebuilt, and must fold into `max.message.bytes` again: so
 * no more than this many times as much is taken up. Honest batches fold twenty- to fifty-fold, and hold a megabyte.
 */
const HELD_RATIO = 32;

/** `records`, whole batches that the first pass found sound, as one batch with offsets from `nextOffset` on. */
export function rebuildRecords(
  records: Buffer,
  targetCodec: CompressionType,
  options: AppendOptions,
  maxUnfoldedBytes: number,
): Buffer {
  const maxBytes = Math.min(maxUnfoldedBytes, HELD_RATIO * options.config.maxMessageBytes);
  try {
    const isLegacy = batch.magic(records) !== batch.MAGIC_V2;
    const inputs = isLegacy ? legacyInputs(records, options, maxBytes) : batchInputs(records, maxBytes);
    return batch.buildBatch({
      records: inputs,
      baseOffset: options.nextOffset,
      leaderEpoch: options.leaderEpoch,
      compression: targetCodec,
      ...(isLegacy ? {} : producerOf(records)),
      ...(options.config.messageTimestampType === 'LogAppendTime' ? { logAppendTimeMs: options.nowMs } : {}),
    });
  } catch (error) {
    if (error instanceof InvalidRecordError) throw new AppendRefused(ErrorCode.INVALID_RECORD, error.message);
    throw error;
  }
}

/** @throws {AppendRefused} for identities that Kafka's builder takes for a bug and answers with -1. */
function producerOf(records: Buffer): Partial<BatchInput> {
  const hasProducer = batch.producerId(records) !== batch.NO_PRODUCER_ID;
  const isComplete =
    batch.producerEpoch(records) !== batch.NO_PRODUCER_EPOCH && batch.baseSequence(records) >= 0;
  const isHalf = hasProducer ? !isComplete : batch.isTransactional(records);
  if (isHalf) throw new AppendRefused(ErrorCode.UNKNOWN_SERVER_ERROR, "a producer's identity is incomplete");
  return {
    producerId: batch.producerId(records),
    producerEpoch: batch.producerEpoch(records),
    baseSequence: batch.baseSequence(records),
    transactional: batch.isTransactional(records),
  };
}

/** The records of a batch that the walk has already validated; new offsets, so the old ones are dropped. */
function batchInputs(records: Buffer, maxBytes: number): RecordInput[] {
  const inputs: RecordInput[] = [];
  const isFolded = batch.compressionId(records) !== 0;
  if (isFolded && batch.recordCount(records) * HELD_RECORD_BYTES > maxBytes) {
    throw new CompressionError('too-large', 'a batch to be rebuilt holds too many records');
  }
  for (const { timestampMs, key, value, headers } of batch.iterateRecords(records, 0, maxBytes)) {
    if (timestampMs < batch.NO_TIMESTAMP) {
      throw new AppendRefused(ErrorCode.UNKNOWN_SERVER_ERROR, `a record has the timestamp ${timestampMs}`);
    }
    inputs.push({ timestampMs, key, value, headers });
  }
  return inputs;
}

/** The messages of a legacy set, validated message by message as Kafka does: the first bad one ends it. */
function legacyInputs(records: Buffer, options: AppendOptions, maxBytes: number): RecordInput[] {
  const inputs: RecordInput[] = [];
  const firstMagic = batch.magic(records);
  let hasWrapper = false;
  for (let pos = 0; pos < records.length; pos += batch.sizeInBytes(records, pos)) {
    const message = readLegacyMessage(records, pos);
    if (message === null || message.magic !== firstMagic) {
      throw new InvalidRecordError('messages of different formats in one append');
    }
    hasWrapper ||= message.codec !== 0;
    if (hasWrapper && pos > 0) throw new InvalidRecordError('more than one compressed message');
    const errors = new RecordErrors(options);
    unfoldLegacy(message, maxBytes).forEach((inner, index) => {
      checkLegacy(inner, message, index, errors);
      inputs.push({ timestampMs: inner.timestampMs, key: inner.key, value: inner.value });
    });
    errors.throwIfAny();
  }
  return inputs;
}

function checkLegacy(inner: LegacyMessage, outer: LegacyMessage, index: number, errors: RecordErrors): void {
  if (inner.magic !== outer.magic) {
    throw new InvalidRecordError("an inner message's format is not that of its wrapper");
  }
  if (!inner.isCrcValid)
    throw new AppendRefused(ErrorCode.CORRUPT_MESSAGE, "an inner message's CRC is wrong");
  const isAppendTime = outer.timestampType === 'LogAppendTime';
  errors.check(index, inner.offset, inner.key !== null, inner.timestampMs, isAppendTime);
}
