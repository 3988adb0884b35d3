/**
 * One step of a member towards its target: first it gives up what is not in it, then it gets what is, as far as
 * nobody else owns it any more.
 *
 * ```
 *             target has moved on                      still owned by others
 *   STABLE ──────────────────────► (revoke?) ──no──► assigned + free ────────────► UNRELEASED ──┐
 *     ▲                               │ yes                │ all                     ▲          │
 *     │                               ▼                    ▼                         └──────────┘ each heartbeat
 *     └──────────────────────── UNREVOKED ──acknowledged──► next epoch, again
 * ```
 *
 * What is always true: a partition is given to a member only when nobody owns it; a member keeps its epoch until it
 * has acknowledged what it had to give up. See CurrentAssignmentBuilder of Apache Kafka 4.0, which mends that of
 * 3.7: there a partition could come back to a member that had been told to revoke it and had not answered.
 */
import type { Uuid } from '../../protocol/uuid.ts';
import type { CurrentAssignment } from './consumer-changes.ts';
import type { Partitions } from './topics.ts';
import { addPartition, hasPartition, NO_PARTITIONS } from './topics.ts';

export interface Target {
  readonly epoch: number;
  readonly partitions: Partitions;
}

/** `owned` is what the member says it owns, null when it does not say. Returns `current` when there is nothing to do. */
export function reconcile(
  current: CurrentAssignment,
  target: Target,
  owned: Partitions | null,
  isOwned: (topicId: Uuid, partition: number) => boolean,
): CurrentAssignment {
  if (current.pendingRevocation.size > 0) {
    if (owns(owned, current.pendingRevocation)) return current;
    // What it had to revoke is done: that alone is an epoch of its own.
    return next(current, current.memberEpoch + 1, target, owned, isOwned);
  }
  const isWaiting = current.pendingAssignment.size > 0;
  if (!isWaiting && current.memberEpoch === target.epoch) return current;
  return next(current, current.memberEpoch, target, owned, isOwned);
}

/** Whether the member may still own any of the partitions; yes, when it does not say. */
function owns(owned: Partitions | null, partitions: Partitions): boolean {
  if (owned === null) return true;
  for (const [topicId, ofTopic] of owned) {
    for (const partition of ofTopic) if (hasPartition(partitions, topicId, partition)) return true;
  }
  return false;
}

function next(
  current: CurrentAssignment,
  memberEpoch: number,
  target: Target,
  owned: Partitions | null,
  isOwned: (topicId: Uuid, partition: number) => boolean,
): CurrentAssignment {
  const kept = new Map<Uuid, Set<number>>();
  const toRevoke = new Map<Uuid, Set<number>>();
  const free = new Map<Uuid, Set<number>>();
  const unreleased = new Map<Uuid, Set<number>>();
  const lacking = new Map<Uuid, Set<number>>();
  for (const [topicId, partitions] of current.assigned) {
    for (const partition of partitions) {
      const goesTo = hasPartition(target.partitions, topicId, partition) ? kept : toRevoke;
      addPartition(goesTo, topicId, partition);
    }
  }
  for (const [topicId, partitions] of target.partitions) {
    for (const partition of partitions) {
      if (hasPartition(kept, topicId, partition)) continue;
      addPartition(lacking, topicId, partition);
      addPartition(isOwned(topicId, partition) ? unreleased : free, topicId, partition);
    }
  }
  const previousMemberEpoch = current.memberEpoch;
  if (toRevoke.size > 0 && owns(owned, toRevoke)) {
    return {
      memberEpoch,
      previousMemberEpoch,
      targetMemberEpoch: target.epoch,
      assigned: kept,
      pendingRevocation: toRevoke,
      pendingAssignment: lacking,
    };
  }
  for (const [topicId, partitions] of free) {
    for (const partition of partitions) addPartition(kept, topicId, partition);
  }
  return {
    memberEpoch: target.epoch,
    previousMemberEpoch,
    targetMemberEpoch: target.epoch,
    assigned: kept,
    pendingRevocation: NO_PARTITIONS,
    pendingAssignment: unreleased,
  };
}
