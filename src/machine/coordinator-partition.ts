/**
 * A led partition of an internal topic as a coordinator's log: batches of records in, batches of records out.
 *
 * What is always true: records go in as one batch v2 with create times, plain unless the topic of the coordinator
 * is configured otherwise.
 */

import { ControlType, controlTypeOf } from '../../protocol/batch/control.ts';
import * as batches from '../../protocol/batch.ts';
import type { CompressionType } from '../../protocol/compression/types.ts';
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { DiskError } from '../../storage/disk.ts';
import type {
  AppendedBatch,
  BatchOptions,
  CommitLog,
  LoadedBatch,
  LoadedRecord,
  LogRecord,
} from './coordinator-log.ts';

/** What is needed of a Partition. */
export interface CoordinatedPartition {
  append(
    records: Buffer,
    options: { readonly origin: 'coordinator'; readonly nowMs: number },
    requiredAcks: number,
  ): {
    readonly errorCode: number;
    readonly errorMessage: string | null;
    readonly baseOffset: number;
    readonly lastOffset: number;
  };
  awaitCommitted(endOffset: number, done: (errorCode: number) => void): void;
  readonly log: {
    readonly logStartOffset: number;
    readonly logEndOffset: number;
    readonly flushedEndOffset: number;
    flushStaged(): Promise<void> | null;
    warmUp(offset: number, maxBytes: number): Promise<void> | null;
    read(
      offset: number,
      options: { readonly maxBytes: number; readonly minOneBatch: boolean },
    ): { readonly errorCode: number; readonly records: readonly Buffer[] };
  };
}

export interface CoordinatorPartitionOptions {
  /** offsets.topic.compression.codec; transaction state is never compressed. */
  readonly compression?: CompressionType;
  /** offsets.load.buffer.size */
  readonly loadBufferBytes?: number;
}

const ALL_IN_SYNC = -1;
const DEFAULT_LOAD_BUFFER_BYTES = 5 * 1024 * 1024;

export class CoordinatorPartition implements CommitLog {
  readonly #partition: CoordinatedPartition;
  readonly #options: CoordinatorPartitionOptions;

  constructor(partition: CoordinatedPartition, options: CoordinatorPartitionOptions = {}) {
    this.#partition = partition;
    this.#options = options;
  }

  append(records: readonly LogRecord[], options: BatchOptions): AppendedBatch {
    const { timestampMs, transaction, baseSequence } = options;
    const { compression } = this.#options;
    const batch = batches.buildBatch({
      records,
      timestampMs,
      baseSequence,
      ...(compression === undefined ? {} : { compression }),
      ...(transaction === null
        ? {}
        : {
            producerId: transaction.producerId,
            producerEpoch: transaction.producerEpoch,
            transactional: true,
          }),
    });
    const result = this.#partition.append(batch, { origin: 'coordinator', nowMs: timestampMs }, ALL_IN_SYNC);
    if (result.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(result.errorCode, result.errorMessage ?? undefined);
    }
    return { baseOffset: result.baseOffset, lastOffset: result.lastOffset };
  }

  onCommitted(offset: number, done: (errorCode: number) => void): void {
    this.#partition.awaitCommitted(offset + 1, done);
  }

  async *read(): AsyncGenerator<LoadedBatch> {
    const { log } = this.#partition;
    const maxBytes = this.#options.loadBufferBytes ?? DEFAULT_LOAD_BUFFER_BYTES;
    let offset = log.logStartOffset;
    while (offset < log.logEndOffset) {
      await log.warmUp(offset, maxBytes);
      const { errorCode, records } = log.read(offset, { maxBytes, minOneBatch: true });
      if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode);
      const from = offset;
      for (const chunk of records) {
        for (const position of batches.batchPositions(chunk)) {
          offset = batches.nextOffset(chunk, position);
          yield unfold(chunk, position);
        }
      }
      if (offset === from) {
        // Compaction may have emptied the end of the log: then the offsets up to it are gone for good.
        if (log.flushedEndOffset === log.logEndOffset) return;
        await written(log);
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

/** @throws {KafkaError} when the disk that it waits for fails. */
async function written(log: CoordinatedPartition['log']): Promise<void> {
  try {
    await log.flushStaged();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
  }
}

function unfold(chunk: Buffer, position: number): LoadedBatch {
  const isControl = batches.isControl(chunk, position);
  const records: LoadedRecord[] = [];
  let marker: LoadedBatch['marker'] = null;
  for (const { offset, key, value } of batches.iterateRecords(chunk, position)) {
    if (!isControl) records.push({ offset, key, value });
    else if (controlTypeOf(key) === ControlType.COMMIT) marker = 'commit';
    else if (controlTypeOf(key) === ControlType.ABORT) marker = 'abort';
  }
  return {
    lastOffset: batches.lastOffset(chunk, position),
    producerId: batches.producerId(chunk, position),
    isTransactional: batches.isTransactional(chunk, position),
    marker,
    records,
  };
}
