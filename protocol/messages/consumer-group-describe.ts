import {
  api,
  array,
  bool,
  errorCode,
  groupId,
  ignorable,
  int8,
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
  topicName,
  partitions: array(int32),
};

/** What 3.7.0 had here for client-side assignors was taken out again while version 0 was unstable. */
const assignment = {
  topicPartitions: array(topicPartitions),
};

/** API 69. Describes groups of the new protocol (KIP-848). Version 1, of Apache Kafka 4.0: types of members (KIP-1099). */
export const ConsumerGroupDescribe = api({
  name: 'ConsumerGroupDescribe',
  key: 69,
  versions: [0, 1],
  flexible: 0,
  latestVersionUnstable: true,
  request: {
    groupIds: array(groupId),
    includeAuthorizedOperations: bool,
  },
  response: {
    throttleTimeMs: int32,
    groups: array({
      errorCode,
      errorMessage: or(null, nullable(string)),
      groupId,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        instanceId: or(null, nullable(string)),
        rackId: or(null, nullable(string)),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(topicName),
        subscribedTopicRegex: or(null, nullable(string)),
        assignment: struct(assignment),
        targetAssignment: struct(assignment),
        /** -1 unknown, 0 classic, 1 consumer. */
        memberType: since(1, ignorable(or(-1, int8))),
      }),
      authorizedOperations: or(-2147483648, int32),
    }),
  },
});
