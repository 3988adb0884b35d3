import {
  api,
  array,
  between,
  errorCode,
  groupId,
  ignorable,
  int32,
  int64,
  int64Exact,
  leaderEpoch,
  nullable,
  or,
  since,
  string,
  topicName,
} from '../schema.ts';

/**
 * API 8. Key 8.
 */
export const OffsetCommit = api({
  name: 'OffsetCommit',
  key: 8,
  versions: [0, 9],
  flexible: 8,
  request: {
    groupId,
    generationIdOrMemberEpoch: since(1, ignorable(or(-1, int32))),
    memberId: since(1, ignorable(string)),
    groupInstanceId: since(7, or(null, nullable(string))),
    retentionTimeMs: between(2, 4, ignorable(or(-1, int64))),
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64Exact,
        committedLeaderEpoch: since(6, ignorable(or(-1, leaderEpoch))),
        commitTimestamp: between(1, 1, or(-1, int64Exact)),
        committedMetadata: nullable(string),
      }),
    }),
  },
  response: {
    throttleTimeMs: since(3, ignorable(int32)),
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        errorCode,
      }),
    }),
  },
});
