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
 * API 1. Reads record batches from an offset on. Consumers, followers and, at a controller, the replicas of
 * the metadata log use it.
 *
 * - v1: throttle time.
 * - v2: record format v1 may be answered.
 * - v3: a limit for the whole answer (KIP-74); partitions are served in the order asked for.
 * - v4: isolation level, aborted transactions, record format v2 (KIP-98).
 * - v5: log start offsets, both ways (KIP-107).
 * - v7: fetch sessions: only what changed is sent (KIP-227).
 * - v8: answered before the channel is muted when a quota is violated (KIP-219).
 * - v9: fencing by leader epoch (KIP-320).
 * - v10: zstd allowed (KIP-110).
 * - v11: rack of the consumer and preferred replica (KIP-392).
 * - v12: epoch of the last record fetched, diverging epochs, current leader (KIP-595).
 * - v13: topic ids in place of names (KIP-516).
 * - v14: OFFSET_MOVED_TO_TIERED_STORAGE may be answered (KIP-405).
 * - v15: epoch of the fetching broker, in a tagged struct with its id (KIP-903).
 * - v16: addresses of new leaders (KIP-951).
 */
export const Fetch = api({
  name: 'Fetch',
  key: 1,
  versions: [0, 16],
  flexible: 12,
  request: {
    /** Null when unknown. */
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
    /** How long to wait for `minBytes`. */
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: since(3, ignorable(or(0x7fffffff, int32))),
    /** 0 reads up to the high watermark, 1 up to the last stable offset. */
    isolationLevel: since(4, ignorable(or(0, int8))),
    /** 0 asks for a new session, or for none with epoch -1. */
    sessionId: since(7, ignorable(or(0, int32))),
    sessionEpoch: since(7, ignorable(or(-1, int32))),
    topics: array({
      topic: until(12, ignorable(topicName)),
      topicId: since(13, ignorable(uuid)),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: since(9, ignorable(or(-1, leaderEpoch))),
        fetchOffset: int64,
        /** Epoch of the last record that the replica has, -1 for none. */
        lastFetchedEpoch: since(12, or(-1, int32)),
        logStartOffset: since(5, ignorable(or(-1, int64))),
        /** The first batch is answered whole even if it is larger. */
        partitionMaxBytes: int32,
      }),
    }),
    /** Partitions to take out of the session. */
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
        /** Largest epoch and its end up to which both logs may agree; -1 when they do not part. */
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
        /** Snapshot to fetch in place of records that are gone; -1 when there is none. */
        snapshotId: tagged(
          2,
          12,
          struct({
            endOffset: or(-1, int64),
            epoch: or(-1, int32),
          }),
        ),
        /** Only with isolation level 1. */
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
        /** Where the consumer should read instead; -1 for here. */
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
