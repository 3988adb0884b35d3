/**
 * The uniform assignor of Kafka 3.7 (UniformAssignor): partitions of all topics are shared out so that no member has
 * more than one more than another, and as few as may be move.
 *
 * This file is for members that are all subscribed to the same topics (OptimizedUniformAssignmentBuilder); the
 * others are in uniform-general.ts.
 */
import type { Uuid } from '../../../protocol/uuid.ts';
import { addPartition } from '../topics.ts';
import type {
  AssignedMember,
  AssignmentSpec,
  Assignor,
  GroupAssignment,
  TopicPartition,
} from './assignor.ts';
import { AssignorError, PartitionTable } from './assignor.ts';
import { compareUuids, copiedCapacity, hashOrder, stringOrder, uuidHashCode } from './java-order.ts';
import { RackInfo } from './rack-info.ts';
import { assignGeneral } from './uniform-general.ts';

class HomogeneousBuilder {
  readonly #members: readonly AssignedMember[];
  readonly #topicIds: ReadonlySet<Uuid>;
  readonly #table: PartitionTable;
  readonly #racks: RackInfo;
  readonly #assignment: GroupAssignment = new Map();
  readonly #unassigned: Set<TopicPartition>;
  /** Members that may get more: what each lacks to the least. */
  readonly #unfilled = new Map<string, number>();
  /** Of partitions that were not kept because they are far from their owner, the owner. */
  readonly #formerOwners = new Map<TopicPartition, string>();
  #extraCount: number;
  readonly #quota: number;

  constructor(spec: AssignmentSpec, topicIds: ReadonlySet<Uuid>) {
    this.#members = spec.members;
    this.#topicIds = topicIds;
    this.#table = new PartitionTable(
      [...spec.topics.values()].filter(({ topicId }) => topicIds.has(topicId)),
    );
    this.#racks = new RackInfo(spec, [...topicIds], this.#table);
    this.#unassigned = new Set(this.#table.all());
    this.#quota = Math.floor(this.#unassigned.size / this.#members.length);
    this.#extraCount = this.#unassigned.size % this.#members.length;
  }

  build(): GroupAssignment {
    for (const { memberId } of this.#members) this.#assignment.set(memberId, new Map());
    for (const member of this.#members) this.#keepOfMember(member);
    if (this.#racks.isUsed) this.#assignNear();
    this.#assignRoundRobin();
    if (this.#unassigned.size > 0) throw new AssignorError('Partitions were left unassigned');
    return this.#assignment;
  }

  #keepOfMember(member: AssignedMember): void {
    const { memberId } = member;
    const current = this.#validAssignment(member);
    const remaining = this.#quota - current.length;
    let keptCount = Math.min(current.length, this.#quota);
    if (remaining < 0 && this.#extraCount > 0) {
      keptCount++;
      this.#extraCount--;
    }
    for (const partition of current.slice(0, keptCount)) this.#give(memberId, partition);
    if (remaining >= 0) this.#unfilled.set(memberId, remaining);
  }

  /** What the member has and may keep. */
  #validAssignment({ memberId, assigned }: AssignedMember): TopicPartition[] {
    const valid: TopicPartition[] = [];
    for (const topicId of hashOrder(assigned.keys(), uuidHashCode)) {
      if (!this.#topicIds.has(topicId)) continue;
      for (const index of hashOrder(assigned.get(topicId) ?? [], (value) => value, copiedCapacity)) {
        const partition = this.#table.find(topicId, index);
        if (partition === undefined) continue;
        if (this.#racks.isUsed && this.#racks.isMismatch(memberId, partition))
          this.#formerOwners.set(partition, memberId);
        else valid.push(partition);
      }
    }
    return valid;
  }

  #assignNear(): void {
    for (const partition of this.#racks.sortByMembersNear(this.#unassigned)) {
      for (const memberId of this.#racks.membersNear(partition, this.#assignment)) {
        if (this.#unfilled.has(memberId) && this.#maybeGive(memberId, partition)) break;
      }
    }
  }

  #assignRoundRobin(): void {
    let turns = stringOrder(this.#unfilled.keys());
    const sorted = [...this.#topicIds].sort(compareUuids).flatMap((topicId) => this.#table.of(topicId));
    for (const partition of sorted) {
      if (!this.#unassigned.has(partition)) continue;
      let isAssigned = false;
      const formerOwner = this.#formerOwners.get(partition);
      if (formerOwner !== undefined && this.#unfilled.has(formerOwner)) {
        isAssigned = this.#maybeGive(formerOwner, partition);
        if (!this.#unfilled.has(formerOwner)) turns = turns.filter((memberId) => memberId !== formerOwner);
      }
      for (let i = 0; i < turns.length && !isAssigned; i++) {
        const memberId = turns.shift() ?? '';
        if (this.#unfilled.has(memberId)) isAssigned = this.#maybeGive(memberId, partition);
        if (this.#unfilled.has(memberId)) turns.push(memberId);
      }
    }
  }

  /** Each gets the least that all get, and then one more as long as there are such. */
  #maybeGive(memberId: string, partition: TopicPartition): boolean {
    const remaining = this.#unfilled.get(memberId) ?? 0;
    if (remaining > 0) {
      if (remaining === 1 && this.#extraCount === 0) this.#unfilled.delete(memberId);
      else this.#unfilled.set(memberId, remaining - 1);
    } else if (this.#extraCount > 0) {
      this.#extraCount--;
      this.#unfilled.delete(memberId);
    } else return false;
    this.#give(memberId, partition);
    return true;
  }

  #give(memberId: string, partition: TopicPartition): void {
    const ofMember = this.#assignment.get(memberId);
    if (ofMember !== undefined) addPartition(ofMember, partition.topicId, partition.partition);
    this.#unassigned.delete(partition);
  }
}

export const uniformAssignor: Assignor = {
  name: 'uniform',
  assign(spec: AssignmentSpec): GroupAssignment {
    const [first, ...others] = spec.members;
    if (first === undefined) return new Map();
    const topicIds = first.subscribedTopicIds;
    const isHomogeneous = others.every(
      ({ subscribedTopicIds }) =>
        subscribedTopicIds.size === topicIds.size && [...subscribedTopicIds].every((id) => topicIds.has(id)),
    );
    if (!isHomogeneous) return assignGeneral(spec);
    return topicIds.size === 0 ? new Map() : new HomogeneousBuilder(spec, topicIds).build();
  },
};
