import {
  api,
  array,
  bool,
  brokerId,
  errorCode,
  ignorable,
  int8,
  int32,
  int64,
  leaderEpoch,
  mapKey,
  or,
  since,
  string,
  topicName,
  until,
  uuid,
} from '../schema.ts';

const leaderAndIsrPartitionState = {
  topicName: until(1, ignorable(topicName)),
  partitionIndex: int32,
  controllerEpoch: int32,
  leader: brokerId,
  leaderEpoch,
  isr: array(brokerId),
  partitionEpoch: int32,
  replicas: array(brokerId),
  addingReplicas: since(3, ignorable(array(brokerId))),
  removingReplicas: since(3, ignorable(array(brokerId))),
  isNew: since(1, ignorable(or(false, bool))),
  leaderRecoveryState: since(6, or(0, int8)),
};

const leaderAndIsrPartitionError = {
  topicName: until(4, ignorable(topicName)),
  partitionIndex: int32,
  errorCode,
};

/**
 * API 4. The ZooKeeper controller appoints leaders and followers. Not served in KRaft mode.
 *
 * - v1: flag for new partitions.
 * - v2: broker epoch; partitions grouped by topic.
 * - v3: replicas being added and removed (KIP-455).
 * - v5: topic ids; full or incremental.
 * - v6: leader recovery state (KIP-704).
 * - v7: flag for a KRaft controller (KIP-866).
 */
export const LeaderAndIsr = api({
  name: 'LeaderAndIsr',
  key: 4,
  versions: [0, 7],
  flexible: 4,
  request: {
    controllerId: brokerId,
    isKRaftController: since(7, or(false, bool)),
    controllerEpoch: int32,
    brokerEpoch: since(2, ignorable(or(-1, int64))),
    type: since(5, int8),
    ungroupedPartitionStates: until(1, array(leaderAndIsrPartitionState)),
    topicStates: since(
      2,
      array({
        topicName,
        topicId: since(5, ignorable(uuid)),
        partitionStates: array(leaderAndIsrPartitionState),
      }),
    ),
    liveLeaders: array({
      brokerId,
      hostName: string,
      port: int32,
    }),
  },
  response: {
    errorCode,
    partitionErrors: until(4, array(leaderAndIsrPartitionError)),
    topics: since(
      5,
      array({
        topicId: mapKey(uuid),
        partitionErrors: array(leaderAndIsrPartitionError),
      }),
    ),
  },
});
