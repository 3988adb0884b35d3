/**
 * What a node answers to the requests of others.
 *
 * Always true: bad input is answered with an error code and changes nothing; a reply waits until the epoch and the
 * vote it tells of are saved; only a leader answers Fetch and FetchSnapshot with data.
 */

import { assert, unreachable } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { LeaderState, ReplicaProgress, WaitingFetch } from './leader.ts';
import type {
  BeginQuorumEpochRequest,
  EndQuorumEpochRequest,
  FetchRequest,
  FetchSnapshotRequest,
  RaftRequest,
  VoteRequest,
} from './messages.ts';
import type { Quorum } from './quorum.ts';

export function handleRequest(quorum: Quorum, requestId: number, request: RaftRequest): void {
  switch (request.kind) {
    case 'vote':
      handleVote(quorum, requestId, request);
      return;
    case 'beginQuorumEpoch':
      handleBeginQuorumEpoch(quorum, requestId, request);
      return;
    case 'endQuorumEpoch':
      handleEndQuorumEpoch(quorum, requestId, request);
      return;
    case 'fetch':
      handleFetch(quorum, requestId, request);
      return;
    case 'fetchSnapshot':
      handleFetchSnapshot(quorum, requestId, request);
      return;
    default:
      unreachable(request);
  }
}

/** The error that a request among voters meets, or NONE. */
function voterOnlyError(quorum: Quorum, remoteId: number, epoch: number): number {
  if (epoch < quorum.epoch) {
    return ErrorCode.FENCED_LEADER_EPOCH;
  }
  if (remoteId < 0) {
    return ErrorCode.INVALID_REQUEST;
  }
  if (!quorum.isVoter() || !quorum.isVoter(remoteId)) {
    return ErrorCode.INCONSISTENT_VOTER_SET;
  }
  return ErrorCode.NONE;
}

/** The error that a request to the leader meets, or NONE. */
function leaderOnlyError(quorum: Quorum, epoch: number): number {
  if (epoch < quorum.epoch) {
    return ErrorCode.FENCED_LEADER_EPOCH;
  }
  if (epoch > quorum.epoch) {
    return ErrorCode.UNKNOWN_LEADER_EPOCH;
  }
  if (quorum.leader === null) {
    return ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }
  return quorum.shutdownAtMs === null ? ErrorCode.NONE : ErrorCode.BROKER_NOT_AVAILABLE;
}

function handleVote(quorum: Quorum, requestId: number, request: VoteRequest): void {
  const answer = (errorCode: number, voteGranted: boolean) =>
    quorum.emit({
      type: 'reply',
      requestId,
      response: {
        kind: 'vote',
        errorCode,
        leaderId: quorum.leaderId,
        leaderEpoch: quorum.epoch,
        voteGranted,
      },
      read: null,
      after: quorum.stateBarrier,
    });
  const { candidateId, candidateEpoch, lastOffset, lastOffsetEpoch } = request;
  if (lastOffset < 0 || lastOffsetEpoch < 0 || lastOffsetEpoch >= candidateEpoch) {
    answer(ErrorCode.INVALID_REQUEST, false);
    return;
  }
  const errorCode = voterOnlyError(quorum, candidateId, candidateEpoch);
  if (errorCode !== ErrorCode.NONE) {
    answer(errorCode, false);
    return;
  }
  const candidateEnd = { epoch: lastOffsetEpoch, endOffset: lastOffset };
  const upToDate = quorum.rules.isUpToDate(candidateEnd, quorum.logEnd);
  if (request.preVote) {
    // KIP-996: would we vote? Not while a leader is at work, and nothing changes either way.
    answer(ErrorCode.NONE, upToDate && quorum.leaderId === -1);
    return;
  }
  if (candidateEpoch > quorum.epoch) {
    quorum.becomeUnattached(candidateEpoch);
  }
  if (quorum.role.name === 'voted') {
    answer(ErrorCode.NONE, quorum.role.votedId === candidateId);
    return;
  }
  // A candidate has voted for itself; leader, resigned and follower know the winner of this epoch.
  const granted = quorum.role.name === 'unattached' && candidateId !== quorum.config.nodeId && upToDate;
  if (granted) {
    quorum.becomeVoted(candidateId);
  }
  answer(ErrorCode.NONE, granted);
}

/**
 * Follows the leader that a voter claims for an epoch not below ours. False where that contradicts what we know:
 * a second leader of one epoch, or ourselves where we do not lead.
 */
