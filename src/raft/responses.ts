/**
 * What a node makes of the answers to its own requests.
 *
 * Always true: only the answer to the one outstanding request of a node is looked at, and a Fetch answer only where
 * the log still stands as when the request was made; truncation, append and snapshot come from the leader this node
 * follows in the present epoch.
 */

import { unreachable } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { compareSnapshots, sameSnapshot } from './log-view.ts';
import type {
  EpochEndOffset,
  FetchResponse,
  FetchSnapshotResponse,
  RaftBatch,
  RaftResponse,
  SnapshotId,
  VoteResponse,
} from './messages.ts';
import type { Quorum, RoleOf } from './quorum.ts';
import { learnLeader } from './requests.ts';
import { majority } from './rules.ts';

type Handled = 'answered' | 'failed';

export function handleResponse(
  quorum: Quorum,
  from: number,
  correlationId: number,
  response: RaftResponse,
): void {
  const peer = quorum.peer(from);
  const applied = {
    epoch: quorum.epoch,
    endOffset: quorum.log.endOffset,
    snapshotPosition: quorum.role.name === 'follower' ? (quorum.role.fetchingSnapshot?.position ?? -1) : -1,
  };
  const { outstanding } = peer;
  if (!quorum.rules.answers(correlationId, outstanding, applied)) {
    if (outstanding?.correlationId === correlationId) {
      // It is the answer, but to a question that no longer stands.
      peer.answered();
    }
    return;
  }
  // Handlers may change roles, which frees every peer; what they return then no longer matters.
  const handled = apply(quorum, from, response);
  if (peer.outstanding === outstanding) {
    if (handled === 'answered') {
      peer.answered();
    } else {
      peer.failed(quorum.nowMs);
    }
  }
}

/** Errors and epochs mean the same in every response: Kafka's maybeHandleCommonResponse. */
function apply(quorum: Quorum, from: number, response: RaftResponse): Handled {
  const { errorCode, leaderId, leaderEpoch } = response;
  if (leaderEpoch < quorum.epoch || errorCode === ErrorCode.UNKNOWN_LEADER_EPOCH) {
    // Whoever is behind has nothing for us yet: an observer asks it again after a pause, not in a tight circle.
    return isFetch(response) ? 'failed' : 'answered';
  }
  if (
    leaderEpoch > quorum.epoch ||
    errorCode === ErrorCode.FENCED_LEADER_EPOCH ||
    errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER
  ) {
    if (!learnLeader(quorum, leaderId, leaderEpoch)) {
      quorum.note('error', 'a response named an impossible leader', from);
      return 'failed';
    }
    // No leader is known, or the known one has resigned: the same question at once would get the same answer.
    const isLeaderless = quorum.leaderId === -1 || quorum.leaderId === from;
    return errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER && isLeaderless ? 'failed' : 'answered';
  }
  if (leaderId >= 0 && quorum.leaderId === -1) {
    // An observer may find the leader and get records in one and the same answer.
    if (!learnLeader(quorum, leaderId, leaderEpoch)) {
      quorum.note('error', 'a response named an impossible leader', from);
      return 'failed';
    }
    if (errorCode !== ErrorCode.NONE) {
      return 'answered';
    }
  }
  return applyByKind(quorum, from, response);
}

const isFetch = ({ kind }: RaftResponse): boolean => kind === 'fetch' || kind === 'fetchSnapshot';

function applyByKind(quorum: Quorum, from: number, response: RaftResponse): Handled {
  switch (response.kind) {
    case 'vote':
      return applyVote(quorum, from, response);
    case 'beginQuorumEpoch':
      if (response.errorCode === ErrorCode.NONE) {
        quorum.leader?.acknowledged(from);
      }
      return outcome(quorum, from, response.errorCode);
    case 'endQuorumEpoch':
      if (response.errorCode === ErrorCode.NONE && quorum.role.name === 'resigned') {
        quorum.role.unacknowledged.delete(from);
      }
      return outcome(quorum, from, response.errorCode);
    case 'fetch':
      return applyFetch(quorum, from, response);
    case 'fetchSnapshot':
      return applyFetchSnapshot(quorum, from, response);
    default:
      return unreachable(response);
  }
}

function outcome(quorum: Quorum, from: number, errorCode: number): Handled {
  if (errorCode === ErrorCode.NONE) {
    return 'answered';
  }
  if (errorCode !== ErrorCode.BROKER_NOT_AVAILABLE) {
    quorum.note('error', 'a voter refused a request', from);
  }
  return 'failed';
}

function applyVote(quorum: Quorum, from: number, response: VoteResponse): Handled {
  const { role } = quorum;
  if (response.errorCode !== ErrorCode.NONE || role.name !== 'candidate') {
    return outcome(quorum, from, response.errorCode);
  }
  if (role.votes.get(from) !== 'unrecorded') {
    return 'answered';
  }
  role.votes.set(from, response.voteGranted ? 'granted' : 'rejected');
  if (response.voteGranted) {
    quorum.maybeLead();
  } else if (isElectionLost(role) && role.backoffUntilMs === null) {
    // No need to wait out the timeout: this election cannot be won any more.
    role.backoffUntilMs = quorum.nowMs + quorum.electionBackoffMs(role.retries);
  }
  return 'answered';
}

export function isElectionLost(role: RoleOf<'candidate'>): boolean {
  const open = [...role.votes.values()].filter((vote) => vote !== 'rejected').length;
  return open < majority(role.votes.size);
}

