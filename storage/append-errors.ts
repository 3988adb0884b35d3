// How an append is refused: as a whole, or because of single records (KIP-467).
//
// Always true: the exception never leaves the append code; callers get the refusal as a value.

import { ErrorCode } from '../protocol/errors.ts';
import type { AppendOptions, AppendRefusal, RecordError } from './append-types.ts';

/** Codes whose answers leave the log start offset out: Kafka finds them before it looks at the log. */
const WITHOUT_LOG_START: ReadonlySet<number> = new Set([
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
]);

/** Ends a validation. */
export class AppendRefused extends Error {
  override readonly name = 'AppendRefused';
  readonly errorCode: number;
  readonly recordErrors: readonly RecordError[];

  constructor(errorCode: number, reason: string, recordErrors: readonly RecordError[] = []) {
    super(reason);
    this.errorCode = errorCode;
    this.recordErrors = recordErrors;
  }

  refusal(): AppendRefusal {
    return {
      errorCode: this.errorCode,
      errorMessage: this.recordErrors.length > 0 ? this.message : null,
      recordErrors: this.recordErrors,
      reason: this.message,
      hasLogStartOffset: !WITHOUT_LOG_START.has(this.errorCode),
    };
  }
}

/** A batch with more of them is refused for the first. Kafka lists all, for whoever sends millions of records. */
const MOST_ERRORS = 50_000;

/** How many record errors the message itself repeats. */
const SHOWN_ERRORS = 3;

type ErrorOptions = Pick<AppendOptions, 'config' | 'nowMs' | 'topicPartition'>;

/** The errors of one batch's records. Cost: nothing is allocated until one is found. */
export class RecordErrors {
  /** A record without a key is an error. */
  readonly needsKey: boolean;
  /** A create time outside of these is an error; infinite where it is not checked. */
  readonly earliestMs: number;
  readonly latestMs: number;
  readonly #topicPartition: string;
  readonly #checksCreateTime: boolean;
  readonly #options: ErrorOptions;
  #errors: RecordError[] | null = null;
  #hasTimestampError = false;

  constructor(options: ErrorOptions) {
    const { config, nowMs } = options;
    this.#options = options;
    this.#topicPartition = options.topicPartition;
    this.needsKey = config.cleanupPolicy.includes('compact');
    this.#checksCreateTime = config.messageTimestampType === 'CreateTime';
    this.earliestMs = this.#checksCreateTime
      ? nowMs - config.messageTimestampBeforeMaxMs
      : Number.NEGATIVE_INFINITY;
    this.latestMs = this.#checksCreateTime
      ? nowMs + config.messageTimestampAfterMaxMs
      : Number.POSITIVE_INFINITY;
  }

  /**
   * LogValidator#validateKey and #validateTimestamp: at most one error a record, the key's first.
   * @throws {AppendRefused} when there are too many to go on
   */
  check(
    index: number,
    offset: number,
    hasKey: boolean,
    timestampMs: number,
    isAppendTimeBatch: boolean,
  ): void {
    if (this.needsKey && !hasKey) {
      this.#add(
        index,
        `Record without a key in the compacted topic partition ${this.#topicPartition}`,
        false,
      );
    } else if (this.#checksCreateTime && timestampMs !== -1) {
      if (timestampMs < this.earliestMs || timestampMs > this.latestMs) {
        this.#add(index, this.#rangeMessage(offset, timestampMs), true);
      }
    } else if (isAppendTimeBatch) {
      this.#add(index, 'A producer may not set the timestamp type LogAppendTime', true);
    }
  }

  throwIfAny(): void {
    const errors = this.#errors;
    if (errors === null) return;
    if (this.#hasTimestampError) {
      const message = `${errors.length} records were rejected for their timestamps`;
      throw new AppendRefused(ErrorCode.INVALID_TIMESTAMP, message, errors);
    }
    const shown = errors.slice(0, SHOWN_ERRORS).map((error) => error.batchIndexErrorMessage);
    const message = `${errors.length} records were rejected, the first for: ${shown.join('; ')}`;
    throw new AppendRefused(ErrorCode.INVALID_RECORD, message, errors);
  }

  #rangeMessage(offset: number, timestampMs: number): string {
    const { config } = this.#options;
    const from = config.messageTimestampBeforeMaxMs >= Number.MAX_SAFE_INTEGER ? 'any time' : this.earliestMs;
    const to = config.messageTimestampAfterMaxMs >= Number.MAX_SAFE_INTEGER ? 'any time' : this.latestMs;
    return `Timestamp ${timestampMs} of record ${offset} is out of range: it must lie between ${from} and ${to}`;
  }

  #add(batchIndex: number, batchIndexErrorMessage: string, isTimestamp: boolean): void {
    this.#errors ??= [];
    this.#errors.push({ batchIndex, batchIndexErrorMessage });
    if (isTimestamp) this.#hasTimestampError = true;
    if (this.#errors.length === MOST_ERRORS) this.throwIfAny();
  }
}
