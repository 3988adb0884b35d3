import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int32,
  int64,
  leaderEpoch,
  mapKey,
  or,
  since,
  topicName,
} from '../schema.ts';

/**
 * API 23. Tells where a leader epoch ended, so that replicas and consumers can tell where logs part
 * (KIP-101).
 *
 * - v1: the epoch that the end belongs to.
 * - v2: fencing by leader epoch (KIP-320); throttle time.
 * - v3: id of the asking replica; -2 may read past the high watermark.
 */
export const OffsetForLeaderEpoch = api({
  name: 'OffsetForLeaderEpoch',
  key: 23,
  versions: [0, 4],
  flexible: 4,
  request: {
    /** -2 for tools, which may read past the high watermark. */
    replicaId: since(3, ignorable(or(-2, brokerId))),
    topics: array({
      topic: mapKey(topicName),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: since(2, ignorable(or(-1, leaderEpoch))),
        leaderEpoch,
      }),
    }),
  },
  response: {
    throttleTimeMs: since(2, ignorable(int32)),
    topics: array({
      topic: mapKey(topicName),
      partitions: array({
        errorCode,
        partition: int32,
        leaderEpoch: since(1, ignorable(or(-1, leaderEpoch))),
        endOffset: or(-1, int64),
      }),
    }),
  },
});
