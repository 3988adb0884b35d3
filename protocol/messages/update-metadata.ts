import {
  api,
  array,
  bool,
  brokerId,
  errorCode,
  ignorable,
  int8,
  int16,
  int32,
  int64,
  leaderEpoch,
  nullable,
  or,
  since,
  string,
  tagged,
  topicName,
  until,
  uuid,
} from '../schema.ts';

const updateMetadataPartitionState = {
  topicName: until(4, ignorable(topicName)),
  partitionIndex: int32,
  controllerEpoch: int32,
  leader: brokerId,
  leaderEpoch,
  isr: array(brokerId),
  zkVersion: int32,
  replicas: array(brokerId),
  offlineReplicas: since(4, ignorable(array(brokerId))),
};

/**
 * API 6. The ZooKeeper controller tells brokers about the cluster. Not served in KRaft mode.
 *
 * - v1: several endpoints per broker.
 * - v2: racks.
 * - v3: listener names.
 * - v4: offline replicas.
 * - v5: broker epoch; partitions grouped by topic.
 * - v7: topic ids.
 * - v8: flag for a KRaft controller; full or incremental (KIP-866).
 */
export const UpdateMetadata = api({
  name: 'UpdateMetadata',
  key: 6,
  versions: [0, 8],
  flexible: 6,
  request: {
    controllerId: brokerId,
    isKRaftController: since(8, or(false, bool)),
    type: tagged(0, 8, or(0, int8)),
    controllerEpoch: int32,
    brokerEpoch: since(5, ignorable(or(-1, int64))),
    ungroupedPartitionStates: until(4, array(updateMetadataPartitionState)),
    topicStates: since(
      5,
      array({
        topicName,
        topicId: since(7, ignorable(uuid)),
        partitionStates: array(updateMetadataPartitionState),
      }),
    ),
    liveBrokers: array({
      id: brokerId,
      v0Host: until(0, ignorable(string)),
      v0Port: until(0, ignorable(int32)),
      endpoints: since(
        1,
        ignorable(
          array({
            port: int32,
            host: string,
            listener: since(3, ignorable(string)),
            securityProtocol: int16,
          }),
        ),
      ),
      rack: since(2, ignorable(nullable(string))),
    }),
  },
  response: {
    errorCode,
  },
});
