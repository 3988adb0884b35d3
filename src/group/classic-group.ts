/**
 * One group under the classic protocol: its state, members and votes; and one of its members.
 *
 * What is always true:
 * - `awaitingJoinCount` is the number of members with a parked JoinGroup;
 * - `#votes` counts, for every protocol name, the members that support it;
 * - a static instance maps to a member that carries it, and each member with an instance is mapped;
 * - a pending member (one that was given an id and has not joined with it) is no member;
 * - a group that has no members has no leader.
 *
 * Nothing here answers, writes or sets deadlines: see rebalance.ts. The oracle is GroupMetadata.scala.
 */
import { assert } from '../../protocol/assert.ts';
import type { Deadline } from './deadlines.ts';
import type { GroupMemory } from './memory.ts';
import { costOfMember, MemberAccount } from './memory.ts';
import type { DepartedMember, Departure } from './notes.ts';
import { NOTED_MEMBERS_MAX } from './notes.ts';
import { GroupOffsets } from './offsets.ts';
import type { GroupMetadata } from './records.ts';
import { subscribedTopics } from './records.ts';

/** As DescribeGroups and ListGroups spell them. */
export type GroupState = 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead' | 'Empty';

export interface Protocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** A parked JoinGroup or SyncGroup. */
export interface Ticket {
  readonly token: number;
  readonly version: number;
}

export interface Member {
  memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly Protocol[];
  assignment: Buffer;
  /** Written by the group only, which counts them. */
  readonly awaitingJoin: Ticket | null;
  awaitingSync: Ticket | null;
  /** Until its first join completes: it can't heartbeat yet, and its session is the limit of that join. */
  isNew: boolean;
  readonly session: Deadline;
}

/** The wait for members to join: the first rebalance of an empty group is stretched while new ones arrive. */
export type JoinPhase =
  | { readonly type: 'initial'; readonly delayMs: number; readonly remainingMs: number }
  | { readonly type: 'rebalance' };

const validPreviousStates: Readonly<Record<GroupState, readonly GroupState[]>> = {
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
  Empty: ['PreparingRebalance'],
};

export class ClassicGroup {
  readonly type = 'classic';
  readonly groupId: string;
  readonly offsets: GroupOffsets;
  readonly members = new Map<string, Member>();
  /** Static instance to member id. */
  readonly staticMembers = new Map<string, string>();
  readonly pendingMembers = new Map<string, Deadline>();
  /** Members of the current generation whose SyncGroup has not come. */
  readonly pendingSyncMembers = new Set<string>();
  generationId = 0;
  protocolType: string | null = null;
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** When the group entered its state; null if it was read from a record that did not say. */
  stateTimestampMs: number | null;
  /** Topics of all members, or null when they can't be known. */
  subscribed: ReadonlySet<string> | null = null;
  newMemberAdded = false;
  joinPhase: JoinPhase | null = null;
  readonly joinDeadline: Deadline;
  readonly syncDeadline: Deadline;
  /** The generation whose assignment is on its way to the log, or null. */
  generationBeingStored: number | null = null;
  /** For notes: who came and went since the last generation, and when the state was entered. */
  joined: string[] = [];
  left: DepartedMember[] = [];
  stateEnteredMs = 0;
  #state: GroupState;
  #awaitingJoinCount = 0;
  readonly #votes = new Map<string, number>();
  /** What the members are counted with. */
  readonly account: MemberAccount;

  constructor(
    groupId: string,
    parts: {
      state: GroupState;
      stateTimestampMs: number | null;
      joinDeadline: Deadline;
      syncDeadline: Deadline;
      memory: GroupMemory;
      offsets?: GroupOffsets;
    },
  ) {
    this.groupId = groupId;
    this.offsets = parts.offsets ?? new GroupOffsets();
    this.account = new MemberAccount(parts.memory);
    this.#state = parts.state;
    this.stateTimestampMs = parts.stateTimestampMs;
    this.joinDeadline = parts.joinDeadline;
    this.syncDeadline = parts.syncDeadline;
  }

  get state(): GroupState {
    return this.#state;
  }

  get awaitingJoinCount(): number {
    return this.#awaitingJoinCount;
  }

