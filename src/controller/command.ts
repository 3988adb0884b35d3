/**
 * The one shape of everything the controller does: image and request in, records and answer out.
 *
 * Always true: a command changes nothing but soft state (the broker sessions). Its records are appended, replayed and
 * committed by the driver, which withholds the answer until then, so what a client was told survives any crash.
 */
import { ErrorCode, errorMessage, KafkaError } from '../../protocol/errors.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { MetadataImage } from '../metadata/image.ts';

/** What a command may look at. */
export interface CommandContext {
  /** The working image: everything appended so far, committed or not. */
  readonly image: MetadataImage;
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Offset that the first record of this command will get. */
  readonly nextOffset: number;
}

export interface CommandResult<R> {
  readonly records: readonly MetadataRecord[];
  readonly response: R;
  /** All records go into one batch; otherwise a long list may be cut into several. */
  readonly atomic: boolean;
  /** Told the last offset of the log once the records are appended. Soft state only. */
  readonly onAppended?: (lastOffset: number) => void;
}

/** The most records that one request may make (QuorumController.MAX_RECORDS_PER_USER_OP). */
export const MAX_RECORDS_PER_OPERATION = 10_000;

export function answer<R>(response: R): CommandResult<R> {
  return { records: [], response, atomic: true };
}

/** A result whose records are appended together or not at all. */
export function atomically<R>(records: readonly MetadataRecord[], response: R): CommandResult<R> {
  checkRecordCount(records.length);
  return { records, response, atomic: true };
}

/** @throws {KafkaError} POLICY_VIOLATION */
export function checkRecordCount(recordCount: number): void {
  if (recordCount > MAX_RECORDS_PER_OPERATION) {
    throw new KafkaError(ErrorCode.POLICY_VIOLATION, 'Unable to perform excessively large batch operation.');
  }
}

/** One outcome inside an answer (org.apache.kafka.common.requests.ApiError). */
export interface Outcome {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const SUCCESS: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null };

/** A failure that names Kafka's default text for the code when no other is given. */
export function failure(errorCode: number, message: string = errorMessage(errorCode)): Outcome {
  return { errorCode, errorMessage: message };
}

/** A refusal as a value. Kafka leaves out a message that only repeats the default one. */
export function outcomeOf(error: KafkaError): Outcome {
  const isDefault = error.message === errorMessage(error.code);
  return { errorCode: error.code, errorMessage: isDefault ? null : error.message };
}

/** Runs `attempt`; a refusal becomes the outcome, anything else is our own bug and goes on up. */
export function attempt(run: () => void): Outcome {
  try {
    run();
    return SUCCESS;
  } catch (error) {
    if (error instanceof KafkaError) return outcomeOf(error);
    throw error;
  }
}
