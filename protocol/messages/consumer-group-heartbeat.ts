import {
  api,
  array,
  errorCode,
  groupId,
  int32,
  nullable,
  or,
  string,
  struct,
  topicName,
  uuid,
} from '../schema.ts';

const topicPartitions = {
  topicId: uuid,
  partitions: array(int32),
};

/**
 * API 68. Key 68.
 */
export const ConsumerGroupHeartbeat = api({
  name: 'ConsumerGroupHeartbeat',
  key: 68,
  versions: [0, 0],
  flexible: 0,
  request: {
    groupId,
    memberId: string,
    memberEpoch: int32,
    instanceId: or(null, nullable(string)),
    rackId: or(null, nullable(string)),
    rebalanceTimeoutMs: or(-1, int32),
    subscribedTopicNames: or(null, nullable(array(topicName))),
    serverAssignor: or(null, nullable(string)),
    topicPartitions: or(
      null,
      nullable(
        array({
          topicId: uuid,
          partitions: array(int32),
        }),
      ),
    ),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: or(null, nullable(string)),
    memberId: or(null, nullable(string)),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: or(
      null,
      nullable(
        struct({
          topicPartitions: array(topicPartitions),
        }),
      ),
    ),
  },
});
