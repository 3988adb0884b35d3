/**
 * What a record says of a group under the consumer protocol (KIP-848), as a value: a change. The state of such a
 * group is the newest change of every key, so applying a change and taking it back are the same thing.
 *
 * ```
 *   key   change
 *    3    groupEpoch              the epoch of members and subscriptions; null ends the group
 *    4    subscriptionMetadata    the topics that the members are subscribed to, as last looked at
 *    5    member                  what a member said of itself; null: it is gone
 *    6    assignmentEpoch         the group epoch for which the target was computed
 *    7    target                  what a member is to have in the end
 *    8    current                 what a member has, and its epoch
 * ```
 *
 * Values have version 0 in Apache Kafka 3.7.0. `target member epoch` and `partitions pending assignment` of key 8 are
 * for its readers: ours takes the partitions that a member lacks from the target. Newer versions keep a state there
 * instead; which one follows from the sets.
 */
import { unreachable } from '../../protocol/assert.ts';
import { decodeMessage } from '../../protocol/codec.ts';
import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
} from '../../protocol/records/group.ts';
import type { CoordinatorRecord } from './outcome.ts';
import { encodeVersioned, VERSION_BYTES } from './records.ts';
import type { Partitions, SubscriptionMetadata, TopicMetadata } from './topics.ts';
import { partitionsData, partitionsFrom } from './topics.ts';

const KEY = {
  GROUP_EPOCH: 3,
  SUBSCRIPTION_METADATA: 4,
  MEMBER: 5,
  ASSIGNMENT_EPOCH: 6,
  TARGET: 7,
  CURRENT: 8,
} as const;

const VALUE_VERSION = 0;

/** What a member said of itself. */
export interface MemberMetadata {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** In ascending order. */
  readonly subscribedTopicNames: readonly string[];
  /** Null or empty: none. */
  readonly subscribedTopicRegex: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly serverAssignor: string | null;
}

/** What a member has. */
export interface CurrentAssignment {
  /** -2: a static member that is away for a while. */
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly targetMemberEpoch: number;
  readonly assigned: Partitions;
  /** Still owned, until the member says that it no longer is. */
  readonly pendingRevocation: Partitions;
  /** In the target, but not given out: somebody else still owns them. */
  readonly pendingAssignment: Partitions;
}

export type ConsumerChange =
  | { readonly type: 'groupEpoch'; readonly value: number | null }
  | { readonly type: 'subscriptionMetadata'; readonly value: SubscriptionMetadata | null }
  | { readonly type: 'member'; readonly memberId: string; readonly value: MemberMetadata | null }
  | { readonly type: 'assignmentEpoch'; readonly value: number | null }
  | { readonly type: 'target'; readonly memberId: string; readonly value: Partitions | null }
  | { readonly type: 'current'; readonly memberId: string; readonly value: CurrentAssignment | null };

export interface ConsumerKey {
  readonly version: number;
  readonly groupId: string;
  /** Empty for keys of the whole group. */
  readonly memberId: string;
}

// Encoding -------------------------------------------------------------------------------------------------------

export function consumerRecord(groupId: string, change: ConsumerChange): CoordinatorRecord {
  return { key: encodeKey(groupId, change), value: change.value === null ? null : encodeValue(change) };
}

function encodeKey(groupId: string, change: ConsumerChange): Buffer {
  switch (change.type) {
    case 'groupEpoch':
      return encodeVersioned(ConsumerGroupMetadataKey, KEY.GROUP_EPOCH, { groupId });
    case 'subscriptionMetadata':
      return encodeVersioned(ConsumerGroupPartitionMetadataKey, KEY.SUBSCRIPTION_METADATA, { groupId });
    case 'assignmentEpoch':
      return encodeVersioned(ConsumerGroupTargetAssignmentMetadataKey, KEY.ASSIGNMENT_EPOCH, { groupId });
    case 'member':
      return encodeVersioned(ConsumerGroupMemberMetadataKey, KEY.MEMBER, {
        groupId,
        memberId: change.memberId,
      });
    case 'target':
      return encodeVersioned(ConsumerGroupTargetAssignmentMemberKey, KEY.TARGET, {
        groupId,
        memberId: change.memberId,
      });
    case 'current':
      return encodeVersioned(ConsumerGroupCurrentMemberAssignmentKey, KEY.CURRENT, {
        groupId,
        memberId: change.memberId,
      });
    default:
      return unreachable(change);
  }
}

const NO_BYTES = Buffer.alloc(0);
const NO_CLIENT_METADATA = { error: 0, metadataVersion: 0, metadataBytes: NO_BYTES };

