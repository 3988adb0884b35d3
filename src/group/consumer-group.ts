/**
 * One group under the consumer protocol (KIP-848): its members, epochs, and who has which partition.
 *
 * What is always true:
 * - the state changes by `apply` alone, and is a function of the newest change of every key: replaying the records
 *   gives the same;
 * - `owners` names, for every partition that is assigned to a member or that it has yet to give up, that member;
 * - a static instance maps to the member that carries it;
 * - sessions and revocation deadlines belong to members that are there.
 *
 * Nothing here answers or writes: see consumer-heartbeat.ts. The oracle is ConsumerGroup and ConsumerGroupMember.
 */
import { unreachable } from '../../protocol/assert.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { ConsumerChange, CurrentAssignment, MemberMetadata } from './consumer-changes.ts';
import type { Deadline } from './deadlines.ts';
import type { GroupMemory } from './memory.ts';
import { costOfMember, MemberAccount } from './memory.ts';
import { GroupOffsets } from './offsets.ts';
import type { CoordinatorRecord } from './outcome.ts';
import { PartitionMap } from './partition-map.ts';
import type { Partitions, SubscriptionMetadata, TopicsView } from './topics.ts';
import { NO_PARTITIONS } from './topics.ts';

/** As Apache Kafka 3.7.0 spells them; later versions capitalize them as those of classic groups. */
export type ConsumerGroupState = 'empty' | 'assigning' | 'reconciling' | 'stable' | 'dead';

/** A static member that has left for a while keeps its partitions under this epoch. */
export const LEAVE_STATIC_MEMBER_EPOCH = -2;
export const LEAVE_MEMBER_EPOCH = -1;

/** What has to wait while the fate of a write of the group is open. */
export interface QueuedAction {
  /** True when it can't share a write with others: the end of the group. */
  readonly isExclusive: boolean;
  /** Does its part as if the group were just met: looks everything up anew. */
  run(): void;
  refuse(errorCode: number): void;
}

/** What several actions of a group write together. */
export interface Batch {
  readonly records: CoordinatorRecord[];
  bytes: number;
  /** The newest last; applied in reverse they take everything back. */
  readonly inverses: ConsumerChange[];
  readonly settles: ((errorCode: number) => void)[];
  /** Takes back what is not in changes. */
  readonly reverts: (() => void)[];
}

export interface Revocation {
  readonly deadline: Deadline;
  /** It is for a member of this epoch. */
  readonly memberEpoch: number;
}

const NO_ASSIGNMENT: CurrentAssignment = {
  memberEpoch: 0,
  previousMemberEpoch: 0,
  targetMemberEpoch: 0,
  assigned: NO_PARTITIONS,
  pendingRevocation: NO_PARTITIONS,
  pendingAssignment: NO_PARTITIONS,
};

const NO_METADATA: SubscriptionMetadata = new Map();

export class ConsumerGroup {
  readonly type = 'consumer';
  readonly groupId: string;
  readonly offsets: GroupOffsets;
  groupEpoch = 0;
  assignmentEpoch = 0;
  subscriptionMetadata: SubscriptionMetadata = NO_METADATA;
  readonly members = new Map<string, MemberMetadata>();
  readonly #targets = new Map<string, Partitions>();
  readonly #currents = new Map<string, CurrentAssignment>();
  readonly staticMembers = new Map<string, string>();
  readonly owners = new PartitionMap<string>();
  readonly #subscriberCounts = new Map<string, number>();

  // What is not in records.
  readonly sessions = new Map<string, Deadline>();
  readonly revocations = new Map<string, Revocation>();
  /** The image that the subscription metadata was last compared with. */
  seenTopics: TopicsView | null = null;
  /** What the members' expressions matched then. */
  resolved: ReadonlyMap<string, ReadonlySet<string>> | null = null;
  /** While a write is on its way, what has to wait for its fate. */
  readonly queue: QueuedAction[] = [];
  batch: Batch | null = null;
  isWriting = false;
  /** Whoever waited for the write was told that it takes too long. */
  isOverdue = false;
  /** Its removal is on its way. */
  isDead = false;
  /** As committed, for lists; null when nothing of the group is committed yet. */
  listedState: ConsumerGroupState | null = null;

  /** What the members are counted with. */
  readonly account: MemberAccount;

  constructor(groupId: string, memory: GroupMemory, offsets = new GroupOffsets()) {
    this.groupId = groupId;
    this.account = new MemberAccount(memory);
    this.offsets = offsets;
  }

  get state(): ConsumerGroupState {
    if (this.isDead) return 'dead';
    if (this.members.size === 0) return 'empty';
    if (this.groupEpoch > this.assignmentEpoch) return 'assigning';
    for (const memberId of this.members.keys()) {
      if (!isReconciled(this.current(memberId), this.assignmentEpoch)) return 'reconciling';
    }
    return 'stable';
  }

  /** Nothing that records would tell. */
  get isHollow(): boolean {
    return this.members.size === 0 && this.groupEpoch === 0 && this.#currents.size + this.#targets.size === 0;
  }

  current(memberId: string): CurrentAssignment {
    return this.#currents.get(memberId) ?? NO_ASSIGNMENT;
  }

  /** Null when none was ever computed. */
  target(memberId: string): Partitions | null {
    return this.#targets.get(memberId) ?? null;
  }

  /** Members with a target, be they members still or not. */
  get targetMembers(): Iterable<string> {
    return this.#targets.keys();
  }

