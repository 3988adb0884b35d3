import {
  api,
  array,
  errorCode,
  int16,
  int32,
  int64,
  mapKey,
  producerId,
  string,
  topicName,
  transactionalId,
} from '../schema.ts';

/** API 65. Describes transactions by their transactional ids (KIP-664). */
export const DescribeTransactions = api({
  name: 'DescribeTransactions',
  key: 65,
  versions: [0, 0],
  flexible: 0,
  request: {
    transactionalIds: array(transactionalId),
  },
  response: {
    throttleTimeMs: int32,
    transactionStates: array({
      errorCode,
      transactionalId,
      transactionState: string,
      transactionTimeoutMs: int32,
      transactionStartTimeMs: int64,
      producerId,
      producerEpoch: int16,
      topics: array({
        topic: mapKey(topicName),
        partitions: array(int32),
      }),
    }),
  },
});
