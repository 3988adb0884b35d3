/**
 * The decisions on which safety rests, gathered in one place so that the simulator's planted-bug tests can swap one
 * for a wrong one and must then see an invariant break.
 *
 * Always true: each rule is a function of its arguments.
 */

import type { RaftRequest } from './messages.ts';

export interface LogEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

export interface RaftRules {
  /** Whether a candidate's log holds everything ours could have helped to commit (Raft §5.4.1). */
  isUpToDate(candidate: LogEnd, own: LogEnd): boolean;
  /** Whether a majority's offset may be committed by a leader whose epoch began at `epochStartOffset`. */
  mayCommit(offset: number, epochStartOffset: number): boolean;
  /** Whether a response may be applied, given the request that is out to its sender. */
  answers(correlationId: number, outstanding: Outstanding | null, state: AppliedState): boolean;
}

/** The one request that may be under way to a node. */
export interface Outstanding {
  readonly correlationId: number;
  readonly request: RaftRequest;
}

/** What a request was made from, as it stands when its response arrives. */
export interface AppliedState {
  readonly epoch: number;
  readonly endOffset: number;
  readonly snapshotPosition: number;
}

/** The largest offset that a majority of the voters has: `offsets` in any order, one per voter. */
export function majorityOffset(offsets: readonly number[]): number {
  const descending = offsets.toSorted((a, b) => b - a);
  return descending[Math.floor(descending.length / 2)] ?? -1;
}

export const majority = (voterCount: number): number => Math.floor(voterCount / 2) + 1;

/** Kafka's protocol leans on one request in flight per connection; a stale answer must not truncate a log. */
function answers(correlationId: number, outstanding: Outstanding | null, state: AppliedState): boolean {
  if (outstanding === null || outstanding.correlationId !== correlationId) {
    return false;
  }
  const { request } = outstanding;
  switch (request.kind) {
    case 'fetch':
      return request.currentLeaderEpoch === state.epoch && request.fetchOffset === state.endOffset;
    case 'fetchSnapshot':
      return request.currentLeaderEpoch === state.epoch && request.position === state.snapshotPosition;
    default:
      return true;
  }
}

export const raftRules: RaftRules = {
  isUpToDate: (candidate, own) =>
    candidate.epoch > own.epoch || (candidate.epoch === own.epoch && candidate.endOffset >= own.endOffset),
  // Strictly above: the offset just at the epoch's start covers earlier epochs only (KAFKA-12619).
  mayCommit: (offset, epochStartOffset) => offset > epochStartOffset,
  answers,
};
