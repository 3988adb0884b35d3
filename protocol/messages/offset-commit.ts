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
 * API 8. Stores the offsets of a group. v0 meant ZooKeeper, and is answered with UNSUPPORTED_VERSION.
 *
 * - v1: generation and member; commit time per partition, in this version alone.
 * - v2: retention time, until v4.
 * - v3: throttle time.
 * - v4: answered before the channel is muted when a quota is violated (KIP-219).
 * - v6: leader epoch of the last record read (KIP-320).
 * - v7: static members (KIP-345).
 * - v9: usable by members of the new protocol; GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH may be answered
 *   (KIP-848).
 */
export const OffsetCommit = api({
  name: 'OffsetCommit',
  key: 8,
  versions: [0, 9],
  flexible: 8,
  request: {
    groupId,
    /** -1 for commits of consumers that are not in the group. */
    generationIdOrMemberEpoch: since(1, ignorable(or(-1, int32))),
    memberId: since(1, ignorable(string)),
    groupInstanceId: since(7, or(null, nullable(string))),
    /** -1 for the default of the broker. */
    retentionTimeMs: between(2, 4, ignorable(or(-1, int64))),
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64Exact,
        committedLeaderEpoch: since(6, ignorable(or(-1, leaderEpoch))),
        commitTimestamp: between(1, 1, or(-1n, int64Exact)),
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
