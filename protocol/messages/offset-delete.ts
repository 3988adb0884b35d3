import { api, array, errorCode, groupId, ignorable, int32, mapKey, topicName } from '../schema.ts';

/** API 47. Deletes committed offsets of a group (KIP-496). */
export const OffsetDelete = api({
  name: 'OffsetDelete',
  key: 47,
  versions: [0, 0],
  flexible: 'none',
  request: {
    groupId,
    topics: array({
      name: mapKey(topicName),
      partitions: array({
        partitionIndex: int32,
      }),
    }),
  },
  response: {
    errorCode,
    throttleTimeMs: ignorable(int32),
    topics: array({
      name: mapKey(topicName),
      partitions: array({
        partitionIndex: mapKey(int32),
        errorCode,
      }),
    }),
  },
});
