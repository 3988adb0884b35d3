/**
 * Members of a group under the consumer protocol: who may speak for one, and how one is fenced.
 *
 * The oracle is GroupMetadataManager: throwIfMemberEpochIsInvalid, throwIfInstanceIdIsUnreleased,
 * throwIfInstanceIdIsFenced, consumerGroupFenceMember.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { MemberMetadata } from './consumer-changes.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { LEAVE_STATIC_MEMBER_EPOCH } from './consumer-group.ts';
import { refreshSubscriptions } from './consumer-target.ts';
import { clearTimers } from './consumer-timers.ts';
import { Draft, whenSettled, writeDraft } from './consumer-writes.ts';
import type { Departure } from './notes.ts';
import type { Shard } from './shard.ts';
import type { Partitions } from './topics.ts';
import { isSubset } from './topics.ts';

/** Before a member that could not be fenced is looked at again. */
const RETRY_MS = 1_000;

// Who may speak ----------------------------------------------------------------------------------------------------

/** @throws {KafkaError} UNKNOWN_MEMBER_ID */
export function requireMember(group: ConsumerGroup, memberId: string): MemberMetadata {
  const member = group.members.get(memberId);
  if (member !== undefined) return member;
  const what = `Member ${memberId} is not a member of group ${group.groupId}.`;
  throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, what);
}

/** @throws {KafkaError} UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID */
export function requireInstance(group: ConsumerGroup, instanceId: string, memberId: string): void {
  const current = group.staticMembers.get(instanceId);
  if (current === undefined) {
    throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
  }
  if (current === memberId) return;
  const what = `Static member ${memberId} with instance id ${instanceId} was fenced by member ${current}.`;
  throw new KafkaError(ErrorCode.FENCED_INSTANCE_ID, what);
}

/** An instance is free for another only when the member that carries it has left for a while. @throws {KafkaError} */
export function requireReleased(group: ConsumerGroup, instanceId: string, memberId: string): void {
  const current = group.staticMembers.get(instanceId) ?? '';
  if (group.current(current).memberEpoch === LEAVE_STATIC_MEMBER_EPOCH) return;
  const what =
    `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is ` +
    `owned by ${current} member.`;
  throw new KafkaError(ErrorCode.UNRELEASED_INSTANCE_ID, what);
}

/** @throws {KafkaError} FENCED_MEMBER_EPOCH */
export function requireEpoch(
  group: ConsumerGroup,
  memberId: string,
  memberEpoch: number,
  owned: Partitions | null,
): void {
  const current = group.current(memberId);
  if (memberEpoch === current.memberEpoch) return;
  const isGreater = memberEpoch > current.memberEpoch;
  // The answer with the new epoch may have been lost. What the member owns must show that it knows no better.
  const isPrevious = !isGreater && memberEpoch === current.previousMemberEpoch;
  if (isPrevious && owned !== null && isSubset(owned, current.assigned)) return;
  const what =
    `The consumer group member has a ${isGreater ? 'greater' : 'smaller'} member epoch (${memberEpoch}) than the ` +
    `one known by the group coordinator (${current.memberEpoch}). The member must abandon all its partitions and ` +
    'rejoin.';
  throw new KafkaError(ErrorCode.FENCED_MEMBER_EPOCH, what);
}

// Fencing ------------------------------------------------------------------------------------------------------------

/** Drafts that the member is gone: its partitions are free, and the others get a new target with their next heartbeat. */
export function draftFence(shard: Shard, draft: Draft, memberId: string, why: Departure): void {
  const { group } = draft;
  const { clientId = null, clientHost = null } = group.members.get(memberId) ?? {};
  draftRemoval(draft, memberId);
  // Without an image at hand the topics are looked at with the next heartbeat.
  if (shard.topics !== null) refreshSubscriptions(shard, draft, shard.topics);
  draft.change({ type: 'groupEpoch', value: group.groupEpoch + 1 });
  clearTimers(shard, group, memberId);
  shard.note({
    event: 'member left',
    groupId: group.groupId,
    groupEpoch: group.groupEpoch,
    memberId,
    clientId,
    clientHost,
    why,
    memberCount: group.members.size,
  });
}

/** The order matters to Kafka when it replays. */
export function draftRemoval(draft: Draft, memberId: string): void {
  draft.change({ type: 'current', memberId, value: null });
  draft.change({ type: 'target', memberId, value: null });
  draft.change({ type: 'member', memberId, value: null });
}

function fence(shard: Shard, group: ConsumerGroup, memberId: string, why: Departure): void {
  const draft = new Draft(group);
  draftFence(shard, draft, memberId, why);
  writeDraft(shard, draft, (errorCode) => {
    if (errorCode === ErrorCode.NONE) return;
    shard.note({ event: 'write failed', groupId: group.groupId, errorCode, what: 'fenced member' });
  });
}

const isThere = (shard: Shard, group: ConsumerGroup, memberId: string): boolean =>
  shard.groups.get(group.groupId) === group && group.members.has(memberId);

export function expireConsumerSession(shard: Shard, group: ConsumerGroup, memberId: string): void {
  whenSettled(group, {
    isExclusive: false,
    run: () => {
      // A heartbeat of the member may have waited for the same write.
      if (!isThere(shard, group, memberId) || group.sessions.get(memberId)?.isSet) return;
      fence(shard, group, memberId, 'session expired');
    },
    refuse: () => {
      const session = group.sessions.get(memberId);
      if (!isThere(shard, group, memberId) || session === undefined) return;
      shard.deadlines.set(session, shard.now.monotonicMs + RETRY_MS);
    },
  });
}

export function expireConsumerRevocation(
  shard: Shard,
  group: ConsumerGroup,
  memberId: string,
  memberEpoch: number,
): void {
  const isStillDue = () => {
    if (!isThere(shard, group, memberId)) return false;
    const current = group.current(memberId);
    return current.memberEpoch === memberEpoch && current.pendingRevocation.size > 0;
  };
  whenSettled(group, {
    isExclusive: false,
    run: () => {
      if (isStillDue()) fence(shard, group, memberId, 'did not revoke in time');
    },
    refuse: () => {
      const revocation = group.revocations.get(memberId);
      if (!isStillDue() || revocation === undefined) return;
      shard.deadlines.set(revocation.deadline, shard.now.monotonicMs + RETRY_MS);
    },
  });
}
