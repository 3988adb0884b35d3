/**
 * JoinGroup 0 to 9.
 *
 * 0: no rebalance timeout, the session timeout stands for it. 4: a member without an id is given one and has to
 * come back with it (KIP-394). 5: static members (KIP-345). 7: protocol type in the answer (KIP-559). 9: a static
 * leader that returns is told to skip the assignment (KIP-814).
 *
 * The oracle is handleJoinGroup in GroupCoordinator.scala.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ClassicGroup, Member, Protocol, Ticket } from './classic-group.ts';
import { costOf, saysTheSame } from './classic-group.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { convertToClassic } from './consumer-removal.ts';
import type { Command, WriteFate } from './outcome.ts';
import {
  addMemberAndRebalance,
  answerJoin,
  because,
  dropMember,
  forgetPendingMember,
  maybeCompleteJoin,
  maybePrepareRebalance,
  noteFailedWrite,
  parkJoin,
  prepareRebalance,
  refuseJoin,
  refuseSync,
  renewSession,
  storeErrorCode,
  storeGroup,
  updateMemberAndRebalance,
} from './rebalance.ts';
import { joinError } from './responses.ts';
import type { Shard } from './shard.ts';

type JoinCommand = Extract<Command, { type: 'joinGroup' }>;

/** A JoinGroup with what its version lacks filled in. */
interface Joining {
  readonly ticket: Ticket;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly clientReason: string | null;
  readonly memberIdSuffix: string;
}

export function joinGroup(shard: Shard, token: number, command: JoinCommand): void {
  const { request, version, client } = command;
  const joining: Joining = {
    ticket: { token, version },
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: client.clientId,
    clientHost: client.clientHost,
    protocolType: request.protocolType,
    protocols: request.protocols,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: version === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    clientReason: request.reason,
    memberIdSuffix: command.memberIdSuffix,
  };
  const { sessionTimeoutMs, memberId } = joining;
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = shard.config;
  if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
    refuse(shard, joining, memberId, ErrorCode.INVALID_SESSION_TIMEOUT);
    return;
  }
  const group = memberId === '' ? shard.getOrCreate(request.groupId) : shard.groups.get(request.groupId);
  if (group?.type === 'consumer') joinOtherProtocol(shard, group, token, command, joining);
  else if (group === undefined) refuse(shard, joining, memberId, ErrorCode.UNKNOWN_MEMBER_ID);
  else if (group === null) refuse(shard, joining, memberId, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  else {
    joinExistingGroup(shard, group, joining);
    maybeCompleteJoin(shard, group);
  }
}

