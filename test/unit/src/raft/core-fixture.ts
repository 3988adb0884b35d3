/** A core by itself: every input by hand, time as a number, no chance. */

import { RaftCore } from '../../../../src/raft/core.ts';
import type { EpochStart } from '../../../../src/raft/log-view.ts';
import { LogView } from '../../../../src/raft/log-view.ts';
import type {
  ElectionState,
  RaftEffect,
  RaftInput,
  RaftRequest,
  RaftResponse,
  SendEffect,
  SnapshotId,
} from '../../../../src/raft/messages.ts';
import { raftDefaults } from '../../../../src/raft/quorum.ts';

export interface Setup {
  readonly nodeId?: number;
  readonly voterIds?: readonly number[];
  readonly saved?: ElectionState | null;
  readonly endOffset?: number;
  readonly startOffset?: number;
  readonly epochs?: readonly EpochStart[];
  readonly snapshots?: readonly SnapshotId[];
}

export class LoneCore {
  readonly core: RaftCore;
  effects: RaftEffect[];
  nowMs = 0;
  #requestId = 0;

  constructor(setup: Setup = {}) {
    const { nodeId = 1, voterIds = [1, 2, 3], saved = null, endOffset = 0, startOffset = 0 } = setup;
    const log = new LogView({
      startOffset,
      endOffset,
      epochs: setup.epochs ?? [],
      snapshots: setup.snapshots ?? [],
    });
    const voters = voterIds.map((id) => ({ id, directoryId: null }));
    this.core = new RaftCore({ ...raftDefaults, nodeId, voters }, log, () => 0.5);
    this.effects = this.core.start(saved, 0);
  }

  step(input: RaftInput): RaftEffect[] {
    this.effects = this.core.step(this.nowMs, input);
    return this.effects;
  }

  tickAt(nowMs: number): RaftEffect[] {
    this.nowMs = nowMs;
    return this.step({ type: 'tick' });
  }

  request(request: RaftRequest): RaftResponse | null {
    this.#requestId += 1;
    this.step({ type: 'request', requestId: this.#requestId, request });
    return this.replyTo(this.#requestId);
  }

  get lastRequestId(): number {
    return this.#requestId;
  }

  replyTo(requestId: number): RaftResponse | null {
    const reply = this.of('reply').find((effect) => effect.requestId === requestId);
    return reply?.response ?? null;
  }

  of<Type extends RaftEffect['type']>(type: Type): Extract<RaftEffect, { readonly type: Type }>[] {
    return this.effects.filter(
      (effect): effect is Extract<RaftEffect, { readonly type: Type }> => effect.type === type,
    );
  }

  sent(kind: RaftRequest['kind']): SendEffect[] {
    return this.of('send').filter((effect) => effect.request.kind === kind);
  }

  /** Makes this node the leader of the next epoch, with the vote of `voterId`. */
  elect(voterId = 2): void {
    this.tickAt(Math.max(this.nowMs, this.core.nextWakeMs));
    const vote = this.sent('vote').find((effect) => effect.to === voterId);
    if (vote === undefined) {
      throw new Error('no vote was asked for');
    }
    const leaderEpoch = this.core.epoch;
    this.step({
      type: 'response',
      from: voterId,
      correlationId: vote.correlationId,
      response: { kind: 'vote', errorCode: 0, leaderId: -1, leaderEpoch, voteGranted: true },
    });
  }

  /** Reports every flush asked for so far as done. */
  syncAll(): void {
    this.step({ type: 'synced', syncId: Number.MAX_SAFE_INTEGER });
  }

  fetch(
    replicaId: number,
    fetchOffset: number,
    lastFetchedEpoch: number,
    maxWaitMs = 500,
  ): RaftResponse | null {
    const currentLeaderEpoch = this.core.epoch;
    return this.request({
      kind: 'fetch',
      replicaId,
      currentLeaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      maxWaitMs,
      maxBytes: 1000,
    });
  }

  propose(recordCount = 1): void {
    const { epoch } = this.core;
    const records = new Uint8Array(1);
    this.step({ type: 'propose', token: 0, epoch, requiredBaseOffset: null, recordCount, records });
  }
}
