/**
 * Fetch 0-3: batches of magic 2, as the log holds them, become messages of magic 0 or 1 on their way out.
 *
 * What is always true: an answer is never larger than what could be read or than its first converted batch, whichever is
 * more; batches are unfolded one at a time; what does not fit is left for the next request. A batch of zstd, which
 * these versions do not know, ends the answer, or fails it when nothing precedes it.
 *
 * See org.apache.kafka.common.record.LazyDownConversionRecords.
 */
import type { LegacyMagic } from '../../protocol/batch/legacy.ts';
import { downConvertBatch } from '../../protocol/batch/legacy.ts';
import { InvalidRecordError } from '../../protocol/batch/record.ts';
import { batchPositions } from '../../protocol/batch.ts';
import { CompressionError } from '../../protocol/compression/types.ts';
import { ErrorCode } from '../../protocol/errors.ts';

/** The format that a version of Fetch is answered in; null: as the log has it. */
export function legacyMagicOf(fetchVersion: number): LegacyMagic | null {
  if (fetchVersion <= 1) return 0;
  return fetchVersion <= 3 ? 1 : null;
}

export interface Converted {
  readonly errorCode: number;
  readonly records: readonly Buffer[];
}

/**
 * Where batches were read and none of them has a counterpart (markers of transactions), an empty answer would have
 * the reader ask again for ever: Kafka sends the beginning of a message that is larger than any limit, by which the
 * reader knows that it can't go on. Offset -1, then a size.
 */
const OVERFLOW_MESSAGE = Buffer.from('ffffffffffffffff0000003d', 'hex');

/**
 * `records` are whole batches; those of them before `fetchOffset` are left out where the format allows it.
 * `availableBytes` is what a reader of the log's own format could have got.
 */
export function downConvertRead(
  records: readonly Buffer[],
  magic: LegacyMagic,
  fetchOffset: number,
  availableBytes: number,
): Converted {
  const sets: Buffer[] = [];
  const readBytes = records.reduce((sum, { length }) => sum + length, 0);
  if (readBytes === 0) return { errorCode: ErrorCode.NONE, records: [] };
  let limitBytes = Math.max(readBytes, availableBytes);
  let bytes = 0;
  for (const batches of records) {
    for (const pos of batchPositions(batches)) {
      const set = convert(batches, pos, magic, fetchOffset);
      if (typeof set === 'number') {
        return bytes > 0 ? { errorCode: ErrorCode.NONE, records: sets } : { errorCode: set, records: [] };
      }
      if (set.length === 0) continue;
      if (bytes === 0) limitBytes = Math.max(limitBytes, set.length);
      const fitting = bytes + set.length <= limitBytes ? set : set.subarray(0, limitBytes - bytes);
      sets.push(fitting);
      bytes += fitting.length;
      if (bytes >= limitBytes) return { errorCode: ErrorCode.NONE, records: sets };
    }
  }
  return { errorCode: ErrorCode.NONE, records: bytes === 0 ? [OVERFLOW_MESSAGE] : sets };
}

/** The batch's messages, or the code of what keeps it from having any. */
function convert(batches: Buffer, pos: number, magic: LegacyMagic, fetchOffset: number): Buffer | number {
  try {
    return downConvertBatch(batches, pos, magic, fetchOffset);
  } catch (error) {
    if (error instanceof InvalidRecordError) return ErrorCode.CORRUPT_MESSAGE;
    if (!(error instanceof CompressionError)) throw error;
    return error.failure === 'unknown-codec'
      ? ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
      : ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}
