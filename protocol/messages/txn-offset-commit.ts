import {
  api,
  array,
  errorCode,
  groupId,
  ignorable,
  int16,
  int32,
  int64Exact,
  leaderEpoch,
  nullable,
  or,
  producerId,
  since,
  string,
  topicName,
  transactionalId,
} from '../schema.ts';

/**
 * API 28. Stores the offsets of a group as part of a transaction.
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v2: leader epochs (KIP-320).
 * - v3: member and generation, against zombies (KIP-447).
 */
export const TxnOffsetCommit = api({
  name: 'TxnOffsetCommit',
  key: 28,
  versions: [0, 3],
  flexible: 3,
  request: {
    transactionalId,
    groupId,
    producerId,
    producerEpoch: int16,
    generationId: since(3, or(-1, int32)),
    memberId: since(3, or('', string)),
    groupInstanceId: since(3, or(null, nullable(string))),
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64Exact,
        committedLeaderEpoch: since(2, ignorable(or(-1, leaderEpoch))),
        committedMetadata: nullable(string),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        errorCode,
      }),
    }),
  },
});
