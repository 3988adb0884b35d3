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
 * API 3. Tells the live brokers, the controller, and the partitions of topics with their leaders.
 *
 * - v1: null asks for all topics, an empty list for none; racks, controller id, internal flag.
 * - v2: cluster id.
 * - v3: throttle time.
 * - v4: the client says whether a missing topic is to be created.
 * - v5: offline replicas.
 * - v6: answered before the channel is muted when a quota is violated (KIP-219).
 * - v7: leader epochs (KIP-320).
 * - v8: authorized operations (KIP-430).
 * - v10: topic ids; names may be null, which works only from v12 on (KIP-516).
 * - v11: authorized operations on the cluster have moved to DescribeCluster (KIP-700).
 * - v12: topics may be asked for by id.
 */
export const Metadata = api({
  name: 'Metadata',
  key: 3,
  versions: [0, 12],
  flexible: 9,
  request: {
    /** Null asks for all topics; in v0 an empty list does. */
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
      /** Bit n stands for the operation with code n; the smallest int32 means not asked for (KIP-430). */
      topicAuthorizedOperations: since(8, or(-2147483648, int32)),
    }),
    /** As for topics. */
    clusterAuthorizedOperations: between(8, 10, or(-2147483648, int32)),
  },
});
