import { api, array, errorCode, int32, mapKey, string, topicName } from '../schema.ts';

/**
 * API 34. Key 34.
 */
export const AlterReplicaLogDirs = api({
  name: 'AlterReplicaLogDirs',
  key: 34,
  versions: [0, 2],
  flexible: 2,
  request: {
    dirs: array({
      path: mapKey(string),
      topics: array({
        name: mapKey(topicName),
        partitions: array(int32),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      topicName,
      partitions: array({
        partitionIndex: int32,
        errorCode,
      }),
    }),
  },
});
