import {
  api,
  array,
  bool,
  brokerId,
  errorCode,
  int32,
  int64,
  leaderEpoch,
  nullable,
  or,
  string,
  topicName,
} from '../schema.ts';

/** API 52. A candidate for leader of the metadata log asks for a vote (KIP-595). */
export const Vote = api({
  name: 'Vote',
  key: 52,
  versions: [0, 0],
  flexible: 0,
  request: {
    clusterId: or(null, nullable(string)),
    topics: array({
      topicName,
      partitions: array({
        partitionIndex: int32,
        candidateEpoch: int32,
        candidateId: brokerId,
        lastOffsetEpoch: int32,
        lastOffset: int64,
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
        voteGranted: bool,
      }),
    }),
  },
});
