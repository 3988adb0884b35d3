/**
 * Records of `__consumer_offsets`: committed offsets, and groups of both protocols.
 *
 * ```
 * key    int16 version of the key schema = type of the record, then the key
 * value  int16 version of the value schema, then the value; null deletes
 * ```
 *
 * Types: 0 and 1 OffsetCommit, 2 GroupMetadata, 3 ConsumerGroupMetadata, 4 ConsumerGroupPartitionMetadata, 5
 * ConsumerGroupMemberMetadata, 6 ConsumerGroupTargetAssignmentMetadata, 7
 * ConsumerGroupTargetAssignmentMember, 8 ConsumerGroupCurrentMemberAssignment.
 */
import {
  array,
  between,
  bytes,
  ignorable,
  int8,
  int16,
  int32,
  int64,
  int64Exact,
  message,
  nullable,
  or,
  since,
  string,
  uuid,
} from '../schema.ts';

/**
 * Versions 0 and 1 alike. The int16 in front of each key of this topic is the version, and tells the type of
 * the record.
 */
export const OffsetCommitKey = message({
  name: 'OffsetCommitKey',
  versions: [0, 1],
  flexible: 'none',
  fields: {
    group: string,
    topic: string,
    partition: int32,
  },
});

/** A committed offset. A null value instead deletes it. */
export const OffsetCommitValue = message({
  name: 'OffsetCommitValue',
  versions: [0, 4],
  flexible: 4,
  fields: {
    offset: int64Exact,
    leaderEpoch: since(3, ignorable(or(-1, int32))),
    metadata: string,
    commitTimestamp: int64Exact,
    /** Only for commits that asked for a retention time. */
    expireTimestamp: between(1, 1, ignorable(or(-1, int64))),
  },
});

/** A group of the classic protocol. */
export const GroupMetadataKey = message({
  name: 'GroupMetadataKey',
  versions: [2, 2],
  flexible: 'none',
  fields: {
    group: string,
  },
});

const memberMetadata = {
  memberId: string,
  groupInstanceId: since(3, ignorable(or(null, nullable(string)))),
  clientId: string,
  clientHost: string,
  rebalanceTimeout: since(1, ignorable(or(-1, int32))),
  sessionTimeout: int32,
  subscription: bytes,
  assignment: bytes,
};

/** The group as it was after the last rebalance; null when it is gone. */
export const GroupMetadataValue = message({
  name: 'GroupMetadataValue',
  versions: [0, 4],
  flexible: 4,
  fields: {
    protocolType: string,
    generation: int32,
    protocol: nullable(string),
    leader: nullable(string),
    currentStateTimestamp: since(2, ignorable(or(-1, int64))),
    members: array(memberMetadata),
  },
});

export const ConsumerGroupMetadataKey = message({
  name: 'ConsumerGroupMetadataKey',
  versions: [3, 3],
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const ConsumerGroupMetadataValue = message({
  name: 'ConsumerGroupMetadataValue',
  versions: [0, 0],
  flexible: 0,
  fields: {
    epoch: int32,
  },
});

export const ConsumerGroupPartitionMetadataKey = message({
  name: 'ConsumerGroupPartitionMetadataKey',
  versions: [4, 4],
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const ConsumerGroupPartitionMetadataValue = message({
  name: 'ConsumerGroupPartitionMetadataValue',
  versions: [0, 0],
  flexible: 0,
  fields: {
    epoch: int32,
    topics: array({
      topicId: uuid,
      topicName: string,
      numPartitions: int32,
      partitionMetadata: array({
        partition: int32,
        racks: array(string),
      }),
    }),
  },
});

export const ConsumerGroupMemberMetadataKey = message({
  name: 'ConsumerGroupMemberMetadataKey',
  versions: [5, 5],
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const ConsumerGroupMemberMetadataValue = message({
  name: 'ConsumerGroupMemberMetadataValue',
  versions: [0, 0],
  flexible: 0,
  fields: {
    instanceId: nullable(string),
    rackId: nullable(string),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
    subscribedTopicRegex: nullable(string),
    rebalanceTimeoutMs: or(-1, int32),
    serverAssignor: nullable(string),
    assignors: array({
      name: string,
      minimumVersion: int16,
      maximumVersion: int16,
      reason: int8,
      version: int16,
      metadata: bytes,
    }),
  },
});

export const ConsumerGroupTargetAssignmentMetadataKey = message({
  name: 'ConsumerGroupTargetAssignmentMetadataKey',
  versions: [6, 6],
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const ConsumerGroupTargetAssignmentMetadataValue = message({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  versions: [0, 0],
  flexible: 0,
  fields: {
    assignmentEpoch: int32,
  },
});

export const ConsumerGroupTargetAssignmentMemberKey = message({
  name: 'ConsumerGroupTargetAssignmentMemberKey',
  versions: [7, 7],
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const ConsumerGroupTargetAssignmentMemberValue = message({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  versions: [0, 0],
  flexible: 0,
  fields: {
    error: int8,
    topicPartitions: array({
      topicId: uuid,
      partitions: array(int32),
    }),
    metadataVersion: int16,
    metadataBytes: bytes,
  },
});

export const ConsumerGroupCurrentMemberAssignmentKey = message({
  name: 'ConsumerGroupCurrentMemberAssignmentKey',
  versions: [8, 8],
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

const topicPartitions = {
  topicId: uuid,
  partitions: array(int32),
};

export const ConsumerGroupCurrentMemberAssignmentValue = message({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  versions: [0, 0],
  flexible: 0,
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    targetMemberEpoch: int32,
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
    partitionsPendingAssignment: array(topicPartitions),
    error: int8,
    metadataVersion: int16,
    metadataBytes: bytes,
  },
});
