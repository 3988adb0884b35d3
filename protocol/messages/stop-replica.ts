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
 * API 5. Key 5.
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
