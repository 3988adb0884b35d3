import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int32,
  int64,
  leaderEpoch,
  nullable,
  or,
  records,
  string,
  struct,
  tagged,
  topicName,
} from '../schema.ts';

/** API 59. Reads a piece of a snapshot of the metadata log (KIP-630). */
export const FetchSnapshot = api({
  name: 'FetchSnapshot',
  key: 59,
  versions: [0, 0],
  flexible: 0,
  request: {
    clusterId: tagged(0, 0, or(null, nullable(string))),
    replicaId: or(-1, brokerId),
    maxBytes: or(0x7fffffff, int32),
    topics: array({
      name: topicName,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: leaderEpoch,
        snapshotId: struct({
          endOffset: int64,
          epoch: int32,
        }),
        position: int64,
      }),
    }),
  },
  response: {
    throttleTimeMs: ignorable(int32),
    errorCode,
    topics: array({
      name: topicName,
      partitions: array({
        index: int32,
        errorCode,
        snapshotId: struct({
          endOffset: int64,
          epoch: int32,
        }),
        currentLeader: tagged(
          0,
          0,
          struct({
            leaderId: brokerId,
            leaderEpoch,
          }),
        ),
        size: int64,
        position: int64,
        unalignedRecords: records,
      }),
    }),
  },
});
