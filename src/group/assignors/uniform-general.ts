/**
 * The uniform assignor for members with different subscriptions (GeneralUniformAssignmentBuilder of Kafka 3.7):
 * keep all, hand out the rest to whoever has least, then move partitions until no move helps.
 *
 * What is always true: `#sorted` holds the members that can take more, fewest partitions first, then by id; a
 * member is taken out before the number of its partitions changes and put back after.
 * Where Kafka's would fail (a partition that nobody can take over or that moves twice, members without a
 * subscription), or give a partition to a member near it that is not subscribed, this leaves things be.
 */
import type { Uuid } from '../../../protocol/uuid.ts';
import { addPartition } from '../topics.ts';
import type { AssignedMember, AssignmentSpec, GroupAssignment, TopicPartition } from './assignor.ts';
import { AssignorError, PartitionTable } from './assignor.ts';
import { copiedCapacity, hashOrder, topicPartitionHashCode, uuidHashCode } from './java-order.ts';
import { PartitionMovements } from './partition-movements.ts';
import { RackInfo } from './rack-info.ts';

class GeneralBuilder {
  readonly #members = new Map<string, AssignedMember>();
  readonly #subscribers = new Map<Uuid, string[]>();
  readonly #partitionCounts = new Map<Uuid, number>();
  readonly #table: PartitionTable;
  readonly #racks: RackInfo;
  readonly #assignment: GroupAssignment = new Map();
  readonly #sizes = new Map<string, number>();
  readonly #maxSizes = new Map<string, number>();
  readonly #owners = new Map<TopicPartition, string>();
  readonly #formerOwners = new Map<TopicPartition, string>();
  readonly #kept = new Set<TopicPartition>();
  readonly #movements = new PartitionMovements();
  /** In the order in which Kafka's set of them would be walked. */
  readonly #partitions: readonly TopicPartition[];
  #sorted: string[] = [];
  /** What balancing may still move: as in Kafka, each partition once. */
  #movable = new Set<TopicPartition>();

  constructor(spec: AssignmentSpec) {
    const { members, topics } = spec;
    for (const member of members) {
      this.#members.set(member.memberId, member);
      this.#assignment.set(member.memberId, new Map());
      let maxSize = 0;
      for (const topicId of member.subscribedTopicIds) {
        const partitionCount = topics.get(topicId)?.partitionCount ?? 0;
        this.#partitionCounts.set(topicId, partitionCount);
        maxSize += partitionCount;
        const subscribers = this.#subscribers.get(topicId);
        if (subscribers === undefined) this.#subscribers.set(topicId, [member.memberId]);
        else subscribers.push(member.memberId);
      }
      this.#sizes.set(member.memberId, 0);
      this.#maxSizes.set(member.memberId, maxSize);
    }
    const subscribed = [...topics.values()].filter(({ topicId }) => this.#subscribers.has(topicId));
    this.#table = new PartitionTable(subscribed);
    this.#racks = new RackInfo(spec, [...this.#subscribers.keys()], this.#table);
    this.#partitions = this.#inHashOrder();
    this.#sorted = this.#sortBySize(this.#members.keys());
  }

  #inHashOrder(): TopicPartition[] {
    const hashes = new Map([...this.#subscribers.keys()].map((topicId) => [topicId, uuidHashCode(topicId)]));
    const hashOf = ({ topicId, partition }: TopicPartition) =>
      topicPartitionHashCode(hashes.get(topicId) ?? 0, partition);
    // Collected into one set, which is then copied into another.
    const topicIds = hashOrder(hashes.keys(), (topicId) => hashes.get(topicId) ?? 0);
    const collected = hashOrder(
      topicIds.flatMap((topicId) => this.#table.of(topicId)),
      hashOf,
    );
    return hashOrder(collected, hashOf, copiedCapacity);
  }

  build(): GroupAssignment {
    if (this.#subscribers.size === 0) return new Map();
    this.#keep();
    if (this.#racks.isUsed) this.#assignNear();
    this.#assignRest();
    if (this.#owners.size < this.#partitions.length) {
      throw new AssignorError('Some partitions were left unassigned');
    }
    this.#balance();
    return this.#assignment;
  }

  // Sizes ------------------------------------------------------------------------------------------------------

  #size(memberId: string): number {
    return this.#sizes.get(memberId) ?? 0;
  }

  #maxSize(memberId: string): number {
    return this.#maxSizes.get(memberId) ?? 0;
  }

  #compare(a: string, b: string): number {
    const difference = this.#size(a) - this.#size(b);
    if (difference !== 0) return difference;
    if (a === b) return 0;
    return a < b ? -1 : 1;
  }

  #sortBySize(memberIds: Iterable<string>): string[] {
    return [...memberIds]
      .filter((memberId) => this.#size(memberId) < this.#maxSize(memberId))
      .sort((a, b) => this.#compare(a, b));
  }

  /** Where the member is in `#sorted`, or would be. */
  #place(memberId: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#sorted[middle] ?? '', memberId) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isSorted(memberId: string): boolean {
    return this.#sorted[this.#place(memberId)] === memberId;
  }

  #unsort(memberId: string): void {
    const place = this.#place(memberId);
    if (this.#sorted[place] === memberId) this.#sorted.splice(place, 1);
  }

  #resize(memberId: string, by: 1 | -1): void {
    this.#unsort(memberId);
    const size = this.#size(memberId) + by;
    this.#sizes.set(memberId, size);
    if (size < this.#maxSize(memberId)) this.#sorted.splice(this.#place(memberId), 0, memberId);
  }

  #give(partition: TopicPartition, memberId: string): void {
    const ofMember = this.#assignment.get(memberId);
    if (ofMember !== undefined) addPartition(ofMember, partition.topicId, partition.partition);
    this.#owners.set(partition, memberId);
    this.#resize(memberId, 1);
  }

  #take(partition: TopicPartition, memberId: string): void {
    const ofMember = this.#assignment.get(memberId);
    const ofTopic = ofMember?.get(partition.topicId);
    ofTopic?.delete(partition.partition);
    if (ofTopic?.size === 0) ofMember?.delete(partition.topicId);
    this.#owners.delete(partition);
    this.#resize(memberId, -1);
  }

