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
 * API 0. Key 0.
 */
export const Produce = api({
  name: 'Produce',
  key: 0,
  versions: [0, 10],
  flexible: 9,
  request: {
    transactionalId: since(3, or(null, nullable(transactionalId))),
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