export function learnLeader(quorum: Quorum, leaderId: number, epoch: number): boolean {
  if (epoch < quorum.epoch) {
    return true;
  }
  if (leaderId >= 0 && !quorum.isVoter(leaderId)) {
    return false;
  }
  if (leaderId === quorum.config.nodeId && leaderId >= 0) {
    return quorum.leader !== null && epoch === quorum.epoch;
  }
  if (epoch > quorum.epoch) {
    if (leaderId >= 0) {
      quorum.becomeFollower(epoch, leaderId);
    } else {
      quorum.becomeUnattached(epoch);
    }
    return true;
  }
  if (leaderId >= 0 && quorum.leaderId === -1) {
    quorum.becomeFollower(epoch, leaderId);
    return true;
  }
  return leaderId < 0 || leaderId === quorum.leaderId;
}

function handleBeginQuorumEpoch(quorum: Quorum, requestId: number, request: BeginQuorumEpochRequest): void {
  let errorCode = voterOnlyError(quorum, request.leaderId, request.leaderEpoch);
  if (errorCode === ErrorCode.NONE && !learnLeader(quorum, request.leaderId, request.leaderEpoch)) {
    quorum.note('error', 'two leaders were named for one epoch', request.leaderId);
    errorCode = ErrorCode.INVALID_REQUEST;
  }
  quorum.emit({
    type: 'reply',
    requestId,
    response: {
      kind: 'beginQuorumEpoch',
      errorCode,
      leaderId: quorum.leaderId,
      leaderEpoch: quorum.epoch,
    },
    read: null,
    after: quorum.stateBarrier,
  });
}

function handleEndQuorumEpoch(quorum: Quorum, requestId: number, request: EndQuorumEpochRequest): void {
  let errorCode = voterOnlyError(quorum, request.leaderId, request.leaderEpoch);
  if (errorCode === ErrorCode.NONE && !learnLeader(quorum, request.leaderId, request.leaderEpoch)) {
    quorum.note('error', 'two leaders were named for one epoch', request.leaderId);
    errorCode = ErrorCode.INVALID_REQUEST;
  }
  if (
    errorCode === ErrorCode.NONE &&
    quorum.role.name === 'follower' &&
    quorum.role.leaderId === request.leaderId
  ) {
    quorum.role.fetchAtMs = quorum.nowMs + successionDelayMs(quorum, request.preferredSuccessors);
  }
  quorum.emit({
    type: 'reply',
    requestId,
    response: { kind: 'endQuorumEpoch', errorCode, leaderId: quorum.leaderId, leaderEpoch: quorum.epoch },
    read: null,
    after: quorum.stateBarrier,
  });
}

/** The first successor (or whoever is not named) stands at once; each later one waits twice as long. */
function successionDelayMs(quorum: Quorum, successors: readonly number[]): number {
  const position = successors.indexOf(quorum.config.nodeId);
  if (position <= 0) {
    return 0;
  }
  const { electionBackoffMaxMs } = quorum.config;
  const unitMs = electionBackoffMaxMs >> Math.min(30, successors.length - 1);
  return Math.min(electionBackoffMaxMs, unitMs * 2 ** (position - 1));
}

function handleFetch(quorum: Quorum, requestId: number, request: FetchRequest): void {
  if (
    request.maxWaitMs < 0 ||
    request.fetchOffset < 0 ||
    request.lastFetchedEpoch < 0 ||
    request.lastFetchedEpoch > request.currentLeaderEpoch
  ) {
    quorum.refuseFetch(requestId, ErrorCode.INVALID_REQUEST);
    return;
  }
  const errorCode = leaderOnlyError(quorum, request.currentLeaderEpoch);
  if (errorCode !== ErrorCode.NONE) {
    quorum.refuseFetch(requestId, errorCode);
    return;
  }
  if (request.replicaId === quorum.config.nodeId) {
    quorum.refuseFetch(requestId, ErrorCode.UNKNOWN_SERVER_ERROR);
    return;
  }
  const { leader } = quorum;
  assert(leader !== null, 'Only a leader passes the leader check.');
  answerOrPark(quorum, leader, requestId, request);
}

/** Answers a fetch that has something to tell; lets any other wait for records or for a commit. */
function answerOrPark(quorum: Quorum, leader: LeaderState, requestId: number, request: FetchRequest): void {
  const hasNews = takeFetch(quorum, leader, request);
  if (hasNews || request.maxWaitMs === 0) {
    answerFetch(quorum, leader, requestId, request);
  } else {
    const deadlineMs = quorum.nowMs + request.maxWaitMs;
    leader.waiting.push({ requestId, request, deadlineMs });
  }
}

/** Notes a fetch's progress. True when it can be answered with records, a truncation, a snapshot or a commit. */
function takeFetch(quorum: Quorum, leader: LeaderState, request: FetchRequest): boolean {
  if (fetchOutcome(quorum, request).kind !== 'valid') {
    return true;
  }
  if (request.replicaId >= 0) {
    const { endOffset } = quorum.log;
    if (leader.updateReplica(request.replicaId, request.fetchOffset, endOffset, quorum.nowMs)) {
      committed(quorum, leader);
    }
  }
  return request.fetchOffset < quorum.log.endOffset || hasCommitNews(leader, request);
}

