/**
 * This node's place in the quorum: its epoch, its role, and the passages from one role to another (Kafka's
 * QuorumState). Requests, responses and timers all change roles through the methods here.
 *
 * Always true: the epoch never goes back; in one epoch this node votes for one candidate and knows one leader; every
 * role but Resigned is saved before any message tells of it; the high watermark never goes back, and no truncation
 * goes below it (KAFKA-12460).
 */

import { assert } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { LeaderState } from './leader.ts';
import type { LogView } from './log-view.ts';
import type {
  Barrier,
  ElectionState,
  RaftEffect,
  RaftRequest,
  RoleName,
  SnapshotId,
  VoterKey,
} from './messages.ts';
import { Peer } from './peers.ts';
import type { LogEnd, RaftRules } from './rules.ts';
import { majority } from './rules.ts';

export interface RaftConfig {
  readonly nodeId: number;
  /** The static voter set. A node that is not in it observes. */
  readonly voters: readonly VoterKey[];
  readonly electionTimeoutMs: number;
  readonly fetchTimeoutMs: number;
  readonly electionBackoffMaxMs: number;
  readonly requestTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly fetchMaxWaitMs: number;
  readonly fetchMaxBytes: number;
  readonly snapshotMaxBytes: number;
  /** Whether an observer flushes before it fetches on; voters always do. A controller must (KAFKA-17332). */
  readonly observerSyncs: boolean;
}

export const raftDefaults = {
  electionTimeoutMs: 1000,
  fetchTimeoutMs: 2000,
  electionBackoffMaxMs: 1000,
  requestTimeoutMs: 2000,
  retryBackoffMs: 20,
  fetchMaxWaitMs: 500,
  fetchMaxBytes: 8 * 1024 * 1024,
  snapshotMaxBytes: 8 * 1024 * 1024,
  observerSyncs: false,
} as const;

/** A snapshot on its way here. While `storing`, its last chunk is being made durable. */
export interface FetchingSnapshot {
  readonly id: SnapshotId;
  position: number;
  storing: boolean;
}

export type Vote = 'unrecorded' | 'granted' | 'rejected';

export type Role =
  | { readonly name: 'unattached'; readonly electionAtMs: number }
  | { readonly name: 'voted'; readonly votedId: number; readonly electionAtMs: number }
  | {
      readonly name: 'candidate';
      readonly votes: Map<number, Vote>;
      readonly retries: number;
      readonly electionAtMs: number;
      backoffUntilMs: number | null;
    }
  | { readonly name: 'leader'; readonly leader: LeaderState }
  | {
      readonly name: 'resigned';
      readonly preferredSuccessors: readonly number[];
      readonly unacknowledged: Set<number>;
      readonly electionAtMs: number;
    }
  | {
      readonly name: 'follower';
      readonly leaderId: number;
      fetchAtMs: number;
      fetchingSnapshot: FetchingSnapshot | null;
    };

export type RoleOf<Name extends RoleName> = Extract<Role, { readonly name: Name }>;

/** Backoff unit of repeated elections, in milliseconds. */
const ELECTION_BACKOFF_BASE_MS = 100;
const NEVER = Number.POSITIVE_INFINITY;

export class Quorum {
  readonly config: RaftConfig;
  readonly log: LogView;
  readonly rules: RaftRules;
  nowMs = 0;
  epoch = 0;
  role: Role = { name: 'unattached', electionAtMs: NEVER };
  /** Commits known to this node, by its own counting or from a leader. */
  highWatermark: number;
  shutdownAtMs: number | null = null;
  readonly #random: () => number;
  readonly #peers = new Map<number, Peer>();
  #effects: RaftEffect[] = [];
  #stateVersion = 0;
  #correlationId = 0;
  #syncId = 0;
  #syncRequestedTo: number;
  #pendingSyncs: { readonly syncId: number; upTo: number }[] = [];

  constructor(config: RaftConfig, log: LogView, random: () => number, rules: RaftRules) {
    this.config = config;
    this.log = log;
    this.rules = rules;
    // A snapshot is made of committed records only, so its end is a commit point known before any leader is.
    this.highWatermark = Math.max(log.startOffset, log.latestSnapshot?.endOffset ?? 0);
    this.#random = random;
    this.#syncRequestedTo = log.endOffset;
    for (const { id } of config.voters) {
      if (id !== config.nodeId) {
        this.peer(id);
      }
    }
  }

