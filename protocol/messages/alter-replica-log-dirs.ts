import { api, array, errorCode, int32, mapKey, string, topicName } from '../schema.ts';

/**
 * API 34. Moves replicas between the log directories of a broker (KIP-113).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
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
