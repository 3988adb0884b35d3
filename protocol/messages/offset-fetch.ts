import {
  api,
  array,
  between,
  bool,
  errorCode,
  groupId,
  ignorable,
  int32,
  int64Exact,
  leaderEpoch,
  nullable,
  or,
  since,
  string,
  topicName,
  until,
} from '../schema.ts';

/**
 * API 9. Key 9.
 */
export const OffsetFetch = api({
  name: 'OffsetFetch',
  key: 9,
  versions: [0, 9],
  flexible: 6,
  request: {
    groupId: until(7, groupId),
    topics: until(
      7,
      nullable(
        array({
          name: topicName,
          partitionIndexes: array(int32),
        }),
        2,
      ),
    ),
    groups: since(
      8,
      array({
        groupId,
        memberId: since(9, ignorable(or(null, nullable(string)))),
        memberEpoch: since(9, ignorable(or(-1, int32))),
        topics: nullable(
          array({
            name: topicName,
            partitionIndexes: array(int32),
          }),
        ),
      }),
    ),
    requireStable: since(7, or(false, bool)),
  },
  response: {
    throttleTimeMs: since(3, ignorable(int32)),
    topics: until(
      7,
      array({
        name: topicName,
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64Exact,
          committedLeaderEpoch: since(5, ignorable(or(-1, leaderEpoch))),
          metadata: nullable(string),
          errorCode,
        }),
      }),
    ),
    errorCode: between(2, 7, ignorable(or(0, errorCode))),
    groups: since(
      8,
      array({
        groupId,
        topics: array({
          name: topicName,
          partitions: array({
            partitionIndex: int32,
            committedOffset: int64Exact,
            committedLeaderEpoch: ignorable(or(-1, leaderEpoch)),
            metadata: nullable(string),
            errorCode,
          }),
        }),
        errorCode: or(0, errorCode),
      }),
    ),
  },
});
