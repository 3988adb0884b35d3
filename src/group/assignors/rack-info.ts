/**
 * Where members and partitions stand, and whether that is to be heeded (RackInfo in AbstractUniformAssignmentBuilder).
 *
 * Racks count when some member's rack has replicas and not every partition is in the same racks.
 */
import type { Uuid } from '../../../protocol/uuid.ts';
import { javaHashCode } from '../partition-for.ts';
import type {
  AssignedMember,
  AssignmentSpec,
  GroupAssignment,
  PartitionTable,
  TopicPartition,
} from './assignor.ts';
import { copiedCapacity, hashOrder, uuidRanks } from './java-order.ts';

function membersByRackOf(members: readonly AssignedMember[]): Map<string, string[]> {
  const byRack = new Map<string, string[]>();
  for (const { memberId, rackId } of members) {
    if (rackId === null || rackId === '') continue;
    const ofRack = byRack.get(rackId);
    if (ofRack === undefined) byRack.set(rackId, [memberId]);
    else ofRack.push(memberId);
  }
  return byRack;
}

/** Whether racks can make a difference: useRackAwareAssignment. */
function isWorthwhile(
  memberRacks: Iterable<string>,
  allRacks: ReadonlySet<string>,
  racksOf: ReadonlyMap<TopicPartition, readonly string[]>,
): boolean {
  if (![...memberRacks].some((rack) => allRacks.has(rack))) return false;
  for (const racks of racksOf.values()) if (racks.length !== allRacks.size) return true;
  return false;
}

export function assignmentSize(assignment: GroupAssignment, memberId: string): number {
  let size = 0;
  for (const partitions of assignment.get(memberId)?.values() ?? []) size += partitions.size;
  return size;
}

export class RackInfo {
  readonly isUsed: boolean;
  readonly #rackOfMember = new Map<string, string>();
  readonly #racksOf = new Map<TopicPartition, readonly string[]>();
  readonly #membersNear = new Map<TopicPartition, string[]>();
  readonly #rankOf: ReadonlyMap<Uuid, number>;

  constructor({ members, topics }: AssignmentSpec, topicIds: readonly Uuid[], table: PartitionTable) {
    this.#rankOf = uuidRanks(topicIds);
    const byRack = membersByRackOf(members);
    const allRacks = new Set<string>();
    if (byRack.size > 0) {
      for (const topicId of topicIds) {
        for (const partition of table.of(topicId)) {
          const known = topics.get(topicId)?.racks.get(partition.partition) ?? [];
          const racks = hashOrder(new Set(known), javaHashCode, copiedCapacity);
          this.#racksOf.set(partition, racks);
          for (const rack of racks) allRacks.add(rack);
        }
      }
    }
    this.isUsed = isWorthwhile(byRack.keys(), allRacks, this.#racksOf);
    if (!this.isUsed) return;
    for (const [rack, ofRack] of byRack)
      for (const memberId of ofRack) this.#rackOfMember.set(memberId, rack);
    for (const [partition, racks] of this.#racksOf) {
      this.#membersNear.set(partition, [...new Set(racks.flatMap((rack) => byRack.get(rack) ?? []))]);
    }
  }

  rackOf(memberId: string): string | undefined {
    return this.#rackOfMember.get(memberId);
  }

  racksOf(partition: TopicPartition): readonly string[] {
    return this.#racksOf.get(partition) ?? [];
  }

  /** Whether the member is far from the partition, or either's place is not known. */
  isMismatch(memberId: string, partition: TopicPartition): boolean {
    const rack = this.rackOf(memberId);
    return rack === undefined || !this.racksOf(partition).includes(rack);
  }

  /** Those that have members near them, the ones with the fewest first. */
  sortByMembersNear(partitions: Iterable<TopicPartition>): TopicPartition[] {
    const near = (partition: TopicPartition) => this.#membersNear.get(partition)?.length ?? 0;
    const rank = ({ topicId }: TopicPartition) => this.#rankOf.get(topicId) ?? 0;
    return [...partitions]
      .filter((partition) => near(partition) > 0)
      .sort((a, b) => near(a) - near(b) || rank(a) - rank(b) || a.partition - b.partition);
  }

  /** Members near the partition, those with the fewest partitions first. The order is kept for the next call. */
  membersNear(partition: TopicPartition, assignment: GroupAssignment): readonly string[] {
    const members = this.#membersNear.get(partition) ?? [];
    return members.sort((a, b) => assignmentSize(assignment, a) - assignmentSize(assignment, b));
  }
}
