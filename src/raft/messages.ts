/**
 * The vocabulary of the Raft core: the messages voters and observers exchange, what goes into a step, and what
 * comes out of it.
 *
 * Messages are Kafka's Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch and FetchSnapshot with the nesting of topics
 * and partitions taken off: a quorum has one partition. Field names are Kafka's. The rest of a wire message
 * (cluster id, topic name, top-level error) belongs to the driver.
 *
 * Always true: a step is a function of the core's state and its input; effects are carried out by the driver in
 * the order given. Appends and truncations take effect in the log at once; what needs a disk flush comes back
 * later as an input.
 */

import type { Uuid } from '../../protocol/uuid.ts';

/** The key of a voter. Directory ids are null until kraft.version 1 (KIP-853). */
export interface VoterKey {
  readonly id: number;
  readonly directoryId: Uuid | null;
}

/** A snapshot holds the state made by all records below `endOffset`; `epoch` is that of the last of them. */
export interface SnapshotId {
  readonly endOffset: number;
  readonly epoch: number;
}

export interface EpochEndOffset {
  readonly epoch: number;
  readonly endOffset: number;
}

/** What quorum-state keeps. -1 stands for nobody. At most one of the two ids is set. */
export interface ElectionState {
  readonly leaderEpoch: number;
  readonly leaderId: number;
  readonly votedId: number;
}

/** One record batch as it lies in the log. `bytes` are not looked into by the core. */
export interface RaftBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

export interface VoteRequest {
  readonly kind: 'vote';
  readonly candidateId: number;
  readonly candidateEpoch: number;
  readonly lastOffsetEpoch: number;
  readonly lastOffset: number;
  /** KIP-996: asks whether a vote would be granted, and changes nothing. Never sent before Vote v2 is spoken. */
  readonly preVote: boolean;
}

export interface VoteResponse {
  readonly kind: 'vote';
  readonly errorCode: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly voteGranted: boolean;
}

