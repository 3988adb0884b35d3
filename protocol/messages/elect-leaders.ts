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
 * API 43. Elects leaders of partitions: the preferred replica, or any replica when none is in sync
 * (KIP-183).
 *
 * - v1: kind of election; error code of the whole (KIP-460).
 */
export const ElectLeaders = api({
  name: 'ElectLeaders',
  key: 43,
  versions: [0, 2],
  flexible: 2,
  request: {
    electionType: since(1, int8),
    /** Null asks for all partitions. */
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
