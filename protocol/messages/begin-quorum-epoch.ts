import {
  api,
  array,
  brokerId,
  errorCode,
  int32,
  leaderEpoch,
  nullable,
  or,
  string,
  topicName,
} from '../schema.ts';

/** API 53. A new leader of the metadata log makes itself known (KIP-595). */
export const BeginQuorumEpoch = api({
  name: 'BeginQuorumEpoch',
  key: 53,
  versions: [0, 0],
  flexible: 'none',
  request: {
    clusterId: or(null, nullable(string)),
    topics: array({
      topicName,
      partitions: array({
        partitionIndex: int32,
        leaderId: brokerId,
        leaderEpoch,
      }),
    }),
  },
  response: {
    errorCode,
    topics: array({
      topicName,
      partitions: array({
        partitionIndex: int32,
        errorCode,
        leaderId: brokerId,
        leaderEpoch,
      }),
    }),
  },
});
