/**
 * The range assignor of Kafka 3.7 (RangeAssignor): of each topic every subscriber gets as many partitions as the
 * others, give or take one, and keeps of what it had the lowest. New ones are handed out in ascending runs, so that
 * co-partitioned topics are likely to meet in one member.
 */
import type { Uuid } from '../../../protocol/uuid.ts';
import { addPartition } from '../topics.ts';
import type { AssignedMember, AssignmentSpec, Assignor, GroupAssignment } from './assignor.ts';

interface Unfilled {
  readonly memberId: string;
  /** Partitions it lacks to the least that each gets; negative for one that had more. */
  readonly remaining: number;
}

function assignTopic(
  assignment: GroupAssignment,
  topicId: Uuid,
  partitionCount: number,
  members: readonly AssignedMember[],
): void {
  const quota = Math.floor(partitionCount / members.length);
  let extraCount = partitionCount % members.length;
  const kept = new Set<number>();
  const unfilled: Unfilled[] = [];
  const give = (memberId: string, partition: number) => {
    const ofMember = assignment.get(memberId) ?? new Map<Uuid, Set<number>>();
    assignment.set(memberId, ofMember);
    addPartition(ofMember, topicId, partition);
  };
  for (const { memberId, assigned } of members) {
    const current = [...(assigned.get(topicId) ?? [])].sort((a, b) => a - b);
    const remaining = quota - current.length;
    const keeps = current.slice(0, quota);
    const extra = current[quota];
    if (remaining < 0 && extraCount > 0 && extra !== undefined) {
      extraCount--;
      keeps.push(extra);
    } else unfilled.push({ memberId, remaining });
    for (const partition of keeps) {
      kept.add(partition);
      give(memberId, partition);
    }
  }
  const free: number[] = [];
  for (let partition = 0; partition < partitionCount; partition++) {
    if (!kept.has(partition)) free.push(partition);
  }
  let next = 0;
  for (const { memberId, remaining } of unfilled) {
    let wanted = remaining;
    if (extraCount > 0) {
      wanted++;
      extraCount--;
    }
    for (; wanted > 0; wanted--) {
      const partition = free[next++];
      if (partition !== undefined) give(memberId, partition);
    }
  }
}

export const rangeAssignor: Assignor = {
  name: 'range',
  assign({ members, topics }: AssignmentSpec): GroupAssignment {
    const byTopic = new Map<Uuid, AssignedMember[]>();
    for (const member of members) {
      for (const topicId of member.subscribedTopicIds) {
        const subscribers = byTopic.get(topicId);
        if (subscribers === undefined) byTopic.set(topicId, [member]);
        else subscribers.push(member);
      }
    }
    const assignment: GroupAssignment = new Map();
    for (const [topicId, subscribers] of byTopic) {
      const partitionCount = topics.get(topicId)?.partitionCount ?? 0;
      assignTopic(assignment, topicId, partitionCount, subscribers);
    }
    return assignment;
  },
};
