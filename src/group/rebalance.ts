/**
 * The rounds of a group: waiting for members to join, for their SyncGroups, and for signs of life; what happens
 * when they come, go or fall silent; and the record of a generation.
 *
 * What is always true:
 * - the join deadline is set exactly in PreparingRebalance;
 * - a group leaves PreparingRebalance only through `completeJoin`, which answers every parked JoinGroup;
 * - a parked SyncGroup exists only in CompletingRebalance.
 *
 * The oracle is GroupCoordinator.scala, where the waits are delayed operations of two purgatories.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ClassicGroup, Member, Protocol, Ticket } from './classic-group.ts';
import { metadataOf } from './classic-group.ts';
import type { Departure, RebalanceCause, RebalanceReason } from './notes.ts';
import { firstFew } from './notes.ts';
import type { WriteFate } from './outcome.ts';
import { groupMetadataKey, groupMetadataValue } from './records.ts';
import { joinError, syncError } from './responses.ts';
import type { Shard } from './shard.ts';

/** How long a new member's JoinGroup is parked: it can't heartbeat, and the broker does not see it disconnect. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60_000;

/** The least wait between two looks at a group of which nobody rejoins; a timeout of 0 must not spin. */
const MIN_REARM_MS = 100;

export const because = (
  reason: RebalanceReason,
  member: { readonly memberId: string; readonly clientId: string; readonly clientHost: string } | null,
  clientReason: string | null = null,
): RebalanceCause => ({
  reason,
  memberId: member?.memberId ?? null,
  clientId: member?.clientId ?? null,
  clientHost: member?.clientHost ?? null,
  clientReason,
});

// Parked requests ----------------------------------------------------------------------------------------------

/** Parks a JoinGroup; one that was parked before belongs to a connection that was given up. */
export function parkJoin(shard: Shard, group: ClassicGroup, member: Member, ticket: Ticket): void {
  refuseJoin(shard, group, member, member.memberId, ErrorCode.REBALANCE_IN_PROGRESS);
  group.awaitJoin(member, ticket);
}

export function parkSync(shard: Shard, member: Member, ticket: Ticket): void {
  refuseSync(shard, member, ErrorCode.REBALANCE_IN_PROGRESS);
  member.awaitingSync = ticket;
}

export function refuseJoin(
  shard: Shard,
  group: ClassicGroup,
  member: Member,
  memberId: string,
  errorCode: number,
): void {
  const ticket = member.awaitingJoin;
  if (ticket === null) return;
  group.awaitJoin(member, null);
  shard.answer('joinGroup', ticket, joinError(ticket.version, memberId, errorCode));
}

export function refuseSync(shard: Shard, member: Member, errorCode: number): void {
  const ticket = member.awaitingSync;
  if (ticket === null) return;
  member.awaitingSync = null;
  shard.answer('syncGroup', ticket, syncError(errorCode));
}

/** Answers a parked JoinGroup with the current generation. */
export function answerJoin(
  shard: Shard,
  group: ClassicGroup,
  ticket: Ticket,
  to: { memberId: string; leaderId: string | null; withMembers: boolean; skipAssignment: boolean },
): void {
  const { version } = ticket;
  const { protocolName } = group;
  shard.answer('joinGroup', ticket, {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    // KIP-559: null where the version knows it, empty before.
    protocolName: protocolName === null || protocolName === '' ? (version >= 7 ? null : '') : protocolName,
    leader: to.leaderId ?? '',
    skipAssignment: to.skipAssignment,
    memberId: to.memberId,
    members: to.withMembers ? membersFor(group) : [],
  });
}

function membersFor(group: ClassicGroup) {
  const protocolName = group.protocolName ?? '';
  return [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: metadataOf(member, protocolName),
  }));
}

// Signs of life ------------------------------------------------------------------------------------------------

/** A sign of life: the session begins anew. */
export function renewSession(shard: Shard, member: Member): void {
  shard.deadlines.set(member.session, shard.now.monotonicMs + member.sessionTimeoutMs);
}

export function expireSession(shard: Shard, group: ClassicGroup, member: Member): void {
  // Whoever waits for an answer of ours is alive as far as we can know, unless it is new: see
  // NEW_MEMBER_JOIN_TIMEOUT_MS. The session begins anew when the answer leaves.
  const isExcused = !member.isNew && (member.awaitingJoin !== null || member.awaitingSync !== null);
  if (isExcused) return;
  removeMember(shard, group, member, 'session expired', because('session expired', member));
}

