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

/** API 54. The leader of the metadata log resigns and names its preferred successors (KIP-595). */
export const EndQuorumEpoch = api({
  name: 'EndQuorumEpoch',
  key: 54,
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
        preferredSuccessors: array(int32),
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