  get canRebalance(): boolean {
    return validPreviousStates.PreparingRebalance.includes(this.#state);
  }

  get hasAllMembersJoined(): boolean {
    return this.members.size === this.#awaitingJoinCount && this.pendingMembers.size === 0;
  }

  /** Whether there is nothing in it, and never was anything in the log. */
  get isHollow(): boolean {
    return (
      this.#state === 'Empty' &&
      this.generationId === 0 &&
      this.members.size === 0 &&
      this.pendingMembers.size === 0 &&
      this.offsets.isEmpty
    );
  }

  /** The longest that any member wants to be waited for. */
  get rebalanceTimeoutMs(): number {
    let longestMs = 0;
    for (const member of this.members.values()) longestMs = Math.max(longestMs, member.rebalanceTimeoutMs);
    return longestMs;
  }

  /** Whether the group is known to be consumed by members that speak the consumer's protocol. */
  get isConsumerGroup(): boolean {
    return this.protocolType === 'consumer';
  }

  transitionTo(state: GroupState, wallMs: number | null): void {
    assert(
      validPreviousStates[state].includes(this.#state),
      'A group changes its state along the known ways only.',
    );
    this.#state = state;
    this.stateTimestampMs = wallMs;
  }

  /** The removal of an empty group could not be written: it is what it was. */
  revive(): void {
    assert(this.#state === 'Dead', 'Only a dead group is revived.');
    this.#state = 'Empty';
  }

  member(memberId: string): Member {
    const member = this.members.get(memberId);
    assert(member !== undefined, 'The member was looked up before.');
    return member;
  }

  add(member: Member, awaitingJoin: Ticket | null): void {
    if (member.groupInstanceId !== null) {
      assert(!this.staticMembers.has(member.groupInstanceId), 'A static instance joins once.');
      this.staticMembers.set(member.groupInstanceId, member.memberId);
    }
    this.leaderId ??= member.memberId;
    this.members.set(member.memberId, member);
    this.account.add(costOf(member));
    this.#countVotes(member, 1);
    this.awaitJoin(member, awaitingJoin);
    if (this.joined.length < NOTED_MEMBERS_MAX) this.joined.push(member.memberId);
  }

  /** Takes a member out. Its deadline and parked requests are the caller's. */
  remove(memberId: string, why: Departure): void {
    const member = this.members.get(memberId);
    if (member !== undefined) {
      this.members.delete(memberId);
      this.account.add(-costOf(member));
      this.#countVotes(member, -1);
      if (member.awaitingJoin !== null) this.#awaitingJoinCount--;
      if (member.groupInstanceId !== null) this.staticMembers.delete(member.groupInstanceId);
      this.noteDeparture(memberId, why);
    }
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? null;
    this.pendingSyncMembers.delete(memberId);
  }

  noteDeparture(memberId: string, why: Departure): void {
    if (this.left.length < NOTED_MEMBERS_MAX) this.left.push({ memberId, why });
  }

  /** Parks a JoinGroup with the member, or (null) none. The ticket that was there is the caller's to answer. */
  awaitJoin(member: Member, ticket: Ticket | null): void {
    if (member.awaitingJoin !== null) this.#awaitingJoinCount--;
    (member as { awaitingJoin: Ticket | null }).awaitingJoin = ticket;
    if (ticket !== null) this.#awaitingJoinCount++;
  }

  update(
    member: Member,
    to: { protocols: readonly Protocol[]; rebalanceTimeoutMs: number; sessionTimeoutMs: number },
  ): void {
    this.#countVotes(member, -1);
    this.account.add(-costOf(member));
    member.protocols = to.protocols;
    this.account.add(costOf(member));
    this.#countVotes(member, 1);
    member.rebalanceTimeoutMs = to.rebalanceTimeoutMs;
    member.sessionTimeoutMs = to.sessionTimeoutMs;
  }

  /** Gives a static member a new id and leaves all else as it is. Its parked requests are the caller's. */
  replaceStaticMember(member: Member, newMemberId: string): void {
    const oldMemberId = member.memberId;
    assert(member.groupInstanceId !== null, 'Only a static member is replaced.');
    this.members.delete(oldMemberId);
    this.account.add(-costOf(member));
    member.memberId = newMemberId;
    this.account.add(costOf(member));
    this.members.set(newMemberId, member);
    if (this.leaderId === oldMemberId) this.leaderId = newMemberId;
    if (this.pendingSyncMembers.delete(oldMemberId)) this.pendingSyncMembers.add(newMemberId);
    this.staticMembers.set(member.groupInstanceId, newMemberId);
  }

  /** See GroupMetadata.supportsProtocols. */
  supportsProtocols(protocolType: string, protocols: readonly Protocol[]): boolean {
    if (this.#state === 'Empty') return protocolType !== '' && protocols.length > 0;
    if (this.protocolType !== protocolType) return false;
    return protocols.some(({ name }) => (this.#votes.get(name) ?? 0) === this.members.size);
  }

  /**
   * The protocol that all members support and most prefer; of equals the one that the earliest member prefers.
   */
  selectProtocol(): string {
    const counts = new Map<string, number>();
    for (const member of this.members.values()) {
      const favourite = member.protocols.find(({ name }) => this.#votes.get(name) === this.members.size);
      assert(favourite !== undefined, 'The members of a group have a protocol in common.');
      counts.set(favourite.name, (counts.get(favourite.name) ?? 0) + 1);
    }
    let selected: string | null = null;
    let most = 0;
    for (const [name, count] of counts) {
      if (count <= most) continue;
      selected = name;
      most = count;
    }
    assert(selected !== null, 'A group that selects a protocol has members.');
    return selected;
  }

  /**
   * Sees to it that the leader is one of those that joined. False when the group has no leader, which is when it
   * is empty, or nobody joined.
   */
  electJoinedLeader(): boolean {
    if (this.leaderId === null) return false;
    if (this.member(this.leaderId).awaitingJoin !== null) return true;
    for (const member of this.members.values()) {
      if (member.awaitingJoin === null) continue;
      this.leaderId = member.memberId;
      return true;
    }
    return false;
  }

  /** Begins the next generation: of the members that there are, or an empty one. */
  initNextGeneration(wallMs: number): void {
    this.generationId++;
    this.protocolName = this.members.size > 0 ? this.selectProtocol() : null;
    this.#computeSubscribed();
    this.transitionTo(this.members.size > 0 ? 'CompletingRebalance' : 'Empty', wallMs);
    this.pendingSyncMembers.clear();
  }

  /** Whether offsets of the topic may be in use: yes also when nobody can know. */
  isSubscribedTo(topic: string): boolean {
    return this.subscribed === null || this.subscribed.has(topic);
  }

  /** Takes members and generation from a record; offsets stay. Members get no session yet. */
  restore(metadata: GroupMetadata, newSession: (member: () => Member) => Deadline): void {
    this.clearMembership();
    this.#state = metadata.members.length === 0 ? 'Empty' : 'Stable';
    this.generationId = metadata.generation;
    this.protocolType = metadata.protocolType === '' ? null : metadata.protocolType;
    this.protocolName = metadata.protocol;
    this.stateTimestampMs = metadata.currentStateTimestamp === -1 ? null : metadata.currentStateTimestamp;
    for (const stored of metadata.members) {
      const member: Member = {
        memberId: stored.memberId,
        groupInstanceId: stored.groupInstanceId,
        clientId: stored.clientId,
        clientHost: stored.clientHost,
        rebalanceTimeoutMs: stored.rebalanceTimeout,
        sessionTimeoutMs: stored.sessionTimeout,
        protocols: [{ name: metadata.protocol ?? '', metadata: stored.subscription }],
        assignment: stored.assignment,
        awaitingJoin: null,
        awaitingSync: null,
        isNew: false,
        session: newSession(() => member),
      };
      this.add(member, null);
    }
    if (metadata.leader !== null && this.members.has(metadata.leader)) this.leaderId = metadata.leader;
    this.joined = [];
    this.#computeSubscribed();
  }

  /** Back to a group that only stores offsets. */
  clearMembership(): void {
    this.members.clear();
    this.account.clear();
    this.staticMembers.clear();
    this.#votes.clear();
    this.#awaitingJoinCount = 0;
    this.#state = 'Empty';
    this.generationId = 0;
    this.protocolType = null;
    this.protocolName = null;
    this.leaderId = null;
    this.subscribed = null;
  }

  #countVotes(member: Member, by: 1 | -1): void {
    for (const name of new Set(member.protocols.map((protocol) => protocol.name))) {
      const count = (this.#votes.get(name) ?? 0) + by;
      if (count === 0) this.#votes.delete(name);
      else this.#votes.set(name, count);
    }
  }

  #computeSubscribed(): void {
    this.subscribed = null;
    if (!this.isConsumerGroup) return;
    const { protocolName } = this;
    const topics = new Set<string>();
    if (this.members.size > 0) {
      if (protocolName === null) return;
      for (const member of this.members.values()) {
        const ofMember = subscribedTopics(metadataOf(member, protocolName));
        if (ofMember === null) return;
        for (const topic of ofMember) topics.add(topic);
      }
    }
    this.subscribed = topics;
  }
}

/** What a member is counted with: see memory.ts. The assignment is its leader's, and as large as a record may be. */
export function costOf({
  memberId,
  groupInstanceId,
  clientId,
  protocols,
}: Pick<Member, 'memberId' | 'groupInstanceId' | 'clientId' | 'protocols'>): number {
  let metadataBytes = 0;
  for (const { metadata } of protocols) metadataBytes += metadata.length;
  return costOfMember(memberId.length + clientId.length + (groupInstanceId?.length ?? 0), metadataBytes);
}

/** What the member said under the given protocol. */
export function metadataOf(member: Member, protocolName: string): Buffer {
  const protocol = member.protocols.find(({ name }) => name === protocolName);
  assert(protocol !== undefined, 'A member supports the protocol that its group has selected.');
  return protocol.metadata;
}

/** Whether a rejoining member says what it said before: see MemberMetadata.matches. */
export function saysTheSame(member: Member, protocols: readonly Protocol[]): boolean {
  if (protocols.length !== member.protocols.length) return false;
  return protocols.every((protocol, i) => {
    const before = member.protocols[i];
    return before !== undefined && before.name === protocol.name && before.metadata.equals(protocol.metadata);
  });
}