export interface BeginQuorumEpochRequest {
  readonly kind: 'beginQuorumEpoch';
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface BeginQuorumEpochResponse {
  readonly kind: 'beginQuorumEpoch';
  readonly errorCode: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface EndQuorumEpochRequest {
  readonly kind: 'endQuorumEpoch';
  readonly leaderId: number;
  readonly leaderEpoch: number;
  /** Voters by how much of the log they have, the best first. */
  readonly preferredSuccessors: readonly number[];
}

export interface EndQuorumEpochResponse {
  readonly kind: 'endQuorumEpoch';
  readonly errorCode: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface FetchRequest {
  readonly kind: 'fetch';
  /** -1 for a reader that is no replica. */
  readonly replicaId: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  /** Epoch of the record just below `fetchOffset`, 0 for an empty log. */
  readonly lastFetchedEpoch: number;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

export interface FetchResponse {
  readonly kind: 'fetch';
  readonly errorCode: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  /** -1 while the leader has not committed in its own epoch. */
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly divergingEpoch: EpochEndOffset | null;
  readonly snapshotId: SnapshotId | null;
  /** Whole batches from the fetch offset on. Left empty by the leader's core: the driver reads them. */
  readonly records: readonly RaftBatch[];
}

export interface FetchSnapshotRequest {
  readonly kind: 'fetchSnapshot';
  readonly replicaId: number;
  readonly currentLeaderEpoch: number;
  readonly snapshotId: SnapshotId;
  readonly position: number;
  readonly maxBytes: number;
}

export interface FetchSnapshotResponse {
  readonly kind: 'fetchSnapshot';
  readonly errorCode: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly snapshotId: SnapshotId;
  readonly size: number;
  readonly position: number;
  /** A slice of the snapshot's bytes, not cut at batch borders. Left empty by the leader's core. */
  readonly unalignedRecords: Uint8Array;
}

export type RaftRequest =
  | VoteRequest
  | BeginQuorumEpochRequest
  | EndQuorumEpochRequest
  | FetchRequest
  | FetchSnapshotRequest;

export type RaftResponse =
  | VoteResponse
  | BeginQuorumEpochResponse
  | EndQuorumEpochResponse
  | FetchResponse
  | FetchSnapshotResponse;

export type RaftInput =
  | { readonly type: 'tick' }
  | { readonly type: 'request'; readonly requestId: number; readonly request: RaftRequest }
  /** Whoever sent that request is gone: a waiting Fetch is forgotten. */
  | { readonly type: 'requestCancelled'; readonly requestId: number }
  | {
      readonly type: 'response';
      readonly from: number;
      readonly correlationId: number;
      readonly response: RaftResponse;
    }
  /** No answer will come, or only a top-level error came. */
  | { readonly type: 'requestFailed'; readonly to: number; readonly correlationId: number }
  | { readonly type: 'connectionLost'; readonly nodeId: number }
  | {
      readonly type: 'propose';
      readonly token: number;
      readonly epoch: number;
      /** The offset the first record must get, or null where any will do. */
      readonly requiredBaseOffset: number | null;
      readonly recordCount: number;
      readonly records: Uint8Array;
    }
  | { readonly type: 'electionStateSaved'; readonly version: number }
  /** That flush and all asked for before it have reached the disk. */
  | { readonly type: 'synced'; readonly syncId: number }
  /** The last chunk of a fetched snapshot is durable under its final name. */
  | { readonly type: 'snapshotStored'; readonly snapshotId: SnapshotId }
  /** A snapshot was made here, or old ones were removed and the log start moved up. */
  | {
      readonly type: 'snapshotsChanged';
      readonly logStartOffset: number;
      readonly snapshots: readonly SnapshotId[];
    }
  | { readonly type: 'resign'; readonly epoch: number }
  | { readonly type: 'shutdown'; readonly timeoutMs: number };

/** What must be durable before a message may leave: the barrier is data, and the driver (or simulator) keeps it. */
export interface Barrier {
  /** Election states up to this version are saved; 0 waits for none. */
  readonly stateVersion: number;
  /** Flushes up to this id are done; 0 waits for none. */
  readonly syncId: number;
}

export type RoleName = 'unattached' | 'voted' | 'candidate' | 'leader' | 'resigned' | 'follower';

export interface LeaderChange {
  readonly leaderId: number;
  readonly voters: readonly VoterKey[];
  readonly grantingVoters: readonly number[];
}

/** What the leader's driver reads into a reply before it sends it. */
export type ReplyRead =
  | { readonly kind: 'log'; readonly offset: number; readonly upTo: number; readonly maxBytes: number }
  | {
      readonly kind: 'snapshot';
      readonly snapshotId: SnapshotId;
      readonly position: number;
      readonly maxBytes: number;
    };

export type AppendPayload =
  | { readonly kind: 'leaderChange'; readonly leaderChange: LeaderChange }
  | { readonly kind: 'proposal'; readonly records: Uint8Array }
  | { readonly kind: 'fetched'; readonly batches: readonly RaftBatch[] };

export interface SendEffect {
  readonly type: 'send';
  readonly to: number;
  readonly correlationId: number;
  readonly request: RaftRequest;
  readonly after: Barrier;
}

export interface ReplyEffect {
  readonly type: 'reply';
  readonly requestId: number;
  readonly response: RaftResponse;
  readonly read: ReplyRead | null;
  readonly after: Barrier;
}

export type RaftEffect =
  | SendEffect
  | ReplyEffect
  /** A later version covers the earlier ones: only the newest need be written. */
  | { readonly type: 'saveElectionState'; readonly version: number; readonly state: ElectionState }
  | {
      readonly type: 'append';
      readonly baseOffset: number;
      readonly lastOffset: number;
      readonly epoch: number;
      readonly payload: AppendPayload;
    }
  | { readonly type: 'sync'; readonly syncId: number; readonly upTo: number }
  | { readonly type: 'truncateTo'; readonly offset: number }
  /** Empty the log and start it again at the snapshot's end. */
  | { readonly type: 'truncateFullyTo'; readonly snapshotId: SnapshotId }
  | {
      readonly type: 'storeSnapshotChunk';
      readonly snapshotId: SnapshotId;
      readonly position: number;
      readonly bytes: Uint8Array;
      readonly last: boolean;
    }
  | { readonly type: 'highWatermark'; readonly offset: number }
  | {
      readonly type: 'roleChanged';
      readonly role: RoleName;
      readonly epoch: number;
      /** -1 where no leader is known, or a leader is giving up. */
      readonly leaderId: number;
      /** First offset of the leader's own epoch, -1 in every other role. */
      readonly epochStartOffset: number;
    }
  | {
      readonly type: 'proposed';
      readonly token: number;
      readonly errorCode: number;
      /** -1 where the proposal was refused. */
      readonly baseOffset: number;
    }
  /** Leadership is lost: whatever was proposed and is not committed has an unknown fate. */
  | { readonly type: 'failPending' }
  | { readonly type: 'shutdownComplete'; readonly graceful: boolean }
  | {
      readonly type: 'note';
      readonly level: 'info' | 'warn' | 'error';
      readonly text: string;
      readonly nodeId: number;
    };
