/**
 * What a Produce request may hold, as far as its version decides it; the log judges the rest.
 * See ProduceRequest.validateRecords and RequestUtils.hasTransactionalRecords.
 */
import * as batch from '../../protocol/batch.ts';
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { Produce } from '../../protocol/messages/produce.ts';
import type { RequestOf } from '../../protocol/schema.ts';

/** Kafka's least size of a message, as the size field counts: one of format 0 without key and value. */
const MIN_MESSAGE_SIZE = 14;
const MAX_INT32 = 0x7fffffff;

/** Where the batch at `pos` ends; -1 when it is cut, or when there is none; null when no batch begins so. */
function endOfBatch(records: Buffer, pos: number): number | null {
  const remaining = records.length - pos;
  if (remaining < batch.LOG_OVERHEAD) return -1;
  const size = batch.batchLength(records, pos);
  if (size < MIN_MESSAGE_SIZE || size > MAX_INT32 - batch.LOG_OVERHEAD) return null;
  if (remaining <= batch.MAGIC_OFFSET) return -1;
  const magic = batch.magic(records, pos);
  if (magic < 0 || magic > batch.MAGIC_V2) return null;
  return remaining < batch.LOG_OVERHEAD + size ? -1 : pos + batch.LOG_OVERHEAD + size;
}

/**
 * One partition whose records begin with no batch refuses the request as a whole: nothing of it is believed.
 * @throws {KafkaError} CORRUPT_MESSAGE
 */
export function checkFrames(request: RequestOf<typeof Produce>): void {
  for (const { partitionData } of request.topicData) {
    for (const { records } of partitionData) {
      if (records === null || endOfBatch(records, 0) !== null) continue;
      throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, 'The records begin with bytes that are no batch.');
    }
  }
}

/**
 * Whether the version takes such records: up to 2 message sets, which the log looks at byte by byte; from 3 on exactly
 * one batch of magic 2. Fewer bytes than a batch behind it are ignored.
 * Returns codes: INVALID_RECORD, UNSUPPORTED_COMPRESSION_TYPE, CORRUPT_MESSAGE.
 */
export function checkRecords(version: number, records: Buffer): number {
  if (version < 3) return ErrorCode.NONE;
  const end = endOfBatch(records, 0);
  if (end === null || end < 0 || batch.magic(records, 0) !== batch.MAGIC_V2) return ErrorCode.INVALID_RECORD;
  // One that is shorter than its header is for the log to refuse.
  if (version < 7 && end >= batch.BATCH_HEADER_SIZE && batch.compressionType(records, 0) === 'zstd') {
    return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
  }
  const next = endOfBatch(records, end);
  if (next === null) return ErrorCode.CORRUPT_MESSAGE;
  return next < 0 ? ErrorCode.NONE : ErrorCode.INVALID_RECORD;
}