export function expirePendingMember(shard: Shard, group: ClassicGroup, memberId: string): void {
  group.pendingMembers.delete(memberId);
  maybeCompleteJoin(shard, group);
  shard.noteIfHollow(group);
}

// Members --------------------------------------------------------------------------------------------------------

export interface JoiningMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
}

export function addMemberAndRebalance(
  shard: Shard,
  group: ClassicGroup,
  joining: JoiningMember,
  ticket: Ticket,
  clientReason: string | null,
): void {
  const member: Member = {
    memberId: joining.memberId,
    groupInstanceId: joining.groupInstanceId,
    clientId: joining.clientId,
    clientHost: joining.clientHost,
    rebalanceTimeoutMs: joining.rebalanceTimeoutMs,
    sessionTimeoutMs: joining.sessionTimeoutMs,
    protocols: joining.protocols,
    assignment: Buffer.alloc(0),
    awaitingJoin: null,
    awaitingSync: null,
    isNew: true,
    session: shard.sessionOf(group, () => member),
  };
  // Only the very first rebalance is stretched for members that arrive during it.
  if (group.state === 'PreparingRebalance' && group.generationId === 0) group.newMemberAdded = true;
  if (group.members.size === 0) group.protocolType = joining.protocolType;
  forgetPendingMember(shard, group, member.memberId);
  group.add(member, ticket);
  shard.deadlines.set(member.session, shard.now.monotonicMs + NEW_MEMBER_JOIN_TIMEOUT_MS);
  maybePrepareRebalance(shard, group, because('member joined', member, clientReason));
}

export function updateMemberAndRebalance(
  shard: Shard,
  group: ClassicGroup,
  member: Member,
  to: {
    protocols: readonly Protocol[];
    rebalanceTimeoutMs: number;
    sessionTimeoutMs: number;
    ticket: Ticket;
  },
  cause: RebalanceCause,
): void {
  group.update(member, to);
  parkJoin(shard, group, member, to.ticket);
  maybePrepareRebalance(shard, group, cause);
}

export function forgetPendingMember(shard: Shard, group: ClassicGroup, memberId: string): void {
  const deadline = group.pendingMembers.get(memberId);
  if (deadline === undefined) return;
  shard.deadlines.clear(deadline);
  group.pendingMembers.delete(memberId);
}

/** Takes a member out and answers what it has parked; the caller decides what becomes of the group. */
export function dropMember(shard: Shard, group: ClassicGroup, member: Member, why: Departure): void {
  // UNKNOWN_MEMBER_ID makes a client that is alive after all begin anew.
  refuseJoin(shard, group, member, '', ErrorCode.UNKNOWN_MEMBER_ID);
  refuseSync(shard, member, ErrorCode.UNKNOWN_MEMBER_ID);
  shard.deadlines.clear(member.session);
  group.remove(member.memberId, why);
}

/** Takes a member out, which begins a rebalance or may complete the one under way. */
export function removeMember(
  shard: Shard,
  group: ClassicGroup,
  member: Member,
  why: Departure,
  cause: RebalanceCause,
): void {
  dropMember(shard, group, member, why);
  if (group.state === 'Stable' || group.state === 'CompletingRebalance')
    prepareRebalance(shard, group, cause);
  else maybeCompleteJoin(shard, group);
}

// Joining ----------------------------------------------------------------------------------------------------------

export function maybePrepareRebalance(shard: Shard, group: ClassicGroup, cause: RebalanceCause): void {
  if (group.canRebalance) prepareRebalance(shard, group, cause);
}

/** Begins a rebalance: from here on everybody has to rejoin. */
export function prepareRebalance(shard: Shard, group: ClassicGroup, cause: RebalanceCause): void {
  if (group.state === 'CompletingRebalance') propagateError(shard, group, ErrorCode.REBALANCE_IN_PROGRESS);
  group.pendingSyncMembers.clear();
  shard.deadlines.clear(group.syncDeadline);
  const isInitial = group.state === 'Empty';
  const waitMs = isInitial ? shard.config.initialRebalanceDelayMs : group.rebalanceTimeoutMs;
  group.joinPhase = isInitial
    ? { type: 'initial', delayMs: waitMs, remainingMs: Math.max(group.rebalanceTimeoutMs - waitMs, 0) }
    : { type: 'rebalance' };
  shard.deadlines.set(group.joinDeadline, shard.now.monotonicMs + waitMs);
  group.transitionTo('PreparingRebalance', shard.now.wallMs);
  group.stateEnteredMs = shard.now.monotonicMs;
  shard.note({
    event: 'group rebalancing',
    groupId: group.groupId,
    generationId: group.generationId,
    ...cause,
    memberCount: group.members.size,
    waitingFor: notYetJoined(group),
  });
  if (waitMs <= 0) expireJoin(shard, group);
  else maybeCompleteJoin(shard, group);
}

