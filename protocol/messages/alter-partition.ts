import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int8,
  int32,
  int64,
  leaderEpoch,
  or,
  since,
  topicName,
  until,
  uuid,
} from '../schema.ts';

/**
 * API 56. A leader asks the controller to change the in-sync replicas of its partitions (KIP-497).
 *
 * - v1: leader recovery state (KIP-704).
 * - v2: topic ids; INELIGIBLE_REPLICA and NEW_LEADER_ELECTED may be answered (KIP-841).
 * - v3: broker epochs of the replicas (KIP-903).
 */
export const AlterPartition = api({
  name: 'AlterPartition',
  key: 56,
  versions: [0, 3],
  flexible: 0,
  request: {
    brokerId,
    brokerEpoch: or(-1, int64),
    topics: array({
      topicName: until(1, ignorable(topicName)),
      topicId: since(2, ignorable(uuid)),
      partitions: array({
        partitionIndex: int32,
        leaderEpoch,
        newIsr: until(2, array(brokerId)),
        newIsrWithEpochs: since(
          3,
          array({
            brokerId,
            brokerEpoch: or(-1, int64),
          }),
        ),
        leaderRecoveryState: since(1, or(0, int8)),
        partitionEpoch: int32,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    topics: array({
      topicName: until(1, ignorable(topicName)),
      topicId: since(2, ignorable(uuid)),
      partitions: array({
        partitionIndex: int32,
        errorCode,
        leaderId: brokerId,
        leaderEpoch,
        isr: array(brokerId),
        leaderRecoveryState: since(1, ignorable(or(0, int8))),
        partitionEpoch: int32,
      }),
    }),
  },
});
