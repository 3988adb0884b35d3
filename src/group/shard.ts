/**
 * What the rules of the group machine work on: the groups of one partition of __consumer_offsets, their
 * deadlines, and the outcome of the step under way.
 *
 * What is always true:
 * - `now` is the moment of the step under way; nothing else tells time;
 * - whoever issues a write hears of its fate once, after the fates of all writes before it that made it into
 *   the log;
 * - a producer id is in `openTransactions` with the offsets of each group that has some in the log under its open
 *   transaction; a group that changes its protocol keeps its offsets.
 */
import { assert } from '../../protocol/assert.ts';
import { NO_SEQUENCE } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Slots } from '../../protocol/slots.ts';
import type { Member, Ticket } from './classic-group.ts';
import { ClassicGroup } from './classic-group.ts';
import type { GroupConfig } from './config.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { Deadline, Deadlines } from './deadlines.ts';
import { GroupMap } from './group-map.ts';
import { costOfGroup, GroupMemory, SMALL_GROWTH_BYTES } from './memory.ts';
import type { Note } from './notes.ts';
import type { GroupOffsets } from './offsets.ts';
import type {
  Answer,
  CoordinatorRecord,
  Instant,
  Outcome,
  Responses,
  TransactionOfWrite,
  Write,
  WriteFate,
} from './outcome.ts';
import { RegexCache } from './regex/cache.ts';
import type { TopicsView } from './topics.ts';

/** A group of either protocol (KIP-848 added the second); `type` tells which. */
export type Group = ClassicGroup | ConsumerGroup;

/** Whether its removal is on its way. */
export const isDead = (group: Group): boolean =>
  group.type === 'consumer' ? group.isDead : group.state === 'Dead';

/** What is to happen when a group's own deadlines pass. */
export interface GroupExpirations {
  join(group: ClassicGroup): void;
  sync(group: ClassicGroup): void;
  session(group: ClassicGroup, member: Member): void;
  pendingMember(group: ClassicGroup, memberId: string): void;
  consumerSession(group: ConsumerGroup, memberId: string): void;
  consumerRevocation(group: ConsumerGroup, memberId: string, memberEpoch: number): void;
}

interface PendingWrite {
  /** Told once, when the fate is known or the time is up. */
  readonly settle: (fate: WriteFate) => void;
  /** What the records alone change. Kept after the time was up, since the records may still be committed. */
  readonly apply: ((baseOffset: number) => void) | null;
  /** Undoes what was done on the strength of records that never came to be; also after the time was up. */
  readonly undo: (() => void) | null;
  /** Undoes what stood for the write being on its way. */
  readonly end: (() => void) | null;
  isOverdue: boolean;
}

