/**
 * Sessions and revocation deadlines of the members of a group under the consumer protocol.
 *
 * What is always true between two steps: each member has a session, and those that have to give up partitions have a
 * deadline for it; nobody else has.
 */
import type { ConsumerGroup } from './consumer-group.ts';
import { Deadline } from './deadlines.ts';
import type { Shard } from './shard.ts';

/** A sign of life: the session begins anew. */
export function renewConsumerSession(shard: Shard, group: ConsumerGroup, memberId: string): void {
  let session = group.sessions.get(memberId);
  if (session === undefined) {
    session = new Deadline(() => shard.expire.consumerSession(group, memberId));
    group.sessions.set(memberId, session);
  }
  shard.deadlines.set(session, shard.now.monotonicMs + shard.config.consumerSessionTimeoutMs);
}

/** The member has to give up partitions within its rebalance timeout, or (when it need not) no longer. */
export function setRevocation(shard: Shard, group: ConsumerGroup, memberId: string): void {
  const { pendingRevocation, memberEpoch } = group.current(memberId);
  const before = group.revocations.get(memberId);
  if (before !== undefined) shard.deadlines.clear(before.deadline);
  const member = group.members.get(memberId);
  if (pendingRevocation.size === 0 || member === undefined) {
    group.revocations.delete(memberId);
    return;
  }
  const deadline = new Deadline(() => shard.expire.consumerRevocation(group, memberId, memberEpoch));
  group.revocations.set(memberId, { deadline, memberEpoch });
  shard.deadlines.set(deadline, shard.now.monotonicMs + Math.max(member.rebalanceTimeoutMs, 0));
}

export function clearTimers(shard: Shard, group: ConsumerGroup, memberId: string): void {
  const session = group.sessions.get(memberId);
  if (session !== undefined) shard.deadlines.clear(session);
  group.sessions.delete(memberId);
  const revocation = group.revocations.get(memberId);
  if (revocation !== undefined) shard.deadlines.clear(revocation.deadline);
  group.revocations.delete(memberId);
}

/** After a load, or after changes were taken back: everybody gets what they need, and a fresh start. */
export function syncTimers(shard: Shard, group: ConsumerGroup): void {
  for (const memberId of [...group.sessions.keys(), ...group.revocations.keys()]) {
    if (!group.members.has(memberId)) clearTimers(shard, group, memberId);
  }
  for (const memberId of group.members.keys()) {
    if (!group.sessions.get(memberId)?.isSet) renewConsumerSession(shard, group, memberId);
    const needsDeadline = group.current(memberId).pendingRevocation.size > 0;
    if (needsDeadline !== group.revocations.has(memberId)) setRevocation(shard, group, memberId);
  }
}
