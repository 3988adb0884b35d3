/**
 * SyncGroup 0 to 5, Heartbeat 0 to 4 and LeaveGroup 0 to 5.
 *
 * SyncGroup 3, Heartbeat 3: static members. SyncGroup 5: protocol type and name must match (KIP-559). LeaveGroup 3:
 * several members, also by instance (KIP-345); 5: a reason (KIP-800).
 *
 * The oracle is GroupCoordinator.scala.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ClassicGroup } from './classic-group.ts';
import { checkMember } from './join.ts';
import type { Command } from './outcome.ts';
import {
  assignmentFor,
  because,
  forgetPendingMember,
  forgetPendingSync,
  maybeCompleteJoin,
  maybePrepareRebalance,
  noteFailedWrite,
  parkSync,
  propagateAssignment,
  propagateError,
  removeMember,
  renewSession,
  storeGroup,
  timeInState,
} from './rebalance.ts';
import { syncError } from './responses.ts';
import type { Shard } from './shard.ts';

type SyncCommand = Extract<Command, { type: 'syncGroup' }>;
type HeartbeatCommand = Extract<Command, { type: 'heartbeat' }>;
type LeaveCommand = Extract<Command, { type: 'leaveGroup' }>;

/** Whether the member belongs to the current generation. NONE, or the error. */
export function checkMemberOfGeneration(
  group: ClassicGroup,
  by: { readonly memberId: string; readonly groupInstanceId: string | null; readonly generationId: number },
): number {
  if (group.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  const errorCode = checkMember(group, by.memberId, by.groupInstanceId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  return by.generationId === group.generationId ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
}

// SyncGroup --------------------------------------------------------------------------------------------------

export function syncGroup(shard: Shard, token: number, command: SyncCommand): void {
  const { request } = command;
  const group = shard.classicGroup(request.groupId);
  const errorCode = group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : checkSync(group, request);
  if (group === undefined || errorCode !== ErrorCode.NONE) {
    shard.answer('syncGroup', token, syncError(errorCode));
    return;
  }
  const member = group.member(request.memberId);
  forgetPendingSync(shard, group, member.memberId);
  if (group.state === 'Stable') {
    shard.answer('syncGroup', token, assignmentFor(group, member));
    renewSession(shard, member);
    return;
  }
  parkSync(shard, member, { token, version: 0 });
  if (group.leaderId === member.memberId) storeAssignment(shard, group, command);
}

/** NONE when the group is Stable or waits for this SyncGroup, or the error. */
function checkSync(group: ClassicGroup, request: SyncCommand['request']): number {
  const errorCode = checkMemberOfGeneration(group, request);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  const { protocolType, protocolName } = request;
  if (protocolType !== null && protocolType !== group.protocolType)
    return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  if (protocolName !== null && protocolName !== group.protocolName)
    return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  switch (group.state) {
    case 'Empty':
    case 'Dead':
      return ErrorCode.UNKNOWN_MEMBER_ID;
    case 'PreparingRebalance':
      return ErrorCode.REBALANCE_IN_PROGRESS;
    case 'CompletingRebalance':
    case 'Stable':
      return ErrorCode.NONE;
  }
}

/** Writes what the leader has assigned; members that it left out get an empty assignment. */
function storeAssignment(shard: Shard, group: ClassicGroup, command: SyncCommand): void {
  const { generationId } = group;
  // A repeated SyncGroup of the leader waits for the assignment that is on its way already: two in the log, of
  // which the first is handed out, would let a new coordinator hand out the second.
  if (group.generationBeingStored === generationId) return;
  const assignments = new Map<string, Buffer>();
  for (const { memberId, assignment } of command.request.assignments) assignments.set(memberId, assignment);
  group.generationBeingStored = generationId;
  storeGroup(shard, group, assignments, ({ errorCode }) => {
    if (group.generationBeingStored === generationId) group.generationBeingStored = null;
    if (errorCode !== ErrorCode.NONE) noteFailedWrite(shard, group, 'assignment', errorCode);
    // The group may have moved on while the record was on its way.
    if (group.state !== 'CompletingRebalance' || group.generationId !== generationId) return;
    if (errorCode !== ErrorCode.NONE) {
      propagateError(shard, group, errorCode);
      maybePrepareRebalance(shard, group, because('assignment could not be stored', null));
      return;
    }
    propagateAssignment(shard, group, assignments);
    group.transitionTo('Stable', shard.now.wallMs);
    shard.note({
      event: 'group stable',
      groupId: group.groupId,
      generationId,
      memberCount: group.members.size,
      durationMs: timeInState(shard, group),
    });
    group.stateEnteredMs = shard.now.monotonicMs;
  });
}

// Heartbeat --------------------------------------------------------------------------------------------------

export function heartbeat(shard: Shard, token: number, command: HeartbeatCommand): void {
  const { request } = command;
  const group = shard.classicGroup(request.groupId);
  let errorCode: number = ErrorCode.UNKNOWN_MEMBER_ID;
  if (group !== undefined) {
    errorCode = checkMemberOfGeneration(group, request);
    if (errorCode === ErrorCode.NONE) {
      renewSession(shard, group.member(request.memberId));
      if (group.state === 'PreparingRebalance') errorCode = ErrorCode.REBALANCE_IN_PROGRESS;
    }
  }
  shard.answer('heartbeat', token, { throttleTimeMs: 0, errorCode });
}

// LeaveGroup -------------------------------------------------------------------------------------------------

interface Leaving {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly reason: string | null;
}

export function leaveGroup(shard: Shard, token: number, command: LeaveCommand): void {
  const { request, version } = command;
  const group = shard.classicGroup(request.groupId);
  if (group?.state === 'Dead') {
    shard.answer('leaveGroup', token, {
      throttleTimeMs: 0,
      errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
      members: [],
    });
    return;
  }
  const leaving: readonly Leaving[] =
    version >= 3 ? request.members : [{ memberId: request.memberId, groupInstanceId: null, reason: null }];
  const members = leaving.map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    errorCode: group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : leave(shard, group, member),
  }));
  // Before version 3 the one member's code is the code of the answer.
  if (version >= 3)
    shard.answer('leaveGroup', token, { throttleTimeMs: 0, errorCode: ErrorCode.NONE, members });
  else {
    const errorCode = members[0]?.errorCode ?? ErrorCode.NONE;
    shard.answer('leaveGroup', token, { throttleTimeMs: 0, errorCode, members: [] });
  }
}

function leave(shard: Shard, group: ClassicGroup, leaving: Leaving): number {
  const { memberId, groupInstanceId } = leaving;
  const removed = (id: string): number => {
    const member = group.member(id);
    removeMember(shard, group, member, 'left', because('member left', member, leaving.reason));
    return ErrorCode.NONE;
  };
  if (memberId === '') {
    // An administrator removes a static member, whatever its id is now.
    const current = groupInstanceId === null ? undefined : group.staticMembers.get(groupInstanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return removed(current);
  }
  if (group.pendingMembers.has(memberId)) {
    forgetPendingMember(shard, group, memberId);
    maybeCompleteJoin(shard, group);
    shard.noteIfHollow(group);
    return ErrorCode.NONE;
  }
  const errorCode = checkMember(group, memberId, groupInstanceId);
  return errorCode === ErrorCode.NONE ? removed(memberId) : errorCode;
}
