/**
 * The Raft core: KRaft as in Apache Kafka 3.7.0 (KIP-595, KIP-630), for voters and observers, one voter or many.
 *
 * A pure state machine: `step(nowMs, input)` returns effects, and nothing else happens. Time and chance are
 * arguments. The same code runs a single node, a cluster, and the simulator.
 *
 * Always true: after a step no timer that was due is left unserved; `nextWakeMs` is when the next one is.
 * Deliberate differences from 3.7.0: the leader counts its own records only once they are flushed; a commit wakes
 * waiting fetches (KIP-1166's aim, KAFKA-14145); contradicting or malformed messages are refused, where Kafka stops.
 */

import { unreachable } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { ReplicaProgress } from './leader.ts';
import type { LogView } from './log-view.ts';
import type { ElectionState, RaftEffect, RaftInput, RoleName } from './messages.ts';
import type { RaftConfig, RoleOf } from './quorum.ts';
import { Quorum } from './quorum.ts';
import { committed, forgetFetch, handleRequest, wakeFetches } from './requests.ts';
import { handleResponse, isElectionLost, snapshotStored } from './responses.ts';
import type { RaftRules } from './rules.ts';
import { raftRules } from './rules.ts';

/** A leader's view of its replicas, as DescribeQuorum shows it. Times are those given to `step`. */
export interface QuorumDescription {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly highWatermark: number;
  readonly voters: readonly ReplicaProgress[];
  readonly observers: readonly ReplicaProgress[];
}

const NEVER = Number.POSITIVE_INFINITY;
/** Roles settle within a few passages; more would be a loop of ours. */
const MAX_PASSAGES = 16;

export class RaftCore {
  readonly #quorum: Quorum;
  #nextWakeMs = NEVER;

  constructor(config: RaftConfig, log: LogView, random: () => number, rules: RaftRules = raftRules) {
    this.#quorum = new Quorum(config, log, random, rules);
  }

  get epoch(): number {
    return this.#quorum.epoch;
  }

  get role(): RoleName {
    return this.#quorum.role.name;
  }

  /** The leader of the present epoch as far as known, else -1. */
  get leaderId(): number {
    return this.#quorum.leaderId;
  }

  get highWatermark(): number {
    return this.#quorum.highWatermark;
  }

  get log(): LogView {
    return this.#quorum.log;
  }

  get electionState(): ElectionState {
    return this.#quorum.electionState;
  }

  /** When `step` must be called with a tick at the latest. */
  get nextWakeMs(): number {
    return this.#nextWakeMs;
  }

  start(saved: ElectionState | null, nowMs: number): RaftEffect[] {
    this.#quorum.restore(saved, nowMs);
    this.#poll();
    return this.#quorum.takeEffects();
  }

  step(nowMs: number, input: RaftInput): RaftEffect[] {
    this.#quorum.nowMs = Math.max(this.#quorum.nowMs, nowMs);
    this.#take(input);
    this.#poll();
    wakeFetches(this.#quorum);
    return this.#quorum.takeEffects();
  }

  /** Null where this node does not lead. */
  describe(nowMs: number): QuorumDescription | null {
    const quorum = this.#quorum;
    const { leader } = quorum;
    if (leader === null) {
      return null;
    }
    leader.forgetIdleObservers(nowMs);
    const voters = [...leader.voters.values()].map((voter) =>
      voter.id === quorum.config.nodeId
        ? { ...voter, logEndOffset: quorum.log.endOffset, lastFetchMs: nowMs, lastCaughtUpMs: nowMs }
        : { ...voter },
    );
    return {
      leaderId: quorum.config.nodeId,
      leaderEpoch: quorum.epoch,
      highWatermark: leader.highWatermark ?? -1,
      voters,
      observers: [...leader.observers.values()].map((observer) => ({ ...observer })),
    };
  }

  #take(input: RaftInput): void {
    const quorum = this.#quorum;
    switch (input.type) {
      case 'tick':
        return;
      case 'request':
        handleRequest(quorum, input.requestId, input.request);
        return;
      case 'requestCancelled':
        forgetFetch(quorum, input.requestId);
        return;
      case 'response':
        handleResponse(quorum, input.from, input.correlationId, input.response);
        return;
      case 'requestFailed': {
        const peer = quorum.peer(input.to);
        if (peer.outstanding?.correlationId === input.correlationId) {
          peer.failed(quorum.nowMs);
        }
        return;
      }
      case 'connectionLost':
        quorum.peer(input.nodeId).failed(quorum.nowMs);
        return;
      case 'propose':
        this.#propose(input);
        return;
      case 'electionStateSaved':
        return;
      case 'synced':
        quorum.synced(input.syncId);
        if (quorum.leader?.updateLocal(quorum.log.syncedTo) === true) {
          committed(quorum, quorum.leader);
        }
        return;
      case 'snapshotStored':
        snapshotStored(quorum, input.snapshotId);
        return;
      case 'snapshotsChanged':
        quorum.log.snapshotsChanged(input.logStartOffset, input.snapshots);
        return;
      case 'resign':
        if (quorum.leader !== null && input.epoch === quorum.epoch) {
          quorum.leader.resignRequested = true;
        }
        return;
      case 'shutdown':
        quorum.shutdownAtMs ??= quorum.nowMs + input.timeoutMs;
        return;
      default:
        unreachable(input);
    }
  }

