/**
 * The records of __transaction_state, as Apache Kafka 3.7.0 writes and reads them.
 *
 *   key     int16 version 0 | transactional id
 *   value   int16 version   | producer id, epoch, timeout, status, partitions, last update, start
 *
 * Values of version 1, which is flexible, are read but not written (KIP-915). Partitions are null in status Empty.
 * Keys of a version not known here belong to somebody newer and are left alone.
 */
import { assert } from '../../protocol/assert.ts';
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts';
import { TransactionLogKey, TransactionLogValue } from '../../protocol/records/transaction.ts';
import type { DataInput, Fields, Message } from '../../protocol/schema.ts';
import { PartitionSet } from './partition-set.ts';
import type { TransactionState } from './transaction.ts';
import { TRANSACTION_STATUSES } from './transaction.ts';

const VERSION_BYTES = 2;
const KEY_VERSION = 0;
const VALUE_VERSION = 0;

function encodeVersioned<F extends Fields>(
  message: Message<F>,
  version: number,
  data: DataInput<Message<F>>,
): Buffer {
  const body = encodeMessage(message, version, data);
  const encoded = Buffer.allocUnsafe(VERSION_BYTES + body.length);
  encoded.writeInt16BE(version, 0);
  encoded.set(body, VERSION_BYTES);
  return encoded;
}

export function transactionKey(transactionalId: string): Buffer {
  return encodeVersioned(TransactionLogKey, KEY_VERSION, { transactionalId });
}

export function transactionValue(state: TransactionState): Buffer {
  const { status } = state;
  assert(status !== 'Dead' && status !== 'PrepareEpochFence', 'These statuses never reach the log.');
  assert(status !== 'Empty' || state.partitions.size === 0, 'An empty transaction has no partitions.');
  return encodeVersioned(TransactionLogValue, VALUE_VERSION, {
    producerId: state.producerId,
    producerEpoch: state.producerEpoch,
    transactionTimeoutMs: state.timeoutMs,
    transactionStatus: TRANSACTION_STATUSES.indexOf(status),
    transactionPartitions:
      status === 'Empty'
        ? null
        : state.partitions.topics().map(({ topic, partitions }) => ({ topic, partitionIds: partitions })),
    transactionLastUpdateTimestampMs: state.lastUpdateMs,
    transactionStartTimestampMs: state.startMs,
  });
}

/** The transactional id, or null when the key is of a newer version. @throws when the bytes are not what it says. */
export function decodeTransactionKey(key: Buffer): string | null {
  const version = key.readInt16BE(0);
  if (version !== KEY_VERSION) return null;
  return decodeMessage(TransactionLogKey, version, key.subarray(VERSION_BYTES)).transactionalId;
}

/** @throws when the version or the status is not known, or the bytes are not what they say. */
export function decodeTransactionValue(value: Buffer): TransactionState {
  const version = value.readInt16BE(0);
  const data = decodeMessage(TransactionLogValue, version, value.subarray(VERSION_BYTES));
  const status = TRANSACTION_STATUSES[data.transactionStatus];
  if (status === undefined || status === 'Dead' || status === 'PrepareEpochFence') {
    throw new RangeError('A transaction has a status that is never written.');
  }
  const partitions = PartitionSet.of(
    (status === 'Empty' ? [] : (data.transactionPartitions ?? [])).map(({ topic, partitionIds }) => ({
      topic,
      partitions: partitionIds,
    })),
  );
  return {
    producerId: data.producerId,
    producerEpoch: data.producerEpoch,
    timeoutMs: data.transactionTimeoutMs,
    status,
    partitions,
    startMs: data.transactionStartTimestampMs,
    lastUpdateMs: data.transactionLastUpdateTimestampMs,
  };
}
