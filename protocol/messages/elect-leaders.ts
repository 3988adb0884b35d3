import {
  api,
  array,
  errorCode,
  int8,
  int32,
  mapKey,
  nullable,
  or,
  since,
  string,
  topicName,
} from '../schema.ts';

/**
 * API 43. Key 43.
 */
export const ElectLeaders = api({
  name: 'ElectLeaders',
  key: 43,
  versions: [0, 2],
  flexible: 2,
  request: {
    electionType: since(1, int8),
    topicPartitions: nullable(
      array({
        topic: mapKey(topicName),
        partitions: array(int32),
      }),
    ),
    timeoutMs: or(60000, int32),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: since(1, errorCode),
    replicaElectionResults: array({
      topic: topicName,
      partitionResult: array({
        partitionId: int32,
        errorCode,
        errorMessage: nullable(string),
      }),
    }),
  },
});
