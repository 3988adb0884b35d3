import { api, array, brokerId, errorCode, int32, nullable, or, string, topicName } from '../schema.ts';

/** API 46. Lists the moves of partitions under way (KIP-455). */
export const ListPartitionReassignments = api({
  name: 'ListPartitionReassignments',
  key: 46,
  versions: [0, 0],
  flexible: 0,
  request: {
    timeoutMs: or(60000, int32),
    topics: or(
      null,
      nullable(
        array({
          name: topicName,
          partitionIndexes: array(int32),
        }),
      ),
    ),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: nullable(string),
    topics: array({
      name: topicName,
      partitions: array({
        partitionIndex: int32,
        replicas: array(brokerId),
        addingReplicas: array(brokerId),
        removingReplicas: array(brokerId),
      }),
    }),
  },
});
