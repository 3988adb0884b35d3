import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int8,
  int32,
  int64,
  leaderEpoch,
  mapKey,
  nullable,
  or,
  producerId,
  records,
  since,
  string,
  struct,
  tagged,
  topicName,
  until,
  uuid,
} from '../schema.ts';

/**
 * API 1. Key 1.
 */
export const Fetch = api({
  name: 'Fetch',
  key: 1,
  versions: [0, 16],
  flexible: 12,
  request: {
    clusterId: tagged(0, 12, ignorable(or(null, nullable(string)))),
    replicaId: until(14, or(-1, brokerId)),
    replicaState: tagged(
      1,
      15,
      struct({
        replicaId: or(-1, brokerId),
        replicaEpoch: or(-1, int64),
      }),
    ),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: since(3, ignorable(or(0x7fffffff, int32))),
    isolationLevel: since(4, ignorable(or(0, int8))),
    sessionId: since(7, ignorable(or(0, int32))),
    sessionEpoch: since(7, ignorable(or(-1, int32))),
    topics: array({
      topic: until(12, ignorable(topicName)),
      topicId: since(13, ignorable(uuid)),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: since(9, ignorable(or(-1, leaderEpoch))),
        fetchOffset: int64,
        lastFetchedEpoch: since(12, or(-1, int32)),
        logStartOffset: since(5, ignorable(or(-1, int64))),
        partitionMaxBytes: int32,
      }),
    }),
    forgottenTopicsData: since(
      7,
      array({
        topic: until(12, ignorable(topicName)),
        topicId: since(13, ignorable(uuid)),
        partitions: array(int32),
      }),
    ),
    rackId: since(11, ignorable(or('', string))),
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    errorCode: since(7, ignorable(errorCode)),
    sessionId: since(7, or(0, int32)),
    responses: array({
      topic: until(12, ignorable(topicName)),
      topicId: since(13, ignorable(uuid)),
      partitions: array({
        partitionIndex: int32,
        errorCode,
        highWatermark: int64,
        lastStableOffset: since(4, ignorable(or(-1, int64))),
        logStartOffset: since(5, ignorable(or(-1, int64))),
        divergingEpoch: tagged(
          0,
          12,
          struct({
            epoch: or(-1, int32),
            endOffset: or(-1, int64),
          }),
        ),
        currentLeader: tagged(
          1,
          12,
          struct({
            leaderId: or(-1, brokerId),
            leaderEpoch: or(-1, leaderEpoch),
          }),
        ),
        snapshotId: tagged(
          2,
          12,
          struct({
            endOffset: or(-1, int64),
            epoch: or(-1, int32),
          }),
        ),
        abortedTransactions: since(
          4,
          ignorable(
            nullable(
              array({
                producerId,
                firstOffset: int64,
              }),
            ),
          ),
        ),
        preferredReadReplica: since(11, or(-1, brokerId)),
        records: nullable(records),
      }),
    }),
    nodeEndpoints: tagged(
      0,
      16,
      array({
        nodeId: mapKey(brokerId),
        host: string,
        port: int32,
        rack: or(null, nullable(string)),
      }),
    ),
  },
});