function hasCommitNews(leader: LeaderState, request: FetchRequest): boolean {
  const replica = request.replicaId < 0 ? null : replicaOf(leader, request.replicaId);
  return replica !== null && (leader.highWatermark ?? -1) > replica.sentHighWatermark;
}

const replicaOf = (leader: LeaderState, id: number): ReplicaProgress | null =>
  leader.voters.get(id) ?? leader.observers.get(id) ?? null;

function fetchOutcome(quorum: Quorum, request: FetchRequest) {
  const { log } = quorum;
  const { latestSnapshot } = log;
  // For an empty follower a snapshot is the shorter way, even where the log reaches back to 0.
  if (request.fetchOffset === 0 && latestSnapshot !== null) {
    return { kind: 'snapshot', id: latestSnapshot } as const;
  }
  return log.validate(request.fetchOffset, request.lastFetchedEpoch);
}

function answerFetch(quorum: Quorum, leader: LeaderState, requestId: number, request: FetchRequest): void {
  const outcome = fetchOutcome(quorum, request);
  const { log } = quorum;
  const highWatermark = leader.highWatermark ?? -1;
  const replica = request.replicaId < 0 ? null : replicaOf(leader, request.replicaId);
  if (replica !== null && outcome.kind === 'valid') {
    replica.sentHighWatermark = highWatermark;
  }
  const hasRecords = outcome.kind === 'valid' && request.fetchOffset < log.endOffset;
  quorum.emit({
    type: 'reply',
    requestId,
    response: {
      kind: 'fetch',
      errorCode: ErrorCode.NONE,
      leaderId: quorum.leaderId,
      leaderEpoch: quorum.epoch,
      highWatermark,
      logStartOffset: log.startOffset,
      divergingEpoch: outcome.kind === 'diverging' ? outcome.at : null,
      snapshotId: outcome.kind === 'snapshot' ? outcome.id : null,
      records: [],
    },
    // Up to the end of the log, not to the high watermark: replication is what raises the latter.
    read: hasRecords
      ? { kind: 'log', offset: request.fetchOffset, upTo: log.endOffset, maxBytes: request.maxBytes }
      : null,
    after: quorum.stateBarrier,
  });
}

/** The leader's high watermark moved: tell the state machine, and whoever waits to hear of it. */
export function committed(quorum: Quorum, leader: LeaderState): void {
  if (leader.highWatermark !== null) {
    quorum.advanceHighWatermark(leader.highWatermark);
  }
}

/** Answers the waiting fetches that now have news or whose time is up. */
export function wakeFetches(quorum: Quorum): void {
  const { leader } = quorum;
  if (leader === null || leader.waiting.length === 0) {
    return;
  }
  const ready = (fetch: WaitingFetch): boolean =>
    fetch.request.fetchOffset < quorum.log.endOffset ||
    fetch.deadlineMs <= quorum.nowMs ||
    hasCommitNews(leader, fetch.request);
  const woken = leader.waiting.filter(ready);
  if (woken.length > 0) {
    leader.waiting = leader.waiting.filter((fetch) => !ready(fetch));
    for (const { requestId, request } of woken) {
      answerFetch(quorum, leader, requestId, request);
    }
  }
}

export function forgetFetch(quorum: Quorum, requestId: number): void {
  const { leader } = quorum;
  if (leader !== null) {
    leader.waiting = leader.waiting.filter((fetch) => fetch.requestId !== requestId);
  }
}

function handleFetchSnapshot(quorum: Quorum, requestId: number, request: FetchSnapshotRequest): void {
  const { snapshotId, position, maxBytes } = request;
  let errorCode = leaderOnlyError(quorum, request.currentLeaderEpoch);
  if (errorCode === ErrorCode.NONE && !quorum.log.hasSnapshot(snapshotId)) {
    errorCode = ErrorCode.SNAPSHOT_NOT_FOUND;
  } else if (errorCode === ErrorCode.NONE && position < 0) {
    errorCode = ErrorCode.POSITION_OUT_OF_RANGE;
  }
  if (errorCode === ErrorCode.NONE && request.replicaId >= 0) {
    quorum.leader?.fetchedBy(request.replicaId, quorum.nowMs);
  }
  quorum.emit({
    type: 'reply',
    requestId,
    response: {
      kind: 'fetchSnapshot',
      errorCode,
      leaderId: quorum.leaderId,
      leaderEpoch: quorum.epoch,
      snapshotId: errorCode === ErrorCode.NONE ? snapshotId : { endOffset: 0, epoch: 0 },
      size: 0,
      position: errorCode === ErrorCode.NONE ? position : 0,
      unalignedRecords: new Uint8Array(0),
    },
    read: errorCode === ErrorCode.NONE ? { kind: 'snapshot', snapshotId, position, maxBytes } : null,
    after: quorum.stateBarrier,
  });
}
