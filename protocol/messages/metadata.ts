import {
  api,
  array,
  between,
  bool,
  brokerId,
  errorCode,
  ignorable,
  int32,
  leaderEpoch,
  mapKey,
  nullable,
  or,
  since,
  string,
  topicName,
  uuid,
} from '../schema.ts';

/**
 * API 3. Key 3.
 */
export const Metadata = api({
  name: 'Metadata',
  key: 3,
  versions: [0, 12],
  flexible: 9,
  request: {
    topics: nullable(
      array({
        topicId: since(10, ignorable(uuid)),
        name: nullable(topicName, 10),
      }),
      1,
    ),
    allowAutoTopicCreation: since(4, or(true, bool)),
    includeClusterAuthorizedOperations: between(8, 10, bool),
    includeTopicAuthorizedOperations: since(8, bool),
  },
  response: {
    throttleTimeMs: since(3, ignorable(int32)),
    brokers: array({
      nodeId: mapKey(brokerId),
      host: string,
      port: int32,
      rack: since(1, ignorable(or(null, nullable(string)))),
    }),
    clusterId: since(2, ignorable(or(null, nullable(string)))),
    controllerId: since(1, ignorable(or(-1, brokerId))),
    topics: array({
      errorCode,
      name: mapKey(nullable(topicName, 12)),
      topicId: since(10, ignorable(uuid)),
      isInternal: since(1, ignorable(or(false, bool))),
      partitions: array({
        errorCode,
        partitionIndex: int32,
        leaderId: brokerId,
        leaderEpoch: since(7, ignorable(or(-1, leaderEpoch))),
        replicaNodes: array(brokerId),
        isrNodes: array(brokerId),
        offlineReplicas: since(5, ignorable(array(brokerId))),
      }),
      topicAuthorizedOperations: since(8, or(-2147483648, int32)),
    }),
    clusterAuthorizedOperations: between(8, 10, or(-2147483648, int32)),
  },
});
