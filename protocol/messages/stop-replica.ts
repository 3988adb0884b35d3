import {
  api,
  array,
  between,
  bool,
  brokerId,
  errorCode,
  ignorable,
  int32,
  int64,
  leaderEpoch,
  or,
  since,
  topicName,
  until,
} from '../schema.ts';

/**
 * API 5. The ZooKeeper controller takes replicas away from a broker. Not served in KRaft mode.
 *
 * - v1: broker epoch; partitions grouped by topic.
 * - v3: leader epoch and delete flag per partition (KIP-570).
 * - v4: flag for a KRaft controller (KIP-866).
 */
export const StopReplica = api({
  name: 'StopReplica',
  key: 5,
  versions: [0, 4],
  flexible: 2,
  request: {
    controllerId: brokerId,
    isKRaftController: since(4, or(false, bool)),
    controllerEpoch: int32,
    brokerEpoch: since(1, ignorable(or(-1, int64))),
    deletePartitions: until(2, bool),
    ungroupedPartitions: until(
      0,
      array({
        topicName,
        partitionIndex: int32,
      }),
    ),
    topics: between(
      1,
      2,
      array({
        name: topicName,
        partitionIndexes: array(int32),
      }),
    ),
    topicStates: since(
      3,
      array({
        topicName,
        partitionStates: array({
          partitionIndex: int32,
          leaderEpoch: or(-1, leaderEpoch),
          deletePartition: bool,
        }),
      }),
    ),
  },
  response: {
    errorCode,
    partitionErrors: array({
      topicName,
      partitionIndex: int32,
      errorCode,
    }),
  },
});
