import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int8,
  int32,
  int64,
  int64Exact,
  leaderEpoch,
  or,
  since,
  topicName,
  until,
} from '../schema.ts';

/**
 * API 2. Key 2.
 */
export const ListOffsets = api({
  name: 'ListOffsets',
  key: 2,
  versions: [0, 8],
  flexible: 6,
  request: {
    replicaId: brokerId,
    isolationLevel: since(2, int8),
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: since(4, ignorable(or(-1, leaderEpoch))),
        timestamp: int64,
        maxNumOffsets: until(0, or(1, int32)),
      }),
    }),
  },
  response: {
    throttleTimeMs: since(2, ignorable(int32)),
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        errorCode,
        oldStyleOffsets: until(0, array(int64)),
        timestamp: since(1, or(-1, int64Exact)),
        offset: since(1, or(-1, int64)),
        leaderEpoch: since(4, or(-1, leaderEpoch)),
      }),
    }),
  },
});
