import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int8,
  int32,
  int64,
  leaderEpoch,
  or,
  since,
  topicName,
  until,
  uuid,
} from '../schema.ts';

/**
 * API 56. Key 56.
 */
export const AlterPartition = api({
  name: 'AlterPartition',
  key: 56,
  versions: [0, 3],
  flexible: 0,
  request: {
    brokerId,
    brokerEpoch: or(-1, int64),
    topics: array({
      topicName: until(1, ignorable(topicName)),
      topicId: since(2, ignorable(uuid)),
      partitions: array({
        partitionIndex: int32,
        leaderEpoch,
        newIsr: until(2, array(brokerId)),
        newIsrWithEpochs: since(
          3,
          array({
            brokerId,
            brokerEpoch: or(-1, int64),
          }),
        ),
        leaderRecoveryState: since(1, or(0, int8)),
        partitionEpoch: int32,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    topics: array({
      topicName: until(1, ignorable(topicName)),
      topicId: since(2, ignorable(uuid)),
      partitions: array({
        partitionIndex: int32,
        errorCode,
        leaderId: brokerId,
        leaderEpoch,
        isr: array(brokerId),
        leaderRecoveryState: since(1, ignorable(or(0, int8))),
        partitionEpoch: int32,
      }),
    }),
  },
});
