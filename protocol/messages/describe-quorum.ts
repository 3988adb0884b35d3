import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int32,
  int64,
  leaderEpoch,
  or,
  since,
  topicName,
} from '../schema.ts';

const replicaState = {
  replicaId: brokerId,
  logEndOffset: int64,
  lastFetchTimestamp: since(1, ignorable(or(-1, int64))),
  lastCaughtUpTimestamp: since(1, ignorable(or(-1, int64))),
};

/**
 * API 55. Describes the leader, voters and observers of the metadata log (KIP-595).
 *
 * - v1: when each replica last fetched and was last caught up (KIP-836).
 */
export const DescribeQuorum = api({
  name: 'DescribeQuorum',
  key: 55,
  versions: [0, 1],
  flexible: 0,
  request: {
    topics: array({
      topicName,
      partitions: array({
        partitionIndex: int32,
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
        highWatermark: int64,
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
  },
});