function applyFetch(quorum: Quorum, from: number, response: FetchResponse): Handled {
  const { role } = quorum;
  if (role.name !== 'follower' || role.leaderId !== from) {
    return 'answered';
  }
  if (response.errorCode !== ErrorCode.NONE) {
    return outcome(quorum, from, response.errorCode);
  }
  if (response.divergingEpoch !== null) {
    truncate(quorum, response.divergingEpoch, from);
  } else if (response.snapshotId === null) {
    if (!append(quorum, response.records)) {
      quorum.note('error', 'the leader sent batches that do not follow on the log', from);
      return 'failed';
    }
    quorum.advanceHighWatermark(Math.min(quorum.log.endOffset, response.highWatermark));
  } else if (!beginSnapshot(quorum, role, response.snapshotId)) {
    quorum.note('error', 'the leader sent an invalid snapshot id', from);
    return 'failed';
  }
  role.fetchAtMs = quorum.nowMs + quorum.config.fetchTimeoutMs;
  return 'answered';
}

function truncate(quorum: Quorum, diverging: EpochEndOffset, from: number): void {
  const offset = Math.max(quorum.log.startOffset, quorum.log.truncationPoint(diverging));
  quorum.note('info', 'truncated the log to where it parts from the leader', from);
  quorum.truncateTo(offset);
}

/** Appends what follows on the log without a gap. False if something did not. */
function append(quorum: Quorum, batches: readonly RaftBatch[]): boolean {
  let next = quorum.log.endOffset;
  let epoch = quorum.log.lastEpoch;
  for (const batch of batches) {
    const follows = batch.baseOffset === next && batch.lastOffset >= next && batch.epoch >= epoch;
    if (!follows || batch.epoch > quorum.epoch) {
      return false;
    }
    next = batch.lastOffset + 1;
    epoch = batch.epoch;
  }
  const first = batches[0];
  if (first === undefined) {
    return true;
  }
  for (const batch of batches) {
    quorum.log.appended(batch.epoch, batch.baseOffset, batch.lastOffset);
  }
  const payload = { kind: 'fetched', batches } as const;
  quorum.emit({ type: 'append', baseOffset: first.baseOffset, lastOffset: next - 1, epoch, payload });
  quorum.requestSync();
  return true;
}

function beginSnapshot(quorum: Quorum, role: RoleOf<'follower'>, id: SnapshotId): boolean {
  if (id.endOffset < 0 || id.epoch < 0) {
    return false;
  }
  if (quorum.log.hasSnapshot(id)) {
    restartAtSnapshot(quorum, id);
  } else {
    role.fetchingSnapshot = { id, position: 0, storing: false };
    quorum.note('info', 'began to fetch a snapshot', role.leaderId);
  }
  return true;
}

function applyFetchSnapshot(quorum: Quorum, from: number, response: FetchSnapshotResponse): Handled {
  const { role } = quorum;
  if (role.name !== 'follower' || role.leaderId !== from || role.fetchingSnapshot === null) {
    return 'answered';
  }
  const fetching = role.fetchingSnapshot;
  const { snapshotId, errorCode } = response;
  if (errorCode === ErrorCode.SNAPSHOT_NOT_FOUND || snapshotId.endOffset < 0 || snapshotId.epoch < 0) {
    // The leader has removed it meanwhile: the next Fetch names another.
    role.fetchingSnapshot = null;
    role.fetchAtMs = quorum.nowMs + quorum.config.fetchTimeoutMs;
    return 'answered';
  }
  if (errorCode !== ErrorCode.NONE) {
    role.fetchingSnapshot = null;
    return outcome(quorum, from, errorCode);
  }
  const bytes = response.unalignedRecords;
  const end = response.position + bytes.length;
  if (
    !sameSnapshot(snapshotId, fetching.id) ||
    response.position !== fetching.position ||
    end > response.size ||
    (bytes.length === 0 && end < response.size)
  ) {
    quorum.note('error', 'the leader sent a slice that does not follow on the snapshot', from);
    role.fetchingSnapshot = null;
    return 'failed';
  }
  fetching.position = end;
  fetching.storing = end === response.size;
  quorum.emit({
    type: 'storeSnapshotChunk',
    snapshotId: fetching.id,
    position: response.position,
    bytes,
    last: fetching.storing,
  });
  role.fetchAtMs = quorum.nowMs + quorum.config.fetchTimeoutMs;
  return 'answered';
}

/** A fetched snapshot is durable. Whatever the role is by now, what it holds is committed. */
export function snapshotStored(quorum: Quorum, id: SnapshotId): void {
  const { role } = quorum;
  if (
    role.name === 'follower' &&
    role.fetchingSnapshot !== null &&
    sameSnapshot(role.fetchingSnapshot.id, id)
  ) {
    role.fetchingSnapshot = null;
    role.fetchAtMs = quorum.nowMs + quorum.config.fetchTimeoutMs;
  }
  restartAtSnapshot(quorum, id);
}

/** Starts the log again at a snapshot that is ahead of it, as KafkaMetadataLog.truncateToLatestSnapshot. */
function restartAtSnapshot(quorum: Quorum, id: SnapshotId): void {
  const { log } = quorum;
  const end = { endOffset: log.endOffset, epoch: log.lastEpoch };
  if (quorum.leader === null && id.endOffset >= quorum.highWatermark && compareSnapshots(id, end) > 0) {
    quorum.restartLogAt(id);
  } else {
    log.snapshotAdded(id);
  }
}