/** Completes the rebalance if nobody is missing. The first of all waits its time out in any case. */
export function maybeCompleteJoin(shard: Shard, group: ClassicGroup): void {
  if (group.state !== 'PreparingRebalance' || group.joinPhase?.type !== 'rebalance') return;
  if (group.hasAllMembersJoined) completeJoin(shard, group);
}

/** The wait for members is over, whoever is missing; but the first of all is stretched while new ones arrive. */
export function expireJoin(shard: Shard, group: ClassicGroup): void {
  const phase = group.joinPhase;
  if (phase?.type === 'initial' && group.newMemberAdded && phase.remainingMs > 0) {
    // See InitialDelayedJoin: the whole stretch is bounded by the rebalance timeout of the first member.
    group.newMemberAdded = false;
    const delayMs = Math.min(shard.config.initialRebalanceDelayMs, phase.remainingMs);
    group.joinPhase = {
      type: 'initial',
      delayMs,
      remainingMs: Math.max(phase.remainingMs - phase.delayMs, 0),
    };
    shard.deadlines.set(group.joinDeadline, shard.now.monotonicMs + delayMs);
    return;
  }
  completeJoin(shard, group);
}

function completeJoin(shard: Shard, group: ClassicGroup): void {
  shard.deadlines.clear(group.joinDeadline);
  // Static members keep their place until their session ends.
  for (const member of [...group.members.values()]) {
    if (member.awaitingJoin !== null || member.groupInstanceId !== null) continue;
    dropMember(shard, group, member, 'did not rejoin in time');
  }
  if (!group.electJoinedLeader() && group.members.size > 0) {
    waitForAnyMember(shard, group);
    return;
  }
  group.joinPhase = null;
  group.newMemberAdded = false;
  group.initNextGeneration(shard.now.wallMs);
  if (group.members.size === 0) becomeEmpty(shard, group);
  else answerJoins(shard, group);
}

/** Only static members are left and none rejoined: wait on, until one does or their sessions end. */
function waitForAnyMember(shard: Shard, group: ClassicGroup): void {
  group.joinPhase = { type: 'rebalance' };
  const delayMs = Math.max(group.rebalanceTimeoutMs, MIN_REARM_MS);
  shard.deadlines.set(group.joinDeadline, shard.now.monotonicMs + delayMs);
  shard.note({
    event: 'group waits for any member',
    groupId: group.groupId,
    generationId: group.generationId,
    waitingFor: notYetJoined(group),
  });
}

function becomeEmpty(shard: Shard, group: ClassicGroup): void {
  shard.note({
    event: 'group empty',
    groupId: group.groupId,
    generationId: group.generationId,
    left: takeLeft(group),
    durationMs: timeInState(shard, group),
  });
  group.stateEnteredMs = shard.now.monotonicMs;
  storeGroup(shard, group, new Map(), (fate) => {
    // Harmless: after a failover the previous generation stands in the log again, and its members time out.
    if (fate.errorCode !== ErrorCode.NONE) noteFailedWrite(shard, group, 'empty generation', fate.errorCode);
  });
}

function answerJoins(shard: Shard, group: ClassicGroup): void {
  for (const member of group.members.values()) {
    const ticket = member.awaitingJoin;
    if (ticket !== null) {
      group.awaitJoin(member, null);
      answerJoin(shard, group, ticket, {
        memberId: member.memberId,
        leaderId: group.leaderId,
        withMembers: group.leaderId === member.memberId,
        skipAssignment: false,
      });
    }
    renewSession(shard, member);
    member.isNew = false;
    group.pendingSyncMembers.add(member.memberId);
  }
  shard.deadlines.set(group.syncDeadline, shard.now.monotonicMs + group.rebalanceTimeoutMs);
  shard.note({
    event: 'group completed join',
    groupId: group.groupId,
    generationId: group.generationId,
    protocolName: group.protocolName ?? '',
    leaderId: group.leaderId ?? '',
    memberCount: group.members.size,
    joined: group.joined,
    left: takeLeft(group),
    durationMs: timeInState(shard, group),
    waitingFor: firstFew(group.pendingSyncMembers),
  });
  group.joined = [];
  group.stateEnteredMs = shard.now.monotonicMs;
}

