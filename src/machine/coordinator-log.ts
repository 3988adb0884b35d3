/**
 * A partition of an internal topic as a coordinator sees it: append, learn what is committed, read all.
 *
 * What is always true of an implementation:
 * - `append` is synchronous and all or none, with the durability of acks=all to be learnt by `onCommitted`;
 * - a callback of `onCommitted` runs once, possibly at once: with NONE when everything up to and including the
 *   offset is committed, else with the error that made it impossible for this leader to tell;
 * - nobody but the coordinator and the writer of transaction markers appends.
 */

export interface LogRecord {
  readonly key: Buffer;
  /** Null is a tombstone. */
  readonly value: Buffer | null;
}

export interface AppendedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** Makes the batch part of a producer's transaction. */
export interface BatchTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface BatchOptions {
  readonly timestampMs: number;
  readonly transaction: BatchTransaction | null;
  readonly baseSequence: number;
}

export interface LoadedRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** One batch of the log, unfolded. */
export interface LoadedBatch {
  readonly lastOffset: number;
  /** -1 where there is none. */
  readonly producerId: number;
  readonly isTransactional: boolean;
  /** Set on a control batch that ends a transaction; such a batch has no records for the coordinator. */
  readonly marker: 'commit' | 'abort' | null;
  readonly records: readonly LoadedRecord[];
}

export interface CommitLog {
  /** Appends one batch, with `timestampMs` as create time of each record. @throws {KafkaError} when nothing was appended. */
  append(records: readonly LogRecord[], options: BatchOptions): AppendedBatch;
  onCommitted(offset: number, done: (errorCode: number) => void): void;
  /** Everything from the start of the log to its end at the time when the end is reached. */
  read(): AsyncIterable<LoadedBatch>;
}
