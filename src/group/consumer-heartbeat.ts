/**
 * ConsumerGroupHeartbeat 0 and 1 (KIP-848): joins, keeps alive, reports what is owned, brings assignments, leaves.
 *
 * 0: the coordinator makes the ids of members that have none. 1: members bring their own id (KIP-1082), and may
 * subscribe by an expression.
 *
 * A heartbeat that changes something has three parts: the member and its subscription, which bump the epoch of the
 * group; the target for that epoch; and a step of this member towards it. All their records are one write.
 * The oracle is GroupMetadataManager.consumerGroupHeartbeat of 3.7.0; what is in the answer, how static members are
 * replaced and how members are reconciled follow 4.0, which mended them.
 */
import { assert } from '../../protocol/assert.ts';
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { stringOrder } from './assignors/java-order.ts';
import type { CurrentAssignment, MemberMetadata } from './consumer-changes.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { costOf, LEAVE_STATIC_MEMBER_EPOCH } from './consumer-group.ts';
import {
  draftFence,
  draftRemoval,
  requireEpoch,
  requireInstance,
  requireMember,
  requireReleased,
} from './consumer-members.ts';
import { reconcile } from './consumer-reconcile.ts';
import { refreshSubscriptions, updateTarget } from './consumer-target.ts';
import { clearTimers, renewConsumerSession, setRevocation, syncTimers } from './consumer-timers.ts';
import { Draft, whenSettled, writeDraft, writeErrorCode } from './consumer-writes.ts';
import { costOfGroup } from './memory.ts';
import type { Command } from './outcome.ts';
import { groupMetadataKey } from './records.ts';
import { RegexError } from './regex/parse.ts';
import { consumerHeartbeatError } from './responses.ts';
import type { Shard } from './shard.ts';
import type { Partitions } from './topics.ts';
import { NO_PARTITIONS, partitionsData, partitionsFrom, samePartitions } from './topics.ts';

type HeartbeatCommand = Extract<Command, { type: 'consumerGroupHeartbeat' }>;
type HeartbeatRequest = HeartbeatCommand['request'];

/** -1 in a request: as before. */
const UNCHANGED = -1;

export function consumerGroupHeartbeat(shard: Shard, token: number, command: HeartbeatCommand): void {
  const refuse = (errorCode: number, message: string | null = null) =>
    shard.answer('consumerGroupHeartbeat', token, consumerHeartbeatError(errorCode, message));
  const group = shard.groups.get(command.request.groupId);
  if (group?.type === 'consumer' && group.isWriting) {
    const run = () => consumerGroupHeartbeat(shard, token, command);
    whenSettled(group, { isExclusive: false, run, refuse });
    return;
  }
  try {
    validate(shard, command);
    if (command.request.memberEpoch >= 0) beat(shard, token, command);
    else leave(shard, token, command.request);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    refuse(error.code, error.message);
  }
}

// Validation -------------------------------------------------------------------------------------------------------

function invalid(message: string): never {
  throw new KafkaError(ErrorCode.INVALID_REQUEST, message);
}

function validate(shard: Shard, { request, version }: HeartbeatCommand): void {
  const { memberId, memberEpoch, serverAssignor, subscribedTopicRegex } = request;
  if (request.groupId === '') invalid("GroupId can't be empty.");
  if (request.instanceId === '') invalid("InstanceId can't be empty.");
  if (request.rackId === '') invalid("RackId can't be empty.");
  const needsMemberId = version >= 1 || memberEpoch !== 0;
  if (memberEpoch < LEAVE_STATIC_MEMBER_EPOCH) invalid('MemberEpoch is invalid.');
  if (needsMemberId && memberId === '') invalid("MemberId can't be empty.");
  if (memberEpoch === 0) validateJoin(request, version);
  if (memberEpoch === LEAVE_STATIC_MEMBER_EPOCH && request.instanceId === null) {
    invalid("InstanceId can't be null.");
  }
  const { consumerAssignors } = shard.config;
  if (serverAssignor !== null && !consumerAssignors.includes(serverAssignor)) {
    const supported = stringOrder(consumerAssignors).join(', ');
    const what = `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${supported}.`;
    throw new KafkaError(ErrorCode.UNSUPPORTED_ASSIGNOR, what);
  }
  if (memberEpoch >= 0 && subscribedTopicRegex !== null && subscribedTopicRegex !== '') {
    validateRegex(shard, subscribedTopicRegex);
  }
}

