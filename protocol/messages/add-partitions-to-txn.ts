import {
  api,
  array,
  bool,
  errorCode,
  ignorable,
  int16,
  int32,
  mapKey,
  or,
  producerId,
  since,
  topicName,
  transactionalId,
  until,
} from '../schema.ts';

const addPartitionsToTxnTopic = {
  name: mapKey(topicName),
  partitions: array(int32),
};

const addPartitionsToTxnPartitionResult = {
  partitionIndex: mapKey(int32),
  partitionErrorCode: errorCode,
};

const addPartitionsToTxnTopicResult = {
  name: mapKey(topicName),
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
};

/**
 * API 24. Adds partitions to a transaction. Up to v3 clients ask for one transaction, from v4 on brokers ask
 * for many.
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v2: PRODUCER_FENCED may be answered in place of INVALID_PRODUCER_EPOCH (KIP-588).
 * - v4: many transactions at once; a mere check whether the partitions are in (KIP-890).
 */
export const AddPartitionsToTxn = api({
  name: 'AddPartitionsToTxn',
  key: 24,
  versions: [0, 4],
  flexible: 3,
  request: {
    transactions: since(
      4,
      array({
        transactionalId: mapKey(transactionalId),
        producerId,
        producerEpoch: int16,
        verifyOnly: or(false, bool),
        topics: array(addPartitionsToTxnTopic),
      }),
    ),
    v3AndBelowTransactionalId: until(3, transactionalId),
    v3AndBelowProducerId: until(3, producerId),
    v3AndBelowProducerEpoch: until(3, int16),
    v3AndBelowTopics: until(3, array(addPartitionsToTxnTopic)),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: since(4, ignorable(errorCode)),
    resultsByTransaction: since(
      4,
      array({
        transactionalId: mapKey(transactionalId),
        topicResults: array(addPartitionsToTxnTopicResult),
      }),
    ),
    resultsByTopicV3AndBelow: until(3, array(addPartitionsToTxnTopicResult)),
  },
});
