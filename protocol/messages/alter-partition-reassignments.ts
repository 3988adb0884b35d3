import { api, array, brokerId, errorCode, int32, nullable, or, string, topicName } from '../schema.ts';

/** API 45. Starts or cancels the move of partitions to other replicas (KIP-455). */
export const AlterPartitionReassignments = api({
  name: 'AlterPartitionReassignments',
  key: 45,
  versions: [0, 0],
  flexible: 0,
  request: {
    timeoutMs: or(60000, int32),
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        /** Null cancels the move. */
        replicas: or(null, nullable(array(brokerId))),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: nullable(string),
    responses: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        errorCode,
        errorMessage: nullable(string),
      }),
    }),
  },
});