/** For notes, in whole milliseconds. */
export function timeInState(shard: Shard, group: ClassicGroup): number {
  return Math.round(shard.now.monotonicMs - group.stateEnteredMs);
}

function takeLeft(group: ClassicGroup) {
  const left = group.left;
  group.left = [];
  return left;
}

function notYetJoined(group: ClassicGroup): string[] {
  const missing: string[] = [];
  for (const member of group.members.values()) {
    if (member.awaitingJoin === null) missing.push(member.memberId);
  }
  missing.push(...group.pendingMembers.keys());
  return firstFew(missing);
}

// Syncing --------------------------------------------------------------------------------------------------------

/** The SyncGroup of the member has come. */
export function forgetPendingSync(shard: Shard, group: ClassicGroup, memberId: string): void {
  group.pendingSyncMembers.delete(memberId);
  if (group.pendingSyncMembers.size === 0) shard.deadlines.clear(group.syncDeadline);
}

/** Members that joined and then did not sync within the rebalance timeout are out (KAFKA-12984, DelayedSync). */
export function expireSync(shard: Shard, group: ClassicGroup): void {
  if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return;
  if (group.pendingSyncMembers.size === 0) return;
  let first: Member | null = null;
  for (const memberId of [...group.pendingSyncMembers]) {
    const member = group.members.get(memberId);
    if (member === undefined) continue;
    first ??= member;
    dropMember(shard, group, member, 'did not sync in time');
  }
  prepareRebalance(shard, group, because('did not sync in time', first));
}

/** Gives every member what the leader assigned, and answers those that wait for it. */
export function propagateAssignment(
  shard: Shard,
  group: ClassicGroup,
  assignments: Map<string, Buffer>,
): void {
  for (const member of group.members.values()) {
    member.assignment = assignments.get(member.memberId) ?? Buffer.alloc(0);
    const ticket = member.awaitingSync;
    if (ticket === null) continue;
    member.awaitingSync = null;
    shard.answer('syncGroup', ticket, assignmentFor(group, member));
    renewSession(shard, member);
  }
}

export function assignmentFor(group: ClassicGroup, member: Member) {
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}

/** The generation came to nothing: nobody has an assignment, and those that wait for one hear why. */
export function propagateError(shard: Shard, group: ClassicGroup, errorCode: number): void {
  for (const member of group.members.values()) {
    member.assignment = Buffer.alloc(0);
    if (member.awaitingSync === null) continue;
    refuseSync(shard, member, errorCode);
    renewSession(shard, member);
  }
}

// Records ----------------------------------------------------------------------------------------------------------

/** Writes the generation with the given assignments; `undo` runs if the record never comes to be. */
export function storeGroup(
  shard: Shard,
  group: ClassicGroup,
  assignments: ReadonlyMap<string, Buffer>,
  settle: (fate: WriteFate) => void,
  undo?: () => void,
): void {
  const protocolName = group.protocolName;
  const value = groupMetadataValue({
    protocolType: group.protocolType ?? '',
    generation: group.generationId,
    protocol: protocolName,
    leader: group.leaderId,
    currentStateTimestamp: group.stateTimestampMs ?? -1,
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: metadataOf(member, protocolName ?? ''),
      assignment: assignments.get(member.memberId) ?? Buffer.alloc(0),
    })),
  });
  shard.write([{ key: groupMetadataKey(group.groupId), value }], {
    settle: (fate) => settle({ ...fate, errorCode: storeErrorCode(fate.errorCode) }),
    ...(undo === undefined ? {} : { undo }),
  });
}

/** What members hear when their generation could not be written: see GroupMetadataManager.storeGroup. */
export function storeErrorCode(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.REBALANCE_IN_PROGRESS;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}

export function noteFailedWrite(
  shard: Shard,
  group: { readonly groupId: string },
  what: string,
  errorCode: number,
): void {
  shard.note({ event: 'write failed', groupId: group.groupId, errorCode, what });
}
