import {
  api,
  array,
  errorCode,
  groupId,
  int32,
  nullable,
  or,
  since,
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
 * API 68. The one request of the new group protocol: joins, keeps alive, reports, gets assignments and
 * leaves (KIP-848).
 *
 * Version 1, which came with Apache Kafka 4.0: an expression instead of topic names, and member ids that the client
 * makes (KIP-1082).
 */
export const ConsumerGroupHeartbeat = api({
  name: 'ConsumerGroupHeartbeat',
  key: 68,
  versions: [0, 1],
  flexible: 0,
  request: {
    groupId,
    memberId: string,
    /** 0 joins, -1 leaves, -2 leaves for a while as a static member. */
    memberEpoch: int32,
    instanceId: or(null, nullable(string)),
    rackId: or(null, nullable(string)),
    /** -1 when it has not changed. */
    rebalanceTimeoutMs: or(-1, int32),
    /** Null when unchanged. */
    subscribedTopicNames: or(null, nullable(array(topicName))),
    /** Null when unchanged, empty for none; in RE2's syntax. */
    subscribedTopicRegex: since(1, or(null, nullable(string))),
    /** Null when unchanged, or when the choice is left to the coordinator. */
    serverAssignor: or(null, nullable(string)),
    /** What the member owns now; null when unchanged. */
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
    /** Null when unchanged. */
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