function validateJoin(request: HeartbeatRequest, version: number): void {
  const { subscribedTopicNames, subscribedTopicRegex, topicPartitions } = request;
  if (request.rebalanceTimeoutMs === UNCHANGED) {
    invalid('RebalanceTimeoutMs must be provided in first request.');
  }
  if (topicPartitions === null || topicPartitions.length > 0) {
    invalid('TopicPartitions must be empty when (re-)joining.');
  }
  if (version === 0 && (subscribedTopicNames === null || subscribedTopicNames.length === 0)) {
    invalid('SubscribedTopicNames must be set in first request.');
  }
  // Since 4.0 a member may be subscribed to nothing.
  if (subscribedTopicNames === null && subscribedTopicRegex === null) {
    invalid('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.');
  }
}

function validateRegex(shard: Shard, regex: string): void {
  try {
    shard.regexes.check(regex);
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    const what = `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${error.message}.`;
    throw new KafkaError(ErrorCode.INVALID_REGULAR_EXPRESSION, what);
  }
}

// Leaving ------------------------------------------------------------------------------------------------------------

function leave(shard: Shard, token: number, request: HeartbeatRequest): void {
  const { memberId, memberEpoch, instanceId } = request;
  const group = existingGroup(shard, request.groupId);
  if (instanceId === null) requireMember(group, memberId);
  else requireInstance(group, instanceId, memberId);
  const draft = new Draft(group);
  if (instanceId !== null && memberEpoch === LEAVE_STATIC_MEMBER_EPOCH) {
    // It keeps its place and its partitions until its session ends; what it was to give up, it has.
    const value = { ...group.current(memberId), memberEpoch, pendingRevocation: NO_PARTITIONS };
    draft.change({ type: 'current', memberId, value });
    setRevocation(shard, group, memberId);
  } else {
    draftFence(shard, draft, memberId, 'left');
  }
  writeDraft(shard, draft, (errorCode) => {
    const response =
      errorCode === ErrorCode.NONE
        ? { throttleTimeMs: 0, errorCode, memberId, memberEpoch, heartbeatIntervalMs: 0 }
        : consumerHeartbeatError(writeErrorCode(errorCode), null);
    shard.answer('consumerGroupHeartbeat', token, response);
  });
}

