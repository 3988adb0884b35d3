/**
 * Planted bugs: each is a mistake that was made in some implementation of Raft, KRaft included. A simulator that does
 * not find them proves nothing, so the tests demand that it does.
 */

import type { LogViewInit, Validation } from '../../../src/raft/log-view.ts';
import { LogView } from '../../../src/raft/log-view.ts';
import type { Barrier, ElectionState } from '../../../src/raft/messages.ts';
import type { RaftRules } from '../../../src/raft/rules.ts';
import { raftRules } from '../../../src/raft/rules.ts';

export interface Mutant {
  readonly rules?: RaftRules;
  readonly logView?: (init: LogViewInit) => LogView;
  /** What reaches the disk in place of the state that should. */
  readonly saved?: (before: ElectionState | null, state: ElectionState) => ElectionState;
  /** What start-up takes the saved state for. */
  readonly restored?: (nodeId: number, saved: ElectionState | null) => ElectionState | null;
  readonly barrier?: (after: Barrier) => Barrier;
  /** A leader takes a flush for done when it is asked for. */
  readonly syncEarly?: boolean;
}

/** Takes every log that is not longer for a prefix of its own. */
class EpochBlindLog extends LogView {
  override validate(offset: number, epoch: number): Validation {
    const validation = super.validate(offset, epoch);
    return validation.kind === 'diverging' && offset <= this.endOffset ? { kind: 'valid' } : validation;
  }
}

export const mutants: Readonly<Record<string, Mutant>> = {
  'commits without a record of its own epoch': { rules: { ...raftRules, mayCommit: () => true } },
  'commits at the epoch start (KAFKA-12619)': {
    rules: { ...raftRules, mayCommit: (offset, epochStartOffset) => offset >= epochStartOffset },
  },
  'votes without looking at the log': { rules: { ...raftRules, isUpToDate: () => true } },
  'does not save its vote': { saved: (_before, state) => ({ ...state, votedId: -1 }) },
  'does not save its epoch': {
    saved: (before, state) => ({ ...state, leaderEpoch: before?.leaderEpoch ?? 0 }),
  },
  'answers a vote before it is saved': { barrier: (after) => ({ ...after, stateVersion: 0 }) },
  'fetches on before its flush': { barrier: (after) => ({ ...after, syncId: 0 }) },
  'counts its own unflushed records': { syncEarly: true },
  'checks divergence without the epoch': { logView: (init) => new EpochBlindLog(init) },
  'may lead one epoch twice (KAFKA-10527)': {
    restored: (nodeId, saved) =>
      saved?.leaderId === nodeId ? { leaderEpoch: saved.leaderEpoch - 1, leaderId: -1, votedId: -1 } : saved,
  },
  'applies a response to another request': { rules: { ...raftRules, answers: () => true } },
};