  #maybeGive(partition: TopicPartition, memberId: string): boolean {
    if (!this.#isSubscribed(memberId, partition)) return false;
    if (this.#size(memberId) >= this.#maxSize(memberId)) return false;
    this.#give(partition, memberId);
    return true;
  }

  #isSubscribed(memberId: string, { topicId }: TopicPartition): boolean {
    return this.#members.get(memberId)?.subscribedTopicIds.has(topicId) ?? false;
  }

  // Assigning --------------------------------------------------------------------------------------------------

  #keep(): void {
    for (const { memberId, assigned, subscribedTopicIds } of this.#members.values()) {
      for (const topicId of hashOrder(assigned.keys(), uuidHashCode)) {
        if (!subscribedTopicIds.has(topicId)) continue;
        for (const index of assigned.get(topicId) ?? []) {
          const partition = this.#table.find(topicId, index);
          // A target never has a partition twice; a damaged one must not make us count it twice.
          if (partition === undefined || this.#owners.has(partition)) continue;
          if (this.#racks.isUsed && this.#racks.isMismatch(memberId, partition)) {
            this.#formerOwners.set(partition, memberId);
          } else {
            this.#give(partition, memberId);
            this.#kept.add(partition);
          }
        }
      }
    }
  }

  #unassigned(): TopicPartition[] {
    return this.#partitions.filter((partition) => !this.#owners.has(partition));
  }

  #assignNear(): void {
    for (const partition of this.#racks.sortByMembersNear(this.#unassigned())) {
      for (const memberId of this.#racks.membersNear(partition, this.#assignment)) {
        if (this.#maybeGive(partition, memberId)) break;
      }
    }
  }

  #assignRest(): void {
    for (const partition of this.#sortPartitions(this.#unassigned())) {
      const formerOwner = this.#formerOwners.get(partition);
      if (formerOwner !== undefined && this.#maybeGive(partition, formerOwner)) continue;
      for (const memberId of this.#sortBySize(this.#subscribers.get(partition.topicId) ?? [])) {
        if (this.#maybeGive(partition, memberId)) break;
      }
    }
  }

  /** Those with the most partitions per subscriber first, then the fewest subscribers, then the lowest number. */
  #sortPartitions(partitions: readonly TopicPartition[]): TopicPartition[] {
    const subscribers = ({ topicId }: TopicPartition) => this.#subscribers.get(topicId)?.length ?? 0;
    const load = (partition: TopicPartition) =>
      (this.#partitionCounts.get(partition.topicId) ?? 0) / subscribers(partition);
    return [...partitions].sort(
      (a, b) => load(b) - load(a) || subscribers(a) - subscribers(b) || a.partition - b.partition,
    );
  }

  // Balancing --------------------------------------------------------------------------------------------------

  #balance(): void {
    const movable = this.#partitions.filter(
      ({ topicId }) => (this.#subscribers.get(topicId)?.length ?? 0) >= 2,
    );
    for (const memberId of this.#members.keys()) {
      if (!this.#canTakePart(memberId)) this.#unsort(memberId);
    }
    this.#movable = new Set(movable);
    for (let passCount = 0; passCount <= movable.length; passCount++) {
      if (this.#pass(this.#sortPartitions([...this.#movable])) === 'done') return;
    }
  }

  #canTakePart(memberId: string): boolean {
    if (this.#size(memberId) < this.#maxSize(memberId)) return true;
    for (const topicId of this.#assignment.get(memberId)?.keys() ?? []) {
      if ((this.#subscribers.get(topicId)?.length ?? 0) >= 2) return true;
    }
    return false;
  }

  #pass(partitions: readonly TopicPartition[]): 'again' | 'done' {
    let hasMoved = false;
    let hasJustMoved = false;
    for (const partition of partitions) {
      if (hasJustMoved && this.#isBalanced()) return 'done';
      hasJustMoved = this.#moveNear(partition) || this.#moveBack(partition) || this.#moveAnywhere(partition);
      hasMoved ||= hasJustMoved;
    }
    return hasMoved ? 'again' : 'done';
  }

  #isBetterOff(partition: TopicPartition, memberId: string): boolean {
    return this.#size(this.#owners.get(partition) ?? '') > this.#size(memberId) + 1;
  }

  /** To another member in one of the partition's racks, if it is in one of them now. */
  #moveNear(partition: TopicPartition): boolean {
    if (!this.#racks.isUsed) return false;
    if (this.#racks.isMismatch(this.#owners.get(partition) ?? '', partition)) return false;
    for (const memberId of this.#racks.membersNear(partition, this.#assignment)) {
      if (!this.#isSorted(memberId) || !this.#isBetterOff(partition, memberId)) continue;
      if (!this.#isSubscribed(memberId, partition)) continue;
      return this.#move(partition, memberId);
    }
    return false;
  }

  /** To the member that had it and is too far away. */
  #moveBack(partition: TopicPartition): boolean {
    const formerOwner = this.#formerOwners.get(partition);
    if (!this.#racks.isUsed || formerOwner === undefined || this.#kept.has(partition)) return false;
    return this.#isBetterOff(partition, formerOwner) && this.#move(partition, formerOwner);
  }

  #moveAnywhere(partition: TopicPartition): boolean {
    const subscribers = this.#subscribers.get(partition.topicId) ?? [];
    if (!subscribers.some((memberId) => this.#isBetterOff(partition, memberId))) return false;
    const taker = this.#sorted.find((memberId) => this.#isSubscribed(memberId, partition));
    return taker !== undefined && this.#move(partition, taker);
  }

  #move(partition: TopicPartition, memberId: string): boolean {
    const actual = this.#movements.actualPartition(partition, this.#owners.get(partition) ?? '', memberId);
    const owner = this.#owners.get(actual);
    if (owner === undefined || owner === memberId) return false;
    this.#movable.delete(actual);
    this.#movements.move(actual, owner, memberId);
    this.#take(actual, owner);
    this.#give(actual, memberId);
    return true;
  }

  #isBalanced(): boolean {
    const first = this.#sorted[0];
    const last = this.#sorted.at(-1);
    if (first === undefined || last === undefined) return true;
    if (this.#size(first) >= this.#size(last) - 1) return true;
    for (const memberId of this.#sorted) {
      if (this.#size(memberId) < this.#maxSize(memberId) && this.#couldTakeMore(memberId)) return false;
    }
    return true;
  }

  #couldTakeMore(memberId: string): boolean {
    const size = this.#size(memberId);
    for (const topicId of this.#members.get(memberId)?.subscribedTopicIds ?? []) {
      for (const partition of this.#table.of(topicId)) {
        const owner = this.#owners.get(partition) ?? memberId;
        if (owner !== memberId && size + 1 < this.#size(owner)) return true;
      }
    }
    return false;
  }
}

export const assignGeneral = (spec: AssignmentSpec): GroupAssignment => new GeneralBuilder(spec).build();
