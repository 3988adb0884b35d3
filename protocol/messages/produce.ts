import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int16,
  int32,
  int64,
  leaderEpoch,
  mapKey,
  nullable,
  or,
  records,
  since,
  string,
  struct,
  tagged,
  topicName,
  transactionalId,
} from '../schema.ts';

/**
 * API 0. Appends record batches to partitions this broker leads. With acks 0 there is no answer at all.
 *
 * - v1: throttle time.
 * - v2: log append time.
 * - v3: transactional id; exactly one batch of format v2 per partition.
 * - v4: KAFKA_STORAGE_ERROR may be answered.
 * - v5: log start offset, by which producers tell lost state from lost records.
 * - v6: answered before the channel is muted when a quota is violated (KIP-219).
 * - v7: zstd allowed (KIP-110).
 * - v8: which records of a refused batch are at fault (KIP-467).
 * - v10: NOT_LEADER_OR_FOLLOWER comes with the new leader and its address (KIP-951).
 */
export const Produce = api({
  name: 'Produce',
  key: 0,
  versions: [0, 10],
  flexible: 9,
  request: {
    transactionalId: since(3, or(null, nullable(transactionalId))),
    /** -1 waits for all in-sync replicas, 1 for the leader, 0 for nobody and no answer. */
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: mapKey(topicName),
      partitionData: array({
        index: int32,
        records: nullable(records),
      }),
    }),
  },
  response: {
    responses: array({
      name: mapKey(topicName),
      partitionResponses: array({
        index: int32,
        errorCode,
        baseOffset: int64,
        /** -1 unless the topic stamps records with the time of the append. */
        logAppendTimeMs: since(2, ignorable(or(-1, int64))),
        logStartOffset: since(5, ignorable(or(-1, int64))),
        recordErrors: since(
          8,
          ignorable(
            array({
              batchIndex: int32,
              batchIndexErrorMessage: or(null, nullable(string)),
            }),
          ),
        ),
        errorMessage: since(8, ignorable(or(null, nullable(string)))),
        currentLeader: tagged(
          0,
          10,
          struct({
            leaderId: or(-1, brokerId),
            leaderEpoch: or(-1, leaderEpoch),
          }),
        ),
      }),
    }),
    throttleTimeMs: since(1, ignorable(or(0, int32))),
    nodeEndpoints: tagged(
      0,
      10,
      array({
        nodeId: mapKey(brokerId),
        host: string,
        port: int32,
        rack: or(null, nullable(string)),
      }),
    ),
  },
});