  /** Appends records under the leader's epoch, or refuses: NOT_CONTROLLER, or UNKNOWN_SERVER_ERROR for a wrong base. */
  #propose(input: Extract<RaftInput, { readonly type: 'propose' }>): void {
    const quorum = this.#quorum;
    const { log } = quorum;
    const { token, records, recordCount, requiredBaseOffset } = input;
    const baseOffset = log.endOffset;
    if (quorum.leader === null || input.epoch !== quorum.epoch || quorum.shutdownAtMs !== null) {
      quorum.emit({ type: 'proposed', token, errorCode: ErrorCode.NOT_CONTROLLER, baseOffset: -1 });
      return;
    }
    if (recordCount < 1 || (requiredBaseOffset !== null && requiredBaseOffset !== baseOffset)) {
      quorum.emit({ type: 'proposed', token, errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, baseOffset: -1 });
      return;
    }
    const lastOffset = baseOffset + recordCount - 1;
    log.appended(quorum.epoch, baseOffset, lastOffset);
    const payload = { kind: 'proposal', records } as const;
    quorum.emit({ type: 'append', baseOffset, lastOffset, epoch: quorum.epoch, payload });
    quorum.emit({ type: 'proposed', token, errorCode: ErrorCode.NONE, baseOffset });
    quorum.requestSync();
  }

  // ---- timers

  /** Serves every timer that is due and every request that can be sent, until the role no longer changes. */
  #poll(): void {
    for (let passages = 0; passages < MAX_PASSAGES; passages += 1) {
      const { role } = this.#quorum;
      this.#nextWakeMs = NEVER;
      if (this.#maybeFinishShutdown()) {
        return;
      }
      this.#pollRole();
      if (this.#quorum.role === role) {
        return;
      }
    }
  }

  #pollRole(): void {
    const { role } = this.#quorum;
    switch (role.name) {
      case 'leader':
        this.#pollLeader(role);
        return;
      case 'candidate':
        this.#pollCandidate(role);
        return;
      case 'follower':
        if (this.#quorum.isVoter()) {
          this.#pollVotingFollower(role);
        } else {
          this.#pollObserver(role);
        }
        return;
      case 'unattached':
        if (!this.#quorum.isVoter()) {
          this.#fetchFromAnyVoter();
          return;
        }
        this.#pollElection(role.electionAtMs);
        return;
      case 'voted':
        this.#pollElection(role.electionAtMs);
        return;
      case 'resigned':
        this.#sendToAll([...role.unacknowledged], () => ({
          kind: 'endQuorumEpoch',
          leaderId: this.#quorum.config.nodeId,
          leaderEpoch: this.#quorum.epoch,
          preferredSuccessors: role.preferredSuccessors,
        }));
        this.#pollElection(role.electionAtMs);
        return;
      default:
        unreachable(role);
    }
  }

  #wakeAt(atMs: number): void {
    this.#nextWakeMs = Math.min(this.#nextWakeMs, atMs);
  }

  #maybeFinishShutdown(): boolean {
    const quorum = this.#quorum;
    if (quorum.shutdownAtMs === null) {
      return false;
    }
    const remoteLeader = quorum.leaderId >= 0 && quorum.leaderId !== quorum.config.nodeId;
    const graceful = !quorum.isVoter() || quorum.remoteVoters.length === 0 || remoteLeader;
    if (graceful || quorum.nowMs >= quorum.shutdownAtMs) {
      quorum.emit({ type: 'shutdownComplete', graceful });
      return true;
    }
    this.#wakeAt(quorum.shutdownAtMs);
    return false;
  }

  #pollElection(electionAtMs: number): void {
    // While shutting down it only waits for another to be elected.
    if (this.#quorum.shutdownAtMs !== null) {
      return;
    }
    if (this.#quorum.nowMs >= electionAtMs) {
      this.#quorum.becomeCandidate();
    } else {
      this.#wakeAt(electionAtMs);
    }
  }

  #pollLeader({ leader }: RoleOf<'leader'>): void {
    const quorum = this.#quorum;
    const { epoch, nowMs } = quorum;
    if (nowMs >= leader.checkQuorumAtMs) {
      quorum.note('warn', 'a majority of the voters has stopped fetching');
    }
    if (quorum.shutdownAtMs !== null || leader.resignRequested || nowMs >= leader.checkQuorumAtMs) {
      quorum.becomeResigned();
      return;
    }
    this.#wakeAt(leader.checkQuorumAtMs);
    this.#sendToAll(leader.unacknowledged(), () => ({
      kind: 'beginQuorumEpoch',
      leaderId: quorum.config.nodeId,
      leaderEpoch: epoch,
    }));
    for (const { deadlineMs } of leader.waiting) {
      this.#wakeAt(deadlineMs);
    }
  }

  #pollCandidate(role: RoleOf<'candidate'>): void {
    const quorum = this.#quorum;
    const { nowMs } = quorum;
    if (quorum.shutdownAtMs === null) {
      if (role.backoffUntilMs === null && nowMs >= role.electionAtMs) {
        role.backoffUntilMs = nowMs + quorum.electionBackoffMs(role.retries);
      }
      if (role.backoffUntilMs !== null) {
        if (nowMs >= role.backoffUntilMs) {
          quorum.becomeCandidate();
        } else {
          this.#wakeAt(role.backoffUntilMs);
        }
        return;
      }
      this.#wakeAt(role.electionAtMs);
    }
    if (!isElectionLost(role)) {
      const open = [...role.votes].filter(([, vote]) => vote === 'unrecorded').map(([id]) => id);
      this.#sendToAll(open, () => ({
        kind: 'vote',
        candidateId: quorum.config.nodeId,
        candidateEpoch: quorum.epoch,
        lastOffsetEpoch: quorum.logEnd.epoch,
        lastOffset: quorum.logEnd.endOffset,
        preVote: false,
      }));
    }
  }

  #pollVotingFollower(role: RoleOf<'follower'>): void {
    const quorum = this.#quorum;
    if (quorum.nowMs >= role.fetchAtMs) {
      quorum.note('info', 'no word from the leader within the fetch timeout', role.leaderId);
      quorum.becomeCandidate();
      return;
    }
    this.#wakeAt(role.fetchAtMs);
    this.#fetchFromLeader(role);
  }

  #pollObserver(role: RoleOf<'follower'>): void {
    const { nowMs } = this.#quorum;
    const peer = this.#quorum.peer(role.leaderId);
    if (role.fetchingSnapshot?.storing === true) {
      return;
    }
    if (nowMs >= role.fetchAtMs || peer.isBackingOff(nowMs)) {
      this.#fetchFromAnyVoter();
      return;
    }
    this.#wakeAt(role.fetchAtMs);
    if (peer.hasTimedOut(nowMs)) {
      // Ask around: there may be a new leader. The old one may be asked again at once.
      peer.reset();
      this.#fetchFromAnyVoter();
      return;
    }
    this.#fetchFromLeader(role);
  }

  #fetchFromLeader(role: RoleOf<'follower'>): void {
    const fetching = role.fetchingSnapshot;
    if (fetching?.storing === true) {
      return;
    }
    const { config, epoch } = this.#quorum;
    this.#sendToAll([role.leaderId], () =>
      fetching === null
        ? this.#fetchRequest()
        : {
            kind: 'fetchSnapshot',
            replicaId: config.nodeId,
            currentLeaderEpoch: epoch,
            snapshotId: fetching.id,
            position: fetching.position,
            maxBytes: config.snapshotMaxBytes,
          },
    );
  }

  #fetchRequest() {
    const { config, epoch, logEnd } = this.#quorum;
    return {
      kind: 'fetch',
      replicaId: config.nodeId,
      currentLeaderEpoch: epoch,
      fetchOffset: logEnd.endOffset,
      lastFetchedEpoch: logEnd.epoch,
      maxWaitMs: config.fetchMaxWaitMs,
      maxBytes: config.fetchMaxBytes,
    } as const;
  }

  /** An observer without a leader asks one voter after another, from a random one on, one at a time. */
  #fetchFromAnyVoter(): void {
    const quorum = this.#quorum;
    const voters = quorum.remoteVoters;
    const start = quorum.randomInt(voters.length);
    const order = [...voters.slice(start), ...voters.slice(0, start)];
    const busy = order.some(
      (id) => quorum.peer(id).outstanding !== null && !quorum.peer(id).hasTimedOut(quorum.nowMs),
    );
    const ready = order.find((id) => quorum.peer(id).isReady(quorum.nowMs));
    if (!busy && ready !== undefined) {
      quorum.send(ready, this.#fetchRequest());
    }
    for (const id of order) {
      const atMs = quorum.peer(id).readyAtMs();
      if (atMs > quorum.nowMs) {
        this.#wakeAt(atMs);
      }
    }
  }

  #sendToAll(nodeIds: readonly number[], request: () => Parameters<Quorum['send']>[1]): void {
    for (const id of nodeIds) {
      const peer = this.#quorum.peer(id);
      if (peer.isReady(this.#quorum.nowMs)) {
        this.#quorum.send(id, request());
      }
      this.#wakeAt(peer.readyAtMs());
    }
  }
}
