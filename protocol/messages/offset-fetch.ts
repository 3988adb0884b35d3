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
 * API 9. Reads the committed offsets of a group. v0 meant ZooKeeper, and is answered with
 * UNSUPPORTED_VERSION.
 *
 * - v2: null asks for all topics; error code of the whole.
 * - v3: throttle time.
 * - v4: answered before the channel is muted when a quota is violated (KIP-219).
 * - v5: leader epochs (KIP-320).
 * - v7: the client may ask to wait out open transactions (KIP-447).
 * - v8: several groups at once (KIP-709).
 * - v9: member id and epoch of the new protocol (KIP-848).
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