function existingGroup(shard: Shard, groupId: string): ConsumerGroup {
  const group = shard.groups.get(groupId);
  if (group === undefined) {
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
  }
  if (group.type === 'consumer') return group;
  throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a consumer group.`);
}

// Joining and keeping alive ----------------------------------------------------------------------------------------

interface Opened {
  readonly draft: Draft;
  readonly revert: () => void;
}

/** The group, made for a member that joins; an empty classic group becomes one of this protocol. */
function openGroup(shard: Shard, groupId: string, isJoin: boolean): Opened {
  const existing = shard.groups.get(groupId);
  if (existing?.type === 'consumer') return { draft: new Draft(existing), revert: () => {} };
  if (!isJoin) return { draft: new Draft(existingGroup(shard, groupId)), revert: () => {} };
  if (existing === undefined) {
    if (!shard.hasRoomFor(costOfGroup(groupId))) throw new KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    return { draft: new Draft(shard.createConsumerGroup(groupId)), revert: () => {} };
  }
  if (existing.state === 'Dead') throw new KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  if (existing.state !== 'Empty')
    return { draft: new Draft(existingGroup(shard, groupId)), revert: () => {} };
  const draft = new Draft(shard.convertToConsumerGroup(existing));
  if (existing.generationId > 0) draft.records.push({ key: groupMetadataKey(groupId), value: null });
  const revert = () => {
    shard.replaceGroup(draft.group, existing);
    shard.noteIfHollow(existing);
  };
  return { draft, revert };
}

function beat(shard: Shard, token: number, command: HeartbeatCommand): void {
  const { request } = command;
  const { draft, revert } = openGroup(shard, request.groupId, request.memberEpoch === 0);
  const { group } = draft;
  const memberId = request.memberId === '' ? command.newMemberId : request.memberId;
  try {
    const response = draftHeartbeat(shard, draft, command, memberId);
    writeDraft(
      shard,
      draft,
      (errorCode) =>
        shard.answer(
          'consumerGroupHeartbeat',
          token,
          errorCode === ErrorCode.NONE ? response : consumerHeartbeatError(writeErrorCode(errorCode), null),
        ),
      revert,
    );
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (draft.inverses.length > 0) {
      draft.discard();
      group.forgetTopics();
      syncTimers(shard, group);
    }
    revert();
    if (group.isHollow && group.offsets.isEmpty) shard.removeGroup(group);
    throw error;
  }
}

function draftHeartbeat(shard: Shard, draft: Draft, command: HeartbeatCommand, memberId: string) {
  const { request, topics } = command;
  const { group } = draft;
  const maxSize = shard.config.consumerMaxSize;
  if (group.members.size >= maxSize && !group.members.has(memberId)) {
    const what = `The consumer group has reached its maximum capacity of ${maxSize} members.`;
    throw new KafkaError(ErrorCode.GROUP_MAX_SIZE_REACHED, what);
  }
  const owned = request.topicPartitions === null ? null : partitionsFrom(request.topicPartitions);
  admit(shard, draft, request, memberId, owned);
  const before = group.current(memberId);
  const isNewSubscription = updateMember(shard, draft, command, memberId);
  // The group may have been left without a look at its topics, by a session that expired before there was an image.
  if (isNewSubscription || group.seenTopics !== topics) {
    const areNewTopics = refreshSubscriptions(shard, draft, topics);
    if (areNewTopics && !isNewSubscription) {
      shard.note({ event: 'topics changed', groupId: group.groupId, groupEpoch: group.groupEpoch });
    }
    if (isNewSubscription || areNewTopics) draft.change({ type: 'groupEpoch', value: group.groupEpoch + 1 });
  }
  if (group.groupEpoch > group.assignmentEpoch) updateTarget(shard, draft);
  const current = step(shard, draft, memberId, owned);
  renewConsumerSession(shard, group, memberId);
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    memberId,
    memberEpoch: current.memberEpoch,
    heartbeatIntervalMs: shard.config.consumerHeartbeatIntervalMs,
    assignment:
      isFull(request) || !samePartitions(before.assigned, current.assigned)
        ? { topicPartitions: partitionsData(current.assigned) }
        : null,
  };
}

/** A member says everything when it joins, and after errors: then it is told everything, too. */
function isFull(request: HeartbeatRequest): boolean {
  if (request.memberEpoch === 0) return true;
  const saysTopics = request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null;
  return request.rebalanceTimeoutMs !== UNCHANGED && saysTopics && request.topicPartitions !== null;
}

/** Whether the member may speak; a static one that returns takes the place of its former self. @throws {KafkaError} */
function admit(
  shard: Shard,
  draft: Draft,
  request: HeartbeatRequest,
  memberId: string,
  owned: Partitions | null,
): void {
  const { group } = draft;
  const { memberEpoch, instanceId } = request;
  const isJoin = memberEpoch === 0;
  if (instanceId !== null && isJoin) {
    const formerId = group.staticMembers.get(instanceId);
    if (formerId === undefined) return;
    requireReleased(group, instanceId, memberId);
    replaceStaticMember(shard, draft, formerId, memberId);
    return;
  }
  if (instanceId !== null) requireInstance(group, instanceId, memberId);
  else if (!isJoin) requireMember(group, memberId);
  requireEpoch(group, memberId, memberEpoch, owned);
}

function replaceStaticMember(shard: Shard, draft: Draft, formerId: string, memberId: string): void {
  const { group } = draft;
  const metadata = requireMember(group, formerId);
  const target = group.target(formerId) ?? NO_PARTITIONS;
  const current = group.current(formerId);
  draftRemoval(draft, formerId);
  clearTimers(shard, group, formerId);
  draft.change({ type: 'member', memberId, value: metadata });
  draft.change({ type: 'target', memberId, value: target });
  draft.change({ type: 'current', memberId, value: { ...current, memberEpoch: 0, previousMemberEpoch: 0 } });
  shard.note({
    event: 'static member replaced',
    groupId: group.groupId,
    generationId: group.groupEpoch,
    groupInstanceId: metadata.instanceId ?? '',
    oldMemberId: formerId,
    newMemberId: memberId,
  });
}

const NO_MEMBER: MemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  subscribedTopicNames: [],
  subscribedTopicRegex: null,
  rebalanceTimeoutMs: UNCHANGED,
  serverAssignor: null,
};

/** Drafts what the member says of itself, if it is new. Returns whether its subscription is. */
function updateMember(shard: Shard, draft: Draft, command: HeartbeatCommand, memberId: string): boolean {
  const { request, client } = command;
  const { group } = draft;
  const known = group.members.get(memberId);
  const before = known ?? NO_MEMBER;
  const names = request.subscribedTopicNames;
  const value: MemberMetadata = {
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    clientId: client.clientId,
    clientHost: client.clientHost,
    subscribedTopicNames: names === null ? before.subscribedTopicNames : [...new Set(names)].sort(),
    subscribedTopicRegex: request.subscribedTopicRegex ?? before.subscribedTopicRegex,
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs === UNCHANGED ? before.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? before.serverAssignor,
  };
  const isNewSubscription =
    !sameTexts(value.subscribedTopicNames, before.subscribedTopicNames) ||
    (value.subscribedTopicRegex ?? '') !== (before.subscribedTopicRegex ?? '');
  if (known === undefined || isNewSubscription || !sameBut(value, before)) {
    const knownCost = known === undefined ? 0 : costOf(memberId, known);
    if (!shard.hasRoomForMember(group, costOf(memberId, value), knownCost)) {
      throw new KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    }
    draft.change({ type: 'member', memberId, value });
  }
  if (known === undefined) {
    shard.note({
      event: 'member joined',
      groupId: group.groupId,
      groupEpoch: group.groupEpoch,
      memberId,
      clientId: client.clientId,
      clientHost: client.clientHost,
      groupInstanceId: value.instanceId,
      memberCount: group.members.size,
    });
  } else if (isNewSubscription) {
    shard.note({
      event: 'member changed its subscription',
      groupId: group.groupId,
      groupEpoch: group.groupEpoch,
      memberId,
      clientId: client.clientId,
      clientHost: client.clientHost,
    });
  }
  return isNewSubscription || known === undefined;
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

/** Whether all but the subscription is the same. */
function sameBut(a: MemberMetadata, b: MemberMetadata): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor
  );
}

/** A step of the member towards its target. Returns what it has then. */
function step(shard: Shard, draft: Draft, memberId: string, owned: Partitions | null): CurrentAssignment {
  const { group } = draft;
  const before = group.current(memberId);
  const target = { epoch: group.assignmentEpoch, partitions: group.target(memberId) ?? NO_PARTITIONS };
  const value = reconcile(before, target, owned, (topicId, partition) => group.isOwned(topicId, partition));
  if (value === before || sameCurrent(value, before)) return before;
  assert(value.memberEpoch >= before.memberEpoch, 'The epoch of a member never goes back.');
  draft.change({ type: 'current', memberId, value });
  setRevocation(shard, group, memberId);
  return value;
}

function sameCurrent(a: CurrentAssignment, b: CurrentAssignment): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.targetMemberEpoch === b.targetMemberEpoch &&
    samePartitions(a.assigned, b.assigned) &&
    samePartitions(a.pendingRevocation, b.pendingRevocation) &&
    samePartitions(a.pendingAssignment, b.pendingAssignment)
  );
}