/** A group of the consumer protocol becomes a classic one when it is empty, and only then. */
function joinOtherProtocol(
  shard: Shard,
  group: ConsumerGroup,
  token: number,
  command: JoinCommand,
  joining: Joining,
): void {
  if (group.state !== 'empty') {
    refuse(shard, joining, joining.memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    return;
  }
  const again = () => joinGroup(shard, token, command);
  convertToClassic(shard, group, again, (errorCode) => {
    if (errorCode === ErrorCode.NONE) again();
    else refuse(shard, joining, joining.memberId, storeErrorCode(errorCode));
  });
}

function refuse(shard: Shard, joining: Joining, memberId: string, errorCode: number): void {
  shard.answer('joinGroup', joining.ticket, joinError(joining.ticket.version, memberId, errorCode));
}

function joinExistingGroup(shard: Shard, group: ClassicGroup, joining: Joining): void {
  const { memberId, protocolType, protocols } = joining;
  if (!hasRoomFor(shard, group, memberId)) {
    forgetPendingMember(shard, group, memberId);
    const member = group.members.get(memberId);
    if (member !== undefined) dropMember(shard, group, member, 'group is full');
    refuse(shard, joining, '', ErrorCode.GROUP_MAX_SIZE_REACHED);
  } else if (group.state === 'Dead' || !hasMemoryFor(shard, group, joining)) {
    refuse(shard, joining, memberId, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  } else if (!group.supportsProtocols(protocolType, protocols)) {
    refuse(shard, joining, memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  } else if (memberId === '') {
    joinAsNewMember(shard, group, joining);
  } else if (group.pendingMembers.has(memberId)) {
    joinAsPendingMember(shard, group, joining);
  } else {
    joinAsCurrentMember(shard, group, joining);
  }
}

/**
 * See acceptJoiningMember. While members rejoin, those that wait are counted and not those that are known: a group
 * that is too large, since the limit was lowered, sheds whoever comes last.
 */
function hasRoomFor(shard: Shard, group: ClassicGroup, memberId: string): boolean {
  const { maxSize } = shard.config;
  const member = group.members.get(memberId);
  switch (group.state) {
    case 'Empty':
    case 'Dead':
      return true;
    case 'PreparingRebalance':
      return (member !== undefined && member.awaitingJoin !== null) || group.awaitingJoinCount < maxSize;
    case 'CompletingRebalance':
    case 'Stable':
      return member !== undefined || group.members.size < maxSize;
  }
}

function hasMemoryFor(shard: Shard, group: ClassicGroup, joining: Joining): boolean {
  const member = group.members.get(joining.memberId);
  return shard.hasRoomForMember(group, costOf(joining), member === undefined ? 0 : costOf(member));
}

function joinAsNewMember(shard: Shard, group: ClassicGroup, joining: Joining): void {
  const { groupInstanceId, ticket, clientReason } = joining;
  const newMemberId = `${groupInstanceId ?? joining.clientId}-${joining.memberIdSuffix}`;
  if (groupInstanceId === null) {
    if (ticket.version >= 4) requireMemberId(shard, group, joining, newMemberId);
    else addMemberAndRebalance(shard, group, { ...joining, memberId: newMemberId }, ticket, clientReason);
    return;
  }
  const oldMemberId = group.staticMembers.get(groupInstanceId);
  if (oldMemberId === undefined) {
    addMemberAndRebalance(shard, group, { ...joining, memberId: newMemberId }, ticket, clientReason);
  } else {
    replaceStaticMember(shard, group, group.member(oldMemberId), newMemberId, joining);
  }
}

function requireMemberId(shard: Shard, group: ClassicGroup, joining: Joining, newMemberId: string): void {
  if (group.pendingMembers.size >= shard.config.maxPendingMembers) {
    const oldest = group.pendingMembers.keys().next().value;
    if (oldest !== undefined) forgetPendingMember(shard, group, oldest);
  }
  const session = shard.pendingSessionOf(group, newMemberId);
  group.pendingMembers.set(newMemberId, session);
  shard.deadlines.set(session, shard.now.monotonicMs + joining.sessionTimeoutMs);
  refuse(shard, joining, newMemberId, ErrorCode.MEMBER_ID_REQUIRED);
}

function joinAsPendingMember(shard: Shard, group: ClassicGroup, joining: Joining): void {
  if (joining.groupInstanceId !== null) {
    // Static members are never pending; the real coordinator fails on this, with this code as result.
    refuse(shard, joining, '', ErrorCode.UNKNOWN_SERVER_ERROR);
    return;
  }
  addMemberAndRebalance(shard, group, joining, joining.ticket, joining.clientReason);
}

/**
 * Whether the member exists, under the instance it claims. NONE, or the error. See validateCurrentMember.
 */
export function checkMember(group: ClassicGroup, memberId: string, groupInstanceId: string | null): number {
  if (groupInstanceId !== null) {
    const current = group.staticMembers.get(groupInstanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return current === memberId ? ErrorCode.NONE : ErrorCode.FENCED_INSTANCE_ID;
  }
  return group.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
}

function joinAsCurrentMember(shard: Shard, group: ClassicGroup, joining: Joining): void {
  const { memberId, protocols, rebalanceTimeoutMs, sessionTimeoutMs, ticket, clientReason } = joining;
  const errorCode = checkMember(group, memberId, joining.groupInstanceId);
  if (errorCode !== ErrorCode.NONE) {
    refuse(shard, joining, memberId, errorCode);
    return;
  }
  const member = group.member(memberId);
  const isLeader = group.leaderId === memberId;
  const saysNothingNew = saysTheSame(member, protocols);
  // The answer to its JoinGroup was lost: it gets the generation once more.
  const missedTheAnswer = group.state === 'CompletingRebalance' && saysNothingNew;
  // A leader that rejoins wants a new assignment, for reasons of its own (topics have changed).
  const isFollowerAsBefore = group.state === 'Stable' && saysNothingNew && !isLeader;
  if (missedTheAnswer || isFollowerAsBefore) {
    answerJoin(shard, group, ticket, {
      memberId,
      leaderId: group.leaderId,
      withMembers: isLeader,
      skipAssignment: false,
    });
    return;
  }
  const to = { protocols, rebalanceTimeoutMs, sessionTimeoutMs, ticket };
  const reason = isLeader && saysNothingNew ? 'leader rejoined' : 'member changed its metadata';
  updateMemberAndRebalance(shard, group, member, to, because(reason, member, clientReason));
}

/**
 * A static instance returns without its member id: it takes the place of its former self, which is fenced. In a
 * stable group whose protocol stays there is no rebalance, only a record. See updateStaticMemberAndRebalance.
 */
function replaceStaticMember(
  shard: Shard,
  group: ClassicGroup,
  member: Member,
  newMemberId: string,
  joining: Joining,
): void {
  const { ticket, clientReason } = joining;
  const before: Before = {
    memberId: member.memberId,
    leaderId: group.leaderId,
    protocols: member.protocols,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    sessionTimeoutMs: member.sessionTimeoutMs,
  };
  refuseJoin(shard, group, member, before.memberId, ErrorCode.FENCED_INSTANCE_ID);
  refuseSync(shard, member, ErrorCode.FENCED_INSTANCE_ID);
  group.replaceStaticMember(member, newMemberId);
  renewSession(shard, member);
  group.update(member, joining);
  parkJoin(shard, group, member, ticket);
  shard.note({
    event: 'static member replaced',
    groupId: group.groupId,
    generationId: group.generationId,
    groupInstanceId: member.groupInstanceId ?? '',
    oldMemberId: before.memberId,
    newMemberId,
  });
  if (group.state === 'Stable') {
    if (group.selectProtocol() === group.protocolName) storeReplacement(shard, group, member, before, ticket);
    else
      maybePrepareRebalance(
        shard,
        group,
        because('static member changed its protocols', member, clientReason),
      );
  } else if (group.state === 'CompletingRebalance') {
    // The leader may know the old id already, and would assign to it.
    prepareRebalance(
      shard,
      group,
      because('static member returned during a rebalance', member, clientReason),
    );
  }
}

interface Before {
  readonly memberId: string;
  readonly leaderId: string | null;
  readonly protocols: readonly Protocol[];
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
}

function storeReplacement(
  shard: Shard,
  group: ClassicGroup,
  member: Member,
  before: Before,
  ticket: Ticket,
): void {
  const newMemberId = member.memberId;
  const assignments = new Map<string, Buffer>();
  for (const other of group.members.values()) assignments.set(other.memberId, other.assignment);
  const settle = ({ errorCode }: WriteFate) => {
    // Replaced again, gone, or drawn into a rebalance meanwhile: then its JoinGroup is answered there, and the
    // record of the next generation will tell its id.
    if (member.awaitingJoin !== ticket || group.state !== 'Stable') return;
    group.awaitJoin(member, null);
    if (errorCode !== ErrorCode.NONE) {
      noteFailedWrite(shard, group, 'static member', errorCode);
      refuseReplacement(shard, group, before, ticket, errorCode);
      return;
    }
    const isLeader = group.leaderId === newMemberId;
    const canSkip = ticket.version >= 9;
    answerJoin(shard, group, ticket, {
      memberId: newMemberId,
      // Before KIP-814 a leader that took itself for one would compute an assignment that nobody asked for: it is
      // told the id of its former self.
      leaderId: canSkip ? group.leaderId : before.leaderId,
      withMembers: canSkip && isLeader,
      skipAssignment: canSkip && isLeader,
    });
  };
  storeGroup(shard, group, assignments, settle, () => {
    // The log knows the former self only, so it must live on here, too. A write that is merely late may still be
    // committed: then its client joins once more, and nothing is undone (Kafka undoes it then as well, and has
    // another id in the log than in memory).
    if (group.state !== 'Stable' || group.members.get(newMemberId) !== member) return;
    group.update(member, before);
    group.replaceStaticMember(member, before.memberId);
    renewSession(shard, member);
  });
}

function refuseReplacement(
  shard: Shard,
  group: ClassicGroup,
  before: Before,
  ticket: Ticket,
  errorCode: number,
): void {
  shard.answer('joinGroup', ticket, {
    ...joinError(ticket.version, '', errorCode),
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName ?? '',
    leader: before.leaderId ?? '',
  });
}
