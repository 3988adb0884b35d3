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
 * API 2. Finds the offset that belongs to a timestamp, or the first or last offset of a partition.
 *
 * - v1: one offset with its timestamp in place of a list.
 * - v2: isolation level, throttle time.
 * - v3: answered before the channel is muted when a quota is violated (KIP-219).
 * - v4: fencing by leader epoch (KIP-320).
 * - v5: OFFSET_NOT_AVAILABLE may be answered while a new leader catches up (KIP-207).
 * - v7: -3 asks for the record with the largest timestamp (KIP-734).
 * - v8: -4 asks for the first offset on local disk (KIP-405).
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
        /** Negative values are special: -1 latest, -2 earliest, -3 largest timestamp, -4 earliest on local disk. */
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
        /** Newest first, at most as many as asked for. */
        oldStyleOffsets: until(0, array(int64)),
        timestamp: since(1, or(-1n, int64Exact)),
        offset: since(1, or(-1, int64)),
        leaderEpoch: since(4, or(-1, leaderEpoch)),
      }),
    }),
  },
});