export class Shard {
  readonly config: GroupConfig;
  readonly #memory = new GroupMemory();
  readonly groups = new GroupMap<Group>(this.#memory);
  readonly deadlines = new Deadlines();
  /** By producer id, the offsets of groups with some in its open transaction. */
  readonly openTransactions = new Map<number, Set<GroupOffsets>>();
  readonly regexes = new RegexCache();
  /** Groups that were seen hollow, the longest so first; some may have come to something since. */
  readonly #hollow = new Set<ClassicGroup>();
  /** The newest that any command brought. */
  topics: TopicsView | null = null;
  now: Instant = { monotonicMs: 0, wallMs: 0 };
  #expirations: GroupExpirations | null = null;
  /** The last that a command made. */
  #newest: ClassicGroup | null = null;
  readonly #pendingWrites = new Slots<PendingWrite>();
  #writes: Write[] = [];
  #answers: Answer[] = [];
  #notes: Note[] = [];

  constructor(config: GroupConfig) {
    this.config = config;
  }

  set expirations(expirations: GroupExpirations) {
    this.#expirations = expirations;
  }

  get pendingWriteCount(): number {
    return this.#pendingWrites.size;
  }

  // Groups ---------------------------------------------------------------------------------------------------

  /** The group, made if it is not there; null when there is no room for another. */
  getOrCreate(groupId: string): Group | null {
    const existing = this.groups.get(groupId);
    if (existing !== undefined) return existing;
    if (!this.hasRoomFor(costOfGroup(groupId))) return null;
    this.#newest = this.createGroup(groupId);
    return this.#newest;
  }

  /** Whether so many bytes more fit, of a new group or of members of `group`. Other groups that are hollow give way. */
  hasRoomFor(bytes: number, group: Group | null = null): boolean {
    const fits = () => this.#memory.hasRoomFor(bytes, this.config.maxGroupBytes);
    for (const hollow of this.#hollow) {
      if (fits()) return true;
      if (hollow === group) continue;
      if (hollow.isHollow) this.removeGroup(hollow);
      else this.#hollow.delete(hollow);
    }
    return fits();
  }

  /**
   * Whether there is room for what a member of the group says of itself. `before` is what it is counted with, 0 for a
   * new one.
   */
  hasRoomForMember(group: Group, bytes: number, before: number): boolean {
    if (before > 0 && bytes - before <= SMALL_GROWTH_BYTES) return true;
    return this.hasRoomFor(bytes - before, group);
  }

  /** After a command: a group that was made for it is hollow when it was refused. */
  noteIfRefused(): void {
    if (this.#newest !== null) this.noteIfHollow(this.#newest);
    this.#newest = null;
  }

  /**
   * A group of which neither the log nor a client knows anything stays until the next look at retention, as Kafka's
   * does; but where there is no room it gives way, or a million names would fill the memory.
   */
  noteIfHollow(group: ClassicGroup): void {
    if (group.isHollow && this.groups.get(group.groupId) === group) this.#hollow.add(group);
  }

  /** The group if it is a classic one. */
  classicGroup(groupId: string): ClassicGroup | undefined {
    const group = this.groups.get(groupId);
    return group?.type === 'classic' ? group : undefined;
  }

  get expire(): GroupExpirations {
    assert(this.#expirations !== null, 'The rules are in place before the first group is.');
    return this.#expirations;
  }

  /** One that is not among the groups yet. */
  newConsumerGroup(groupId: string, offsets?: GroupOffsets): ConsumerGroup {
    return new ConsumerGroup(groupId, this.#memory, offsets);
  }

  createConsumerGroup(groupId: string): ConsumerGroup {
    const group = this.newConsumerGroup(groupId);
    this.groups.set(groupId, group);
    return group;
  }

  /** An empty classic group goes on under the other protocol, with its offsets. */
  convertToConsumerGroup(group: ClassicGroup): ConsumerGroup {
    const converted = this.newConsumerGroup(group.groupId, group.offsets);
    this.replaceGroup(group, converted);
    this.note({ event: 'group changed protocol', groupId: group.groupId, to: 'consumer' });
    return converted;
  }

  convertToClassicGroup(group: ConsumerGroup): ClassicGroup {
    const converted = this.createGroup(group.groupId, group.offsets);
    this.#clearDeadlines(group);
    this.note({ event: 'group changed protocol', groupId: group.groupId, to: 'classic' });
    return converted;
  }

  /** The second takes the place of the first, whose offsets it has. */
  replaceGroup(group: Group, by: Group): void {
    assert(group.members.size === 0, 'A group that is replaced has no members.');
    assert(group.offsets === by.offsets, 'A group that changes its protocol keeps its offsets.');
    this.#clearDeadlines(group);
    if (group.type === 'classic') this.#hollow.delete(group);
    this.groups.set(by.groupId, by);
  }

  #clearDeadlines(group: Group): void {
    if (group.type === 'consumer') {
      for (const session of group.sessions.values()) this.deadlines.clear(session);
      for (const { deadline } of group.revocations.values()) this.deadlines.clear(deadline);
      group.sessions.clear();
      group.revocations.clear();
      return;
    }
    for (const deadline of group.pendingMembers.values()) this.deadlines.clear(deadline);
    group.pendingMembers.clear();
    this.deadlines.clear(group.joinDeadline);
    this.deadlines.clear(group.syncDeadline);
  }

  createGroup(groupId: string, offsets?: GroupOffsets): ClassicGroup {
    const expirations = this.expire;
    const group: ClassicGroup = new ClassicGroup(groupId, {
      ...(offsets === undefined ? {} : { offsets }),
      memory: this.#memory,
      state: 'Empty',
      stateTimestampMs: this.now.wallMs,
      joinDeadline: new Deadline(() => expirations.join(group)),
      syncDeadline: new Deadline(() => expirations.sync(group)),
    });
    this.groups.set(groupId, group);
    return group;
  }

  /** Forgets a group. It has no members and nothing parked. */
  removeGroup(group: Group): void {
    assert(group.members.size === 0, 'A group that is removed has no members.');
    this.#clearDeadlines(group);
    if (group.type === 'classic') this.#hollow.delete(group);
    if (this.groups.get(group.groupId) === group) this.groups.delete(group.groupId);
    for (const [producerId, offsets] of this.openTransactions) {
      if (offsets.delete(group.offsets) && offsets.size === 0) this.openTransactions.delete(producerId);
    }
  }

  sessionOf(group: ClassicGroup, member: () => Member): Deadline {
    const expirations = this.expire;
    return new Deadline(() => expirations.session(group, member()));
  }

  pendingSessionOf(group: ClassicGroup, memberId: string): Deadline {
    const expirations = this.expire;
    return new Deadline(() => expirations.pendingMember(group, memberId));
  }

  // Output ---------------------------------------------------------------------------------------------------

  /** `type` says which command is answered; it exists for the compiler. */
  answer<T extends keyof Responses>(_type: T, ticket: Ticket | number, response: Responses[T]): void {
    this.#answers.push({ token: typeof ticket === 'number' ? ticket : ticket.token, response });
  }

  note(note: Note): void {
    this.#notes.push(note);
  }

  /** Gives the id of the write, which is appended after all that were issued before. */
  write(
    records: readonly CoordinatorRecord[],
    then: {
      settle: (fate: WriteFate) => void;
      apply?: (baseOffset: number) => void;
      undo?: () => void;
      end?: () => void;
    },
    transaction: TransactionOfWrite | null = null,
    baseSequence = NO_SEQUENCE,
  ): number {
    assert(records.length > 0, 'A write has records.');
    const { settle, apply = null, undo = null, end = null } = then;
    const id = this.#pendingWrites.put({ settle, apply, undo, end, isOverdue: false });
    this.#writes.push({ id, records, transaction, baseSequence, timeoutMs: null });
    return id;
  }

  take(): Outcome {
    const outcome: Outcome = { writes: this.#writes, answers: this.#answers, notes: this.#notes };
    this.#writes = [];
    this.#answers = [];
    this.#notes = [];
    return outcome;
  }

  // Fates of writes ------------------------------------------------------------------------------------------

  committed(writeId: number, baseOffset: number): void {
    const write = this.#takeWrite(writeId);
    write.end?.();
    write.apply?.(baseOffset);
    if (!write.isOverdue) write.settle({ errorCode: ErrorCode.NONE, baseOffset });
  }

  /** The records are not in the log and never will be, or this shard has lost it. */
  failed(writeId: number, errorCode: number): void {
    assert(errorCode !== ErrorCode.NONE, 'A failure has a code.');
    const write = this.#takeWrite(writeId);
    write.end?.();
    write.undo?.();
    if (!write.isOverdue) write.settle({ errorCode, baseOffset: -1 });
  }

  /** Whoever waits must wait no longer; the fate is still to be reported. */
  overdue(writeId: number, errorCode: number): void {
    assert(errorCode !== ErrorCode.NONE, 'A failure has a code.');
    const write = this.#pendingWrites.get(writeId);
    assert(write !== undefined, 'The fate of a write is reported once.');
    if (write.isOverdue) return;
    write.isOverdue = true;
    write.settle({ errorCode, baseOffset: -1 });
  }

  #takeWrite(writeId: number): PendingWrite {
    const write = this.#pendingWrites.take(writeId);
    assert(write !== undefined, 'The fate of a write is reported once.');
    return write;
  }
}
