/**
 * DescribeGroups 0 to 5, ConsumerGroupDescribe 0 and 1, ListGroups 0 to 4.
 *
 * ListGroups 4: a filter by state, spelled exactly (KIP-518).
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ClassicGroup, Member } from './classic-group.ts';
import { metadataOf } from './classic-group.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { preferredAssignor } from './consumer-target.ts';
import { whenSettled } from './consumer-writes.ts';
import type { Command } from './outcome.ts';
import { consumerDescribeError, describedNothing } from './responses.ts';
import type { Shard } from './shard.ts';
import type { Partitions, TopicsView } from './topics.ts';
import { NO_PARTITIONS, partitionsData } from './topics.ts';

type DescribeCommand = Extract<Command, { type: 'describeGroup' }>;
type ConsumerDescribeCommand = Extract<Command, { type: 'consumerGroupDescribe' }>;
type ListCommand = Extract<Command, { type: 'listGroups' }>;

/** Member metadata, assignment and protocol are told of a stable group only: see GroupMetadata.summary. */
export function describeGroup(shard: Shard, token: number, command: DescribeCommand): void {
  const { groupId } = command;
  // One of the consumer protocol is not known to this API: see GroupMetadataManager.describeGroups.
  const group = shard.classicGroup(groupId);
  if (group === undefined) {
    shard.answer('describeGroup', token, describedNothing(groupId, ErrorCode.NONE));
    return;
  }
  const isStable = group.state === 'Stable';
  shard.answer('describeGroup', token, {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => describeMember(group, member, isStable)),
  });
}

function describeMember(group: ClassicGroup, member: Member, isStable: boolean) {
  return {
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    memberMetadata: isStable ? metadataOf(member, group.protocolName ?? '') : Buffer.alloc(0),
    memberAssignment: isStable ? member.assignment : Buffer.alloc(0),
  };
}

export function listGroups(shard: Shard, token: number, command: ListCommand): void {
  const states = new Set(command.statesFilter);
  const groups = [];
  const lowerCaseStates = new Set(command.statesFilter.map((state) => state.toLowerCase()));
  for (const group of shard.groups.values()) {
    if (group.type === 'consumer') {
      const groupState = group.listedState;
      // Written otherwise by tools that know the capitalized names only.
      if (groupState === null || (states.size > 0 && !lowerCaseStates.has(groupState))) continue;
      groups.push({ groupId: group.groupId, protocolType: 'consumer', groupState });
      continue;
    }
    if (states.size > 0 && !states.has(group.state)) continue;
    groups.push({ groupId: group.groupId, protocolType: group.protocolType ?? '', groupState: group.state });
  }
  shard.answer('listGroups', token, { throttleTimeMs: 0, errorCode: ErrorCode.NONE, groups });
}

// ConsumerGroupDescribe --------------------------------------------------------------------------------------------

/** -1 unknown, 0 classic, 1 consumer (KIP-1099). */
const CONSUMER_MEMBER = 1;

export function describeConsumerGroup(shard: Shard, token: number, command: ConsumerDescribeCommand): void {
  const { groupId, topics } = command;
  const group = shard.groups.get(groupId);
  const refuse = (errorCode: number, message: string | null = null) =>
    shard.answer('consumerGroupDescribe', token, consumerDescribeError(groupId, errorCode, message));
  if (group === undefined) refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
  else if (group.type === 'classic')
    refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a consumer group.`);
  else if (group.isWriting) {
    const run = () => describeConsumerGroup(shard, token, command);
    // Between two writes: what is told must be committed.
    whenSettled(group, { isExclusive: true, run, refuse });
  } else {
    shard.answer('consumerGroupDescribe', token, {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      groupId,
      groupState: group.state,
      groupEpoch: group.groupEpoch,
      assignmentEpoch: group.assignmentEpoch,
      assignorName: preferredAssignor(shard.config, group),
      members: [...group.members.keys()].flatMap((memberId) => describeConsumer(group, memberId, topics)),
    });
  }
}

function describeConsumer(group: ConsumerGroup, memberId: string, topics: TopicsView) {
  const member = group.members.get(memberId);
  if (member === undefined) return [];
  const current = group.current(memberId);
  return [
    {
      memberId,
      instanceId: member.instanceId,
      rackId: member.rackId,
      memberEpoch: current.memberEpoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: member.subscribedTopicNames,
      subscribedTopicRegex: member.subscribedTopicRegex,
      assignment: describeAssignment(current.assigned, topics),
      targetAssignment: describeAssignment(group.target(memberId) ?? NO_PARTITIONS, topics),
      memberType: CONSUMER_MEMBER,
    },
  ];
}

/** Topics that are gone have no name, and are left out as in Kafka 4.0. */
function describeAssignment(partitions: Partitions, topics: TopicsView) {
  return {
    topicPartitions: partitionsData(partitions).flatMap(({ topicId, partitions: indexes }) => {
      const topicName = topics.nameOf(topicId);
      return topicName === undefined ? [] : { topicId, topicName, partitions: indexes };
    }),
  };
}
