/** The answers of a log to an append. Always true: one that is refused names no offset and counts nothing. */

import { ErrorCode } from '../protocol/errors.ts';
import type { RecordError } from './append-types.ts';
import type { AppendResult } from './log-types.ts';

const NO_RECORD_ERRORS: readonly RecordError[] = [];

/** What was stored: the batches, and what the judge made of them. */
interface Stored {
  readonly records: Buffer;
  readonly recordCount: number;
  readonly logAppendTimeMs: number;
}

/** Offsets are -1 where there was nothing to append. */
export function appendedResult(
  { records, recordCount, logAppendTimeMs }: Stored,
  baseOffset: number,
  lastOffset: number,
  logStartOffset: number,
): AppendResult {
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    recordErrors: NO_RECORD_ERRORS,
    baseOffset,
    lastOffset,
    logAppendTimeMs,
    logStartOffset,
    duplicate: false,
    bytes: records.length,
    recordCount,
  };
}

export function refusedResult(
  errorCode: number,
  errorMessage: string | null,
  logStartOffset: number,
): AppendResult {
  return {
    errorCode,
    errorMessage,
    recordErrors: NO_RECORD_ERRORS,
    baseOffset: -1,
    lastOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset,
    duplicate: false,
    bytes: 0,
    recordCount: 0,
  };
}