  /** Names that members gave, not those that match their expressions. */
  get subscribedTopicNames(): Iterable<string> {
    return this.#subscriberCounts.keys();
  }

  isSubscribedTo(topic: string): boolean {
    if (this.#subscriberCounts.has(topic)) return true;
    for (const { subscribedTopicRegex } of this.members.values()) {
      if (subscribedTopicRegex !== null && subscribedTopicRegex !== '')
        return this.subscriptionMetadata.has(topic);
    }
    return false;
  }

  // Changes ----------------------------------------------------------------------------------------------------

  /** Applies a change and returns the one that takes it back. */
  apply(change: ConsumerChange): ConsumerChange {
    switch (change.type) {
      case 'groupEpoch': {
        const before = this.groupEpoch;
        this.groupEpoch = change.value ?? 0;
        return { type: 'groupEpoch', value: before };
      }
      case 'assignmentEpoch': {
        const before = this.assignmentEpoch;
        this.assignmentEpoch = change.value ?? 0;
        return { type: 'assignmentEpoch', value: before };
      }
      case 'subscriptionMetadata': {
        const before = this.subscriptionMetadata;
        this.subscriptionMetadata = change.value ?? NO_METADATA;
        return { type: 'subscriptionMetadata', value: before };
      }
      case 'member':
        return this.#applyMember(change.memberId, change.value);
      case 'target': {
        const { memberId, value } = change;
        const before = this.#targets.get(memberId) ?? null;
        if (value === null) this.#targets.delete(memberId);
        else this.#targets.set(memberId, value);
        return { type: 'target', memberId, value: before };
      }
      case 'current':
        return this.#applyCurrent(change.memberId, change.value);
      default:
        return unreachable(change);
    }
  }

  #applyMember(memberId: string, value: MemberMetadata | null): ConsumerChange {
    const before = this.members.get(memberId) ?? null;
    if (before !== null) {
      this.#countSubscribers(before, -1);
      this.account.add(-costOf(memberId, before));
      const { instanceId } = before;
      if (instanceId !== null && this.staticMembers.get(instanceId) === memberId)
        this.staticMembers.delete(instanceId);
    }
    if (value === null) this.members.delete(memberId);
    else {
      this.members.set(memberId, value);
      this.#countSubscribers(value, 1);
      this.account.add(costOf(memberId, value));
      if (value.instanceId !== null) this.staticMembers.set(value.instanceId, memberId);
    }
    return { type: 'member', memberId, value: before };
  }

  #countSubscribers({ subscribedTopicNames }: MemberMetadata, by: 1 | -1): void {
    for (const name of subscribedTopicNames) {
      const count = (this.#subscriberCounts.get(name) ?? 0) + by;
      if (count === 0) this.#subscriberCounts.delete(name);
      else this.#subscriberCounts.set(name, count);
    }
  }

  #applyCurrent(memberId: string, value: CurrentAssignment | null): ConsumerChange {
    const before = this.#currents.get(memberId) ?? null;
    if (before !== null) {
      this.#disown(memberId, before.assigned);
      this.#disown(memberId, before.pendingRevocation);
    }
    if (value === null) this.#currents.delete(memberId);
    else {
      this.#currents.set(memberId, value);
      this.#own(memberId, value.assigned);
      this.#own(memberId, value.pendingRevocation);
    }
    return { type: 'current', memberId, value: before };
  }

  #own(memberId: string, partitions: Partitions): void {
    for (const [topicId, ofTopic] of partitions) {
      for (const partition of ofTopic) this.owners.set(topicId, partition, memberId);
    }
  }

  #disown(memberId: string, partitions: Partitions): void {
    for (const [topicId, ofTopic] of partitions) {
      for (const partition of ofTopic) {
        if (this.owners.get(topicId, partition) === memberId) this.owners.delete(topicId, partition);
      }
    }
  }

  isOwned(topicId: Uuid, partition: number): boolean {
    return this.owners.has(topicId, partition);
  }

  /** What was seen of topics is forgotten with what was written about it, and looked at again. */
  forgetTopics(): void {
    this.seenTopics = null;
    this.resolved = null;
  }

  /** What was compacted down to a part is of no use: a member without its own record. */
  dropIncomplete(): void {
    for (const memberId of [...this.#currents.keys()]) {
      if (!this.members.has(memberId)) this.#applyCurrent(memberId, null);
    }
    for (const memberId of [...this.#targets.keys()]) {
      if (!this.members.has(memberId)) this.#targets.delete(memberId);
    }
  }
}

/** What a member is counted with: see memory.ts. */
export function costOf(memberId: string, member: MemberMetadata): number {
  const { clientId, instanceId, rackId, subscribedTopicNames, subscribedTopicRegex } = member;
  let count = memberId.length + clientId.length + (instanceId?.length ?? 0) + (rackId?.length ?? 0);
  count += subscribedTopicRegex?.length ?? 0;
  for (const name of subscribedTopicNames) count += name.length;
  return costOfMember(count, 0);
}

/** Whether the member has all that it is to have by the target of that epoch. A static member that is away may. */
function isReconciled(current: CurrentAssignment, assignmentEpoch: number): boolean {
  return (
    current.targetMemberEpoch === assignmentEpoch &&
    current.pendingRevocation.size === 0 &&
    current.pendingAssignment.size === 0
  );
}
