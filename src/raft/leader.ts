/**
 * What a leader knows of the others: how far each replica has the log, who has fetched lately, which fetches wait
 * (Kafka's LeaderState and fetch purgatory).
 *
 * Always true: the high watermark never goes back; it is null until a record of the leader's own epoch is on a
 * majority. The leader's own offset counts only as far as its disk has it, also where it is the only voter.
 */

import type { FetchRequest, VoterKey } from './messages.ts';
import type { RaftRules } from './rules.ts';
import { majorityOffset } from './rules.ts';

const OBSERVER_SESSION_MS = 300_000;
/** Replica ids come off the wire, so their number is bounded. */
const MAX_OBSERVERS = 1000;
/** Check quorum waits longer than the followers do, to allow for slow networks and disks (KAFKA-15489). */
const CHECK_QUORUM_FACTOR = 1.5;

export interface ReplicaProgress {
  readonly id: number;
  /** -1 until the replica's first valid fetch in this epoch. */
  logEndOffset: number;
  lastFetchMs: number;
  lastCaughtUpMs: number;
  lastFetchLeaderEndOffset: number;
  hasAcknowledged: boolean;
  /** The high watermark in our last answer, so that news of a commit need not wait for new records. */
  sentHighWatermark: number;
}

export interface WaitingFetch {
  readonly requestId: number;
  readonly request: FetchRequest;
  readonly deadlineMs: number;
}

const newReplica = (id: number, hasAcknowledged: boolean): ReplicaProgress => ({
  id,
  logEndOffset: -1,
  lastFetchMs: -1,
  lastCaughtUpMs: -1,
  lastFetchLeaderEndOffset: -1,
  hasAcknowledged,
  sentHighWatermark: -1,
});

export interface LeaderInit {
  readonly nodeId: number;
  readonly epochStartOffset: number;
  readonly voters: readonly VoterKey[];
  readonly grantingVoters: readonly number[];
  readonly fetchTimeoutMs: number;
  readonly nowMs: number;
  readonly rules: RaftRules;
}

export class LeaderState {
  readonly epochStartOffset: number;
  readonly grantingVoters: readonly number[];
  readonly voters: ReadonlyMap<number, ReplicaProgress>;
  readonly observers = new Map<number, ReplicaProgress>();
  highWatermark: number | null = null;
  resignRequested = false;
  waiting: WaitingFetch[] = [];
  readonly #nodeId: number;
  readonly #rules: RaftRules;
  readonly #checkQuorumMs: number;
  #checkQuorumAtMs: number;
  readonly #fetchedVoters = new Set<number>();

  constructor(init: LeaderInit) {
    this.#nodeId = init.nodeId;
    this.#rules = init.rules;
    this.epochStartOffset = init.epochStartOffset;
    this.grantingVoters = init.grantingVoters;
    this.voters = new Map(init.voters.map(({ id }) => [id, newReplica(id, id === init.nodeId)]));
    this.#checkQuorumMs = init.fetchTimeoutMs * CHECK_QUORUM_FACTOR;
    this.#checkQuorumAtMs = init.nowMs + this.#checkQuorumMs;
  }

  /** When this leader must give up for want of followers; never, where there are none. */
  get checkQuorumAtMs(): number {
    return this.voters.size === 1 ? Number.POSITIVE_INFINITY : this.#checkQuorumAtMs;
  }

  unacknowledged(): number[] {
    return [...this.voters.values()].filter((voter) => !voter.hasAcknowledged).map((voter) => voter.id);
  }

  acknowledged(nodeId: number): void {
    const voter = this.voters.get(nodeId);
    if (voter !== undefined) {
      voter.hasAcknowledged = true;
    }
  }

  /** A voter fetched records or a snapshot: it follows. */
  fetchedBy(nodeId: number, nowMs: number): void {
    if (this.voters.has(nodeId) && nodeId !== this.#nodeId) {
      this.#fetchedVoters.add(nodeId);
    }
    // The leader is part of the majority, so one less than it is needed.
    if (this.#fetchedVoters.size >= Math.floor(this.voters.size / 2)) {
      this.#fetchedVoters.clear();
      this.#checkQuorumAtMs = nowMs + this.#checkQuorumMs;
    }
  }

  replica(id: number): ReplicaProgress | null {
    const known = this.voters.get(id) ?? this.observers.get(id);
    if (known !== undefined) {
      return known;
    }
    if (this.observers.size >= MAX_OBSERVERS) {
      return null;
    }
    const observer = newReplica(id, false);
    this.observers.set(id, observer);
    return observer;
  }

  /** Takes a valid fetch of a replica. True when that moved the high watermark. */
  updateReplica(id: number, fetchOffset: number, logEndOffset: number, nowMs: number): boolean {
    this.fetchedBy(id, nowMs);
    const replica = this.replica(id);
    if (replica === null) {
      return false;
    }
    // As KIP-836: at the end now, or now past the end seen at the fetch before, which was then caught up.
    if (fetchOffset >= logEndOffset) {
      replica.lastCaughtUpMs = Math.max(replica.lastCaughtUpMs, nowMs);
    } else if (replica.lastFetchLeaderEndOffset > 0 && fetchOffset >= replica.lastFetchLeaderEndOffset) {
      replica.lastCaughtUpMs = Math.max(replica.lastCaughtUpMs, replica.lastFetchMs);
    }
    replica.lastFetchLeaderEndOffset = logEndOffset;
    replica.lastFetchMs = Math.max(replica.lastFetchMs, nowMs);
    replica.logEndOffset = fetchOffset;
    replica.hasAcknowledged = true;
    return this.voters.has(id) && this.#advanceHighWatermark();
  }

  /** Takes how far the leader's own disk has the log. True when that moved the high watermark. */
  updateLocal(syncedTo: number): boolean {
    const local = this.voters.get(this.#nodeId);
    if (local === undefined) {
      return false;
    }
    local.logEndOffset = syncedTo;
    return this.#advanceHighWatermark();
  }

  #advanceHighWatermark(): boolean {
    const offset = majorityOffset([...this.voters.values()].map((voter) => voter.logEndOffset));
    if (
      offset < 0 ||
      !this.#rules.mayCommit(offset, this.epochStartOffset) ||
      offset <= (this.highWatermark ?? -1)
    ) {
      return false;
    }
    this.highWatermark = offset;
    return true;
  }

  /** The other voters, those with the most of the log first: who should lead when this node stops. */
  successors(): number[] {
    return [...this.voters.values()]
      .filter((voter) => voter.id !== this.#nodeId)
      .sort((a, b) => b.logEndOffset - a.logEndOffset || a.id - b.id)
      .map((voter) => voter.id);
  }

  forgetIdleObservers(nowMs: number): void {
    for (const [id, observer] of this.observers) {
      if (nowMs - observer.lastFetchMs >= OBSERVER_SESSION_MS) {
        this.observers.delete(id);
      }
    }
  }
}
