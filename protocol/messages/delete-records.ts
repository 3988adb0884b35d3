import { api, array, errorCode, int32, int64, mapKey, topicName } from '../schema.ts';

/**
 * API 21. Raises the log start offset of partitions, for which all live replicas must answer (KIP-107).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 */
export const DeleteRecords = api({
  name: 'DeleteRecords',
  key: 21,
  versions: [0, 2],
  flexible: 2,
  request: {
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        offset: int64,
      }),
    }),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: mapKey(topicName),
      partitions: array({
        partitionIndex: mapKey(int32),
        lowWatermark: int64,
        errorCode,
      }),
    }),
  },
});
