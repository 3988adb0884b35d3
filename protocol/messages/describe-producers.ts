import {
  api,
  array,
  errorCode,
  int32,
  int64,
  nullable,
  or,
  producerId,
  string,
  topicName,
} from '../schema.ts';

/** API 61. Tells the state of the producers that wrote to a partition (KIP-664). */
export const DescribeProducers = api({
  name: 'DescribeProducers',
  key: 61,
  versions: [0, 0],
  flexible: 0,
  request: {
    topics: array({
      name: topicName,
      partitionIndexes: array(int32),
    }),
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        errorCode,
        errorMessage: or(null, nullable(string)),
        activeProducers: array({
          producerId,
          producerEpoch: int32,
          lastSequence: or(-1, int32),
          lastTimestamp: or(-1, int64),
          coordinatorEpoch: int32,
          currentTxnStartOffset: or(-1, int64),
        }),
      }),
    }),
  },
});