  // ---- who is who

  isVoter(id: number = this.config.nodeId): boolean {
    return this.config.voters.some((voter) => voter.id === id);
  }

  get remoteVoters(): number[] {
    return this.config.voters.map((voter) => voter.id).filter((id) => id !== this.config.nodeId);
  }

  /** The leader of this epoch as far as known, else -1. A resigned leader still is the one of its epoch. */
  get leaderId(): number {
    switch (this.role.name) {
      case 'leader':
      case 'resigned':
        return this.config.nodeId;
      case 'follower':
        return this.role.leaderId;
      default:
        return -1;
    }
  }

  get votedId(): number {
    switch (this.role.name) {
      case 'candidate':
        return this.config.nodeId;
      case 'voted':
        return this.role.votedId;
      default:
        return -1;
    }
  }

  get leader(): LeaderState | null {
    return this.role.name === 'leader' ? this.role.leader : null;
  }

  get logEnd(): LogEnd {
    return { epoch: this.log.lastEpoch, endOffset: this.log.endOffset };
  }

  get electionState(): ElectionState {
    return { leaderEpoch: this.epoch, leaderId: this.leaderId, votedId: this.votedId };
  }

  peer(id: number): Peer {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      peer = new Peer(id, this.config.requestTimeoutMs, this.config.retryBackoffMs);
      this.#peers.set(id, peer);
    }
    return peer;
  }

  // ---- effects

  emit(effect: RaftEffect): void {
    this.#effects.push(effect);
  }

  takeEffects(): RaftEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  note(level: 'info' | 'warn' | 'error', text: string, nodeId = -1): void {
    this.emit({ type: 'note', level, text, nodeId });
  }

  /** What a message that tells of our epoch or vote waits for. */
  get stateBarrier(): Barrier {
    return { stateVersion: this.#stateVersion, syncId: 0 };
  }

  send(to: number, request: RaftRequest): void {
    this.#correlationId += 1;
    const correlationId = this.#correlationId;
    // A fetch offset is a promise: what lies below it survives a power cut here.
    const syncs = request.kind === 'fetch' && this.#syncs;
    const after = { stateVersion: this.#stateVersion, syncId: syncs ? this.#syncId : 0 };
    this.peer(to).sent({ correlationId, request }, this.nowMs);
    this.emit({ type: 'send', to, correlationId, request, after });
  }

  get #syncs(): boolean {
    return this.isVoter() || this.config.observerSyncs;
  }

  /** Asks for a flush of all that was appended since the last one. */
  requestSync(): void {
    if (!this.#syncs || this.#syncRequestedTo >= this.log.endOffset) {
      return;
    }
    this.#syncId += 1;
    this.#syncRequestedTo = this.log.endOffset;
    this.#pendingSyncs.push({ syncId: this.#syncId, upTo: this.log.endOffset });
    this.emit({ type: 'sync', syncId: this.#syncId, upTo: this.log.endOffset });
  }

  synced(syncId: number): void {
    for (const pending of this.#pendingSyncs) {
      if (pending.syncId <= syncId) {
        this.log.syncedTo = Math.max(this.log.syncedTo, pending.upTo);
      }
    }
    this.#pendingSyncs = this.#pendingSyncs.filter((pending) => pending.syncId > syncId);
  }

  truncateTo(offset: number): void {
    assert(offset >= this.highWatermark, 'No truncation goes below the high watermark.');
    this.log.truncatedTo(offset);
    this.#syncRequestedTo = Math.min(this.#syncRequestedTo, offset);
    for (const pending of this.#pendingSyncs) {
      // What is appended there next is other data, which that flush need not have seen.
      pending.upTo = Math.min(pending.upTo, offset);
    }
    this.emit({ type: 'truncateTo', offset });
  }

  restartLogAt(id: SnapshotId): void {
    assert(
      id.endOffset >= this.highWatermark,
      'A fetched snapshot is not older than what is committed here.',
    );
    this.log.restartedAt(id);
    this.#syncRequestedTo = id.endOffset;
    this.#pendingSyncs = [];
    this.emit({ type: 'truncateFullyTo', snapshotId: id });
    this.advanceHighWatermark(id.endOffset);
  }

  advanceHighWatermark(offset: number): void {
    if (offset > this.highWatermark) {
      this.highWatermark = offset;
      this.emit({ type: 'highWatermark', offset });
    }
  }

  // ---- passages between roles

  /** Takes up what quorum-state held when the node stopped (null: there was none). */
  restore(saved: ElectionState | null, nowMs: number): void {
    this.nowMs = nowMs;
    const state = saved ?? { leaderEpoch: 0, leaderId: -1, votedId: -1 };
    const { nodeId } = this.config;
    this.epoch = Math.max(state.leaderEpoch, this.log.lastEpoch);
    if (state.leaderEpoch < this.log.lastEpoch) {
      this.note('warn', 'quorum-state is older than the last record of the log');
      this.#enter({ name: 'unattached', electionAtMs: this.#electionDeadline() });
    } else if (state.leaderId === nodeId && this.isVoter()) {
      // It must not lead this epoch again: a loss of unflushed records would give one (offset, epoch) two meanings
      // (KAFKA-10527).
      this.#enterResigned([]);
    } else if (state.votedId >= 0 && this.isVoter()) {
      // Also a candidate comes back like this, with its vote given to itself: it may have won and appended in the
      // moment before that was saved. It stands again in the next epoch.
      this.#enter({ name: 'voted', votedId: state.votedId, electionAtMs: this.#electionDeadline() });
    } else if (state.leaderId >= 0 && this.isVoter(state.leaderId)) {
      this.#enterFollower(state.leaderId);
    } else {
      this.#enter({ name: 'unattached', electionAtMs: this.#electionDeadline() });
    }
    this.#save();
    this.#announce();
    if (this.isVoter() && this.remoteVoters.length === 0) {
      this.becomeCandidate();
    }
  }

  becomeUnattached(epoch: number): void {
    assert(epoch > this.epoch, 'A node gets unattached only by a larger epoch.');
    const electionAtMs =
      this.role.name === 'candidate' || this.role.name === 'voted' || this.role.name === 'unattached'
        ? this.role.electionAtMs
        : this.#electionDeadline();
    this.#change(epoch, () => this.#enter({ name: 'unattached', electionAtMs }));
  }

  /** Grants a vote. The election timeout starts anew: that candidate has as good a chance as we have. */
  becomeVoted(candidateId: number): void {
    assert(this.role.name === 'unattached', 'Only an unattached node has a vote to give.');
    assert(this.isVoter(), 'Only voters vote.');
    this.#change(this.epoch, () =>
      this.#enter({ name: 'voted', votedId: candidateId, electionAtMs: this.#electionDeadline() }),
    );
  }

  becomeFollower(epoch: number, leaderId: number): void {
    assert(leaderId !== this.config.nodeId, 'No node follows itself.');
    assert(epoch > this.epoch || this.leaderId === -1, 'One epoch has one leader.');
    this.#change(epoch, () => this.#enterFollower(leaderId));
  }

  becomeCandidate(): void {
    assert(this.isVoter(), 'Only voters stand for election.');
    assert(this.role.name !== 'leader', 'A leader does not stand for election.');
    const retries = this.role.name === 'candidate' ? this.role.retries + 1 : 1;
    this.#change(this.epoch + 1, () => this.#enterCandidate(retries));
    this.maybeLead();
  }

  /** Takes the lead if a majority has granted its vote. */
  maybeLead(): void {
    const { role } = this;
    if (role.name !== 'candidate') {
      return;
    }
    const grantingVoters = [...role.votes].filter(([, vote]) => vote === 'granted').map(([id]) => id);
    if (grantingVoters.length < majority(this.config.voters.length)) {
      return;
    }
    const baseOffset = this.log.endOffset;
    const leader = new LeaderState({
      nodeId: this.config.nodeId,
      epochStartOffset: baseOffset,
      voters: this.config.voters,
      grantingVoters,
      fetchTimeoutMs: this.config.fetchTimeoutMs,
      nowMs: this.nowMs,
      rules: this.rules,
    });
    this.#change(this.epoch, () => this.#enter({ name: 'leader', leader }));
    // A record of its own epoch lets the leader commit what earlier ones left behind.
    const leaderChange = { leaderId: this.config.nodeId, voters: this.config.voters, grantingVoters };
    this.log.appended(this.epoch, baseOffset, baseOffset);
    this.emit({
      type: 'append',
      baseOffset,
      lastOffset: baseOffset,
      epoch: this.epoch,
      payload: { kind: 'leaderChange', leaderChange },
    });
    leader.updateLocal(this.log.syncedTo);
    this.requestSync();
  }

  /** Stops leading. Nothing is saved: a leader always comes back as resigned. */
  becomeResigned(): void {
    const { leader } = this;
    assert(leader !== null, 'Only a leader resigns.');
    this.#leave(() => this.#enterResigned(leader.successors()));
  }

  /** The wait before the next try, growing with the number of tries and random so that rivals part. */
  electionBackoffMs(retries: number): number {
    const steps = Math.floor(this.#random() * (2 << Math.min(20, retries - 1)));
    return Math.min(ELECTION_BACKOFF_BASE_MS * steps, this.config.electionBackoffMaxMs);
  }

  /** A number from 0 up to and without `bound`. */
  randomInt(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #electionDeadline(): number {
    if (!this.isVoter()) {
      return NEVER;
    }
    const { electionTimeoutMs } = this.config;
    return this.nowMs + electionTimeoutMs + this.randomInt(electionTimeoutMs);
  }

  #enter(role: Role): void {
    this.role = role;
  }

  #enterFollower(leaderId: number): void {
    const fetchAtMs = this.nowMs + this.config.fetchTimeoutMs;
    this.#enter({ name: 'follower', leaderId, fetchAtMs, fetchingSnapshot: null });
  }

  #enterCandidate(retries: number): void {
    const votes = new Map<number, Vote>(this.config.voters.map(({ id }) => [id, 'unrecorded']));
    votes.set(this.config.nodeId, 'granted');
    const electionAtMs = this.#electionDeadline();
    this.#enter({ name: 'candidate', votes, retries, electionAtMs, backoffUntilMs: null });
  }

  #enterResigned(preferredSuccessors: readonly number[]): void {
    const unacknowledged = new Set(this.remoteVoters);
    this.#enter({
      name: 'resigned',
      preferredSuccessors,
      unacknowledged,
      electionAtMs: this.#electionDeadline(),
    });
  }

  #change(epoch: number, enter: () => void): void {
    this.#leave(() => {
      this.epoch = epoch;
      enter();
      this.#save();
    });
  }

  /** Ends one role and begins another: what hangs on the old one is answered in the terms of the new one. */
  #leave(enter: () => void): void {
    const waiting = this.leader?.waiting ?? [];
    const led = this.leader !== null;
    enter();
    for (const peer of this.#peers.values()) {
      peer.reset();
    }
    if (led) {
      this.emit({ type: 'failPending' });
    }
    for (const { requestId } of waiting) {
      this.refuseFetch(requestId, ErrorCode.NOT_LEADER_OR_FOLLOWER);
    }
    this.#announce();
  }

  #announce(): void {
    this.emit({
      type: 'roleChanged',
      role: this.role.name,
      epoch: this.epoch,
      leaderId: this.role.name === 'resigned' ? -1 : this.leaderId,
      epochStartOffset: this.leader?.epochStartOffset ?? -1,
    });
  }

  #save(): void {
    this.#stateVersion += 1;
    this.emit({ type: 'saveElectionState', version: this.#stateVersion, state: this.electionState });
  }

  refuseFetch(requestId: number, errorCode: number): void {
    this.emit({
      type: 'reply',
      requestId,
      response: {
        kind: 'fetch',
        errorCode,
        leaderId: this.leaderId,
        leaderEpoch: this.epoch,
        highWatermark: -1,
        logStartOffset: this.log.startOffset,
        divergingEpoch: null,
        snapshotId: null,
        records: [],
      },
      read: null,
      after: this.stateBarrier,
    });
  }
}