function encodeValue(change: ConsumerChange): Buffer | null {
  switch (change.type) {
    case 'groupEpoch':
      return encodeVersioned(ConsumerGroupMetadataValue, VALUE_VERSION, { epoch: change.value ?? 0 });
    case 'assignmentEpoch':
      return encodeVersioned(ConsumerGroupTargetAssignmentMetadataValue, VALUE_VERSION, {
        assignmentEpoch: change.value ?? 0,
      });
    case 'subscriptionMetadata':
      return change.value === null ? null : subscriptionMetadataValue(change.value);
    case 'member':
      if (change.value === null) return null;
      return encodeVersioned(ConsumerGroupMemberMetadataValue, VALUE_VERSION, {
        ...change.value,
        // Client-side assignors were taken out of the protocol again.
        assignors: [],
      });
    case 'target':
      if (change.value === null) return null;
      return encodeVersioned(ConsumerGroupTargetAssignmentMemberValue, VALUE_VERSION, {
        ...NO_CLIENT_METADATA,
        topicPartitions: partitionsData(change.value),
      });
    case 'current':
      if (change.value === null) return null;
      return encodeVersioned(ConsumerGroupCurrentMemberAssignmentValue, VALUE_VERSION, {
        ...NO_CLIENT_METADATA,
        memberEpoch: change.value.memberEpoch,
        previousMemberEpoch: change.value.previousMemberEpoch,
        targetMemberEpoch: change.value.targetMemberEpoch,
        assignedPartitions: partitionsData(change.value.assigned),
        partitionsPendingRevocation: partitionsData(change.value.pendingRevocation),
        partitionsPendingAssignment: partitionsData(change.value.pendingAssignment),
      });
    default:
      return unreachable(change);
  }
}

function subscriptionMetadataValue(topics: SubscriptionMetadata): Buffer {
  return encodeVersioned(ConsumerGroupPartitionMetadataValue, VALUE_VERSION, {
    // Reserved by KIP-848 and never set.
    epoch: 0,
    topics: [...topics.values()].map((topic) => ({
      topicId: topic.topicId,
      topicName: topic.name,
      numPartitions: topic.partitionCount,
      partitionMetadata: [...topic.racks].map(([partition, racks]) => ({ partition, racks })),
    })),
  });
}

// Decoding -------------------------------------------------------------------------------------------------------

/** Null when the key is none of these. @throws when the bytes are not what their version says. */
export function decodeConsumerKey(version: number, body: Buffer): ConsumerKey | null {
  const memberId = '';
  switch (version) {
    case KEY.GROUP_EPOCH:
      return { version, memberId, ...decodeMessage(ConsumerGroupMetadataKey, version, body) };
    case KEY.SUBSCRIPTION_METADATA:
      return { version, memberId, ...decodeMessage(ConsumerGroupPartitionMetadataKey, version, body) };
    case KEY.MEMBER:
      return { version, ...decodeMessage(ConsumerGroupMemberMetadataKey, version, body) };
    case KEY.ASSIGNMENT_EPOCH:
      return { version, memberId, ...decodeMessage(ConsumerGroupTargetAssignmentMetadataKey, version, body) };
    case KEY.TARGET:
      return { version, ...decodeMessage(ConsumerGroupTargetAssignmentMemberKey, version, body) };
    case KEY.CURRENT:
      return { version, ...decodeMessage(ConsumerGroupCurrentMemberAssignmentKey, version, body) };
    default:
      return null;
  }
}

/** @throws when the version is not known, or the bytes are not what it says. */
export function decodeConsumerChange(
  { version, memberId }: ConsumerKey,
  value: Buffer | null,
): ConsumerChange {
  const valueVersion = value?.readInt16BE(0) ?? VALUE_VERSION;
  const body = value?.subarray(VERSION_BYTES) ?? null;
  switch (version) {
    case KEY.GROUP_EPOCH:
      return {
        type: 'groupEpoch',
        value: body && decodeMessage(ConsumerGroupMetadataValue, valueVersion, body).epoch,
      };
    case KEY.SUBSCRIPTION_METADATA:
      return { type: 'subscriptionMetadata', value: body && decodeSubscriptionMetadata(valueVersion, body) };
    case KEY.MEMBER:
      return { type: 'member', memberId, value: body && decodeMember(valueVersion, body) };
    case KEY.ASSIGNMENT_EPOCH:
      return {
        type: 'assignmentEpoch',
        value:
          body &&
          decodeMessage(ConsumerGroupTargetAssignmentMetadataValue, valueVersion, body).assignmentEpoch,
      };
    case KEY.TARGET:
      return {
        type: 'target',
        memberId,
        value:
          body &&
          partitionsFrom(
            decodeMessage(ConsumerGroupTargetAssignmentMemberValue, valueVersion, body).topicPartitions,
          ),
      };
    default:
      return { type: 'current', memberId, value: body && decodeCurrent(valueVersion, body) };
  }
}

function decodeSubscriptionMetadata(version: number, body: Buffer): SubscriptionMetadata {
  const { topics } = decodeMessage(ConsumerGroupPartitionMetadataValue, version, body);
  return new Map(
    topics.map((topic): [string, TopicMetadata] => [
      topic.topicName,
      {
        topicId: topic.topicId,
        name: topic.topicName,
        partitionCount: topic.numPartitions,
        racks: new Map(topic.partitionMetadata.map(({ partition, racks }) => [partition, racks])),
      },
    ]),
  );
}

function decodeMember(version: number, body: Buffer): MemberMetadata {
  const { assignors: _assignors, ...member } = decodeMessage(ConsumerGroupMemberMetadataValue, version, body);
  return member;
}

function decodeCurrent(version: number, body: Buffer): CurrentAssignment {
  const value = decodeMessage(ConsumerGroupCurrentMemberAssignmentValue, version, body);
  return {
    memberEpoch: value.memberEpoch,
    previousMemberEpoch: value.previousMemberEpoch,
    targetMemberEpoch: value.targetMemberEpoch,
    assigned: partitionsFrom(value.assignedPartitions),
    pendingRevocation: partitionsFrom(value.partitionsPendingRevocation),
    pendingAssignment: partitionsFrom(value.partitionsPendingAssignment),
  };
}
