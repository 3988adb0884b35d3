/**
 * The core's messages ⇄ Kafka's Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch, FetchSnapshot and DescribeQuorum.
 *
 * Always true: a request for another cluster or another partition never reaches the core; it is answered with a
 * top-level error, as KafkaRaftClient does. A response with a top-level error, or for another partition, reads as null.
 */

import { ErrorCode } from '../../protocol/errors.ts';
import type { BeginQuorumEpoch } from '../../protocol/messages/begin-quorum-epoch.ts';
import type { DescribeQuorum } from '../../protocol/messages/describe-quorum.ts';
import type { EndQuorumEpoch } from '../../protocol/messages/end-quorum-epoch.ts';
import type { Fetch } from '../../protocol/messages/fetch.ts';
import type { FetchSnapshot } from '../../protocol/messages/fetch-snapshot.ts';
import type { Vote } from '../../protocol/messages/vote.ts';
import type { RequestInput, RequestOf, ResponseInput, ResponseOf } from '../../protocol/schema.ts';
import { METADATA_TOPIC_ID } from '../../protocol/uuid.ts';
import type { QuorumDescription } from '../raft/core.ts';
import type { ReplicaProgress } from '../raft/leader.ts';
import type {
  BeginQuorumEpochRequest,
  BeginQuorumEpochResponse,
  EndQuorumEpochRequest,
  EndQuorumEpochResponse,
  FetchRequest,
  FetchResponse,
  FetchSnapshotRequest,
  FetchSnapshotResponse,
  VoteRequest,
  VoteResponse,
} from '../raft/messages.ts';
import { MAX_BATCH_BYTES, splitBatches } from './raft-log.ts';

export const METADATA_TOPIC = '__cluster_metadata';
export const METADATA_PARTITION = 0;

type VoteApi = typeof Vote;
type BeginApi = typeof BeginQuorumEpoch;
type EndApi = typeof EndQuorumEpoch;
type FetchApi = typeof Fetch;
type SnapshotApi = typeof FetchSnapshot;
type DescribeApi = typeof DescribeQuorum;

/** Either the core's request, or the code that refuses the whole. */
export type Incoming<Request> =
  | { readonly request: Request; readonly errorCode: 0 }
  | { readonly request: null; readonly errorCode: number };

const refused = (errorCode: number) => ({ request: null, errorCode }) as const;
const accepted = <Request>(request: Request) => ({ request, errorCode: 0 }) as const;

interface NamedTopic<Partition> {
  readonly topicName: string;
  readonly partitions: readonly Partition[];
}

/** The one partition of the one topic that a message of this quorum names. */
function onlyPartition<Partition extends { readonly partitionIndex: number }>(
  topics: readonly NamedTopic<Partition>[],
): Partition | null {
  const [topic] = topics;
  const partition = topic?.partitions[0];
  if (topics.length !== 1 || topic?.partitions.length !== 1 || partition === undefined) {
    return null;
  }
  return topic.topicName === METADATA_TOPIC && partition.partitionIndex === METADATA_PARTITION
    ? partition
    : null;
}

const isForeign = (clusterId: string | null, own: string): boolean => clusterId !== null && clusterId !== own;

const named = <Partition>(partition: Partition) => [
  { topicName: METADATA_TOPIC, partitions: [{ partitionIndex: METADATA_PARTITION, ...partition }] },
];

// ---- Vote

export function readVote(message: RequestOf<VoteApi>, clusterId: string): Incoming<VoteRequest> {
  const partition = onlyPartition(message.topics);
  if (isForeign(message.clusterId, clusterId)) return refused(ErrorCode.INCONSISTENT_CLUSTER_ID);
  if (partition === null) return refused(ErrorCode.INVALID_REQUEST);
  const { candidateId, candidateEpoch, lastOffsetEpoch, lastOffset } = partition;
  return accepted({
    kind: 'vote',
    candidateId,
    candidateEpoch,
    lastOffsetEpoch,
    lastOffset,
    preVote: false,
  });
}

export function writeVote(request: VoteRequest, clusterId: string): RequestInput<VoteApi> {
  const { candidateId, candidateEpoch, lastOffsetEpoch, lastOffset } = request;
  return { clusterId, topics: named({ candidateEpoch, candidateId, lastOffsetEpoch, lastOffset }) };
}

export function writeVoteResponse(response: VoteResponse): ResponseInput<VoteApi> {
  const { errorCode, leaderId, leaderEpoch, voteGranted } = response;
  return { errorCode: ErrorCode.NONE, topics: named({ errorCode, leaderId, leaderEpoch, voteGranted }) };
}

export function readVoteResponse(message: ResponseOf<VoteApi>): VoteResponse | null {
  const partition = message.errorCode === ErrorCode.NONE ? onlyPartition(message.topics) : null;
  return partition === null
    ? null
    : { ...answered(partition), kind: 'vote', voteGranted: partition.voteGranted };
}

interface Answer {
  readonly errorCode: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

const answered = ({ errorCode, leaderId, leaderEpoch }: Answer): Answer => ({
  errorCode,
  leaderId,
  leaderEpoch,
});

// ---- BeginQuorumEpoch and EndQuorumEpoch

export function readBegin(
  message: RequestOf<BeginApi>,
  clusterId: string,
): Incoming<BeginQuorumEpochRequest> {
  const partition = onlyPartition(message.topics);
  if (isForeign(message.clusterId, clusterId)) return refused(ErrorCode.INCONSISTENT_CLUSTER_ID);
  if (partition === null) return refused(ErrorCode.INVALID_REQUEST);
  const { leaderId, leaderEpoch } = partition;
  return accepted({ kind: 'beginQuorumEpoch', leaderId, leaderEpoch });
}

export function writeBegin(request: BeginQuorumEpochRequest, clusterId: string): RequestInput<BeginApi> {
  const { leaderId, leaderEpoch } = request;
  return { clusterId, topics: named({ leaderId, leaderEpoch }) };
}

export function writeBeginResponse(response: BeginQuorumEpochResponse): ResponseInput<BeginApi> {
  return { errorCode: ErrorCode.NONE, topics: named(answered(response)) };
}

export function readBeginResponse(message: ResponseOf<BeginApi>): BeginQuorumEpochResponse | null {
  const partition = message.errorCode === ErrorCode.NONE ? onlyPartition(message.topics) : null;
  return partition === null ? null : { ...answered(partition), kind: 'beginQuorumEpoch' };
}

export function readEnd(message: RequestOf<EndApi>, clusterId: string): Incoming<EndQuorumEpochRequest> {
  const partition = onlyPartition(message.topics);
  if (isForeign(message.clusterId, clusterId)) return refused(ErrorCode.INCONSISTENT_CLUSTER_ID);
  if (partition === null) return refused(ErrorCode.INVALID_REQUEST);
  const { leaderId, leaderEpoch, preferredSuccessors } = partition;
  return accepted({ kind: 'endQuorumEpoch', leaderId, leaderEpoch, preferredSuccessors });
}

export function writeEnd(request: EndQuorumEpochRequest, clusterId: string): RequestInput<EndApi> {
  const { leaderId, leaderEpoch, preferredSuccessors } = request;
  return {
    clusterId,
    topics: named({ leaderId, leaderEpoch, preferredSuccessors: [...preferredSuccessors] }),
  };
}

export function writeEndResponse(response: EndQuorumEpochResponse): ResponseInput<EndApi> {
  return { errorCode: ErrorCode.NONE, topics: named(answered(response)) };
}

export function readEndResponse(message: ResponseOf<EndApi>): EndQuorumEpochResponse | null {
  const partition = message.errorCode === ErrorCode.NONE ? onlyPartition(message.topics) : null;
  return partition === null ? null : { ...answered(partition), kind: 'endQuorumEpoch' };
}

// ---- Fetch

export function readFetch(message: RequestOf<FetchApi>, clusterId: string): Incoming<FetchRequest> {
  const [topic] = message.topics;
  const partition = topic?.partitions[0];
  if (isForeign(message.clusterId, clusterId)) return refused(ErrorCode.INCONSISTENT_CLUSTER_ID);
  if (
    message.topics.length !== 1 ||
    topic?.partitions.length !== 1 ||
    (topic.topicId !== METADATA_TOPIC_ID && topic.topic !== METADATA_TOPIC) ||
    partition?.partition !== METADATA_PARTITION
  ) {
    return refused(ErrorCode.INVALID_REQUEST);
  }
  return accepted({
    kind: 'fetch',
    replicaId: message.replicaId >= 0 ? message.replicaId : message.replicaState.replicaId,
    currentLeaderEpoch: partition.currentLeaderEpoch,
    fetchOffset: partition.fetchOffset,
    lastFetchedEpoch: partition.lastFetchedEpoch,
    maxWaitMs: message.maxWaitMs,
    // Raft followers leave PartitionMaxBytes at 0: only the whole is bounded.
    maxBytes: Math.min(Math.max(0, message.maxBytes), MAX_BATCH_BYTES),
  });
}

export function writeFetch(request: FetchRequest, clusterId: string): RequestInput<FetchApi> {
  return {
    clusterId,
    replicaId: -1,
    replicaState: { replicaId: request.replicaId, replicaEpoch: -1 },
    maxWaitMs: request.maxWaitMs,
    minBytes: 0,
    maxBytes: request.maxBytes,
    topics: [
      {
        topic: METADATA_TOPIC,
        topicId: METADATA_TOPIC_ID,
        partitions: [
          {
            partition: METADATA_PARTITION,
            currentLeaderEpoch: request.currentLeaderEpoch,
            fetchOffset: request.fetchOffset,
            lastFetchedEpoch: request.lastFetchedEpoch,
            partitionMaxBytes: 0,
          },
        ],
      },
    ],
    forgottenTopicsData: [],
  };
}

export function writeFetchResponse(response: FetchResponse, records: Buffer): ResponseInput<FetchApi> {
  const { divergingEpoch, snapshotId } = response;
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    responses: [
      {
        topic: METADATA_TOPIC,
        topicId: METADATA_TOPIC_ID,
        partitions: [
          {
            partitionIndex: METADATA_PARTITION,
            errorCode: response.errorCode,
            highWatermark: response.highWatermark,
            logStartOffset: response.logStartOffset,
            ...(divergingEpoch === null ? {} : { divergingEpoch }),
            currentLeader: { leaderId: response.leaderId, leaderEpoch: response.leaderEpoch },
            ...(snapshotId === null ? {} : { snapshotId }),
            abortedTransactions: null,
            records,
          },
        ],
      },
    ],
  };
}

export function readFetchResponse(message: ResponseOf<FetchApi>): FetchResponse | null {
  const [topic] = message.responses;
  const partition = topic?.partitions[0];
  const isOurs = topic?.topicId === METADATA_TOPIC_ID || topic?.topic === METADATA_TOPIC;
  if (message.errorCode !== ErrorCode.NONE || !isOurs || partition?.partitionIndex !== METADATA_PARTITION) {
    return null;
  }
  const { divergingEpoch, snapshotId } = partition;
  return {
    kind: 'fetch',
    errorCode: partition.errorCode,
    leaderId: partition.currentLeader.leaderId,
    leaderEpoch: partition.currentLeader.leaderEpoch,
    highWatermark: partition.highWatermark,
    logStartOffset: partition.logStartOffset,
    divergingEpoch: divergingEpoch.epoch < 0 ? null : divergingEpoch,
    snapshotId: snapshotId.epoch < 0 && snapshotId.endOffset < 0 ? null : snapshotId,
    records: partition.records === null ? [] : splitBatches(partition.records),
  };
}

// ---- FetchSnapshot

export function readFetchSnapshot(
  message: RequestOf<SnapshotApi>,
  clusterId: string,
): Incoming<FetchSnapshotRequest> {
  const [topic] = message.topics;
  const partition = topic?.partitions[0];
  if (isForeign(message.clusterId, clusterId)) return refused(ErrorCode.INCONSISTENT_CLUSTER_ID);
  if (message.topics.length !== 1 || topic?.partitions.length !== 1 || partition === undefined) {
    return refused(ErrorCode.INVALID_REQUEST);
  }
  if (topic.name !== METADATA_TOPIC || partition.partition !== METADATA_PARTITION) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  return accepted({
    kind: 'fetchSnapshot',
    replicaId: message.replicaId,
    currentLeaderEpoch: partition.currentLeaderEpoch,
    snapshotId: partition.snapshotId,
    position: partition.position,
    maxBytes: Math.min(Math.max(0, message.maxBytes), MAX_BATCH_BYTES),
  });
}

/** UNKNOWN_TOPIC_OR_PARTITION is told of the partition that was asked for, anything else of the whole. */
export function refuseFetchSnapshot(
  message: RequestOf<SnapshotApi>,
  errorCode: number,
): ResponseInput<SnapshotApi> {
  const [topic] = message.topics;
  if (errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || topic === undefined) {
    return { throttleTimeMs: 0, errorCode, topics: [] };
  }
  const partitions = topic.partitions.map(({ partition }) => ({
    index: partition,
    errorCode,
    snapshotId: { endOffset: 0, epoch: 0 },
    size: 0,
    position: 0,
    unalignedRecords: Buffer.alloc(0),
  }));
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, topics: [{ name: topic.name, partitions }] };
}

export function writeFetchSnapshot(
  request: FetchSnapshotRequest,
  clusterId: string,
): RequestInput<SnapshotApi> {
  const { currentLeaderEpoch, snapshotId, position } = request;
  const partition = { partition: METADATA_PARTITION, currentLeaderEpoch, snapshotId, position };
  return {
    clusterId,
    replicaId: request.replicaId,
    maxBytes: request.maxBytes,
    topics: [{ name: METADATA_TOPIC, partitions: [partition] }],
  };
}

export function writeFetchSnapshotResponse(
  response: FetchSnapshotResponse,
  size: number,
  unalignedRecords: Buffer,
): ResponseInput<SnapshotApi> {
  const { errorCode, snapshotId, position, leaderId, leaderEpoch } = response;
  const partition = {
    index: METADATA_PARTITION,
    errorCode,
    snapshotId,
    currentLeader: { leaderId, leaderEpoch },
    size,
    position,
    unalignedRecords,
  };
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    topics: [{ name: METADATA_TOPIC, partitions: [partition] }],
  };
}

export function readFetchSnapshotResponse(message: ResponseOf<SnapshotApi>): FetchSnapshotResponse | null {
  const [topic] = message.topics;
  const partition = topic?.partitions[0];
  if (
    message.errorCode !== ErrorCode.NONE ||
    topic?.name !== METADATA_TOPIC ||
    partition?.index !== METADATA_PARTITION
  ) {
    return null;
  }
  return {
    kind: 'fetchSnapshot',
    errorCode: partition.errorCode,
    leaderId: partition.currentLeader.leaderId,
    leaderEpoch: partition.currentLeader.leaderEpoch,
    snapshotId: partition.snapshotId,
    size: partition.size,
    position: partition.position,
    unalignedRecords: partition.unalignedRecords ?? Buffer.alloc(0),
  };
}

// ---- DescribeQuorum

/** `toWallMs` turns the core's moments into wall-clock time; -1 stays "never". */
export function writeDescription(
  message: RequestOf<DescribeApi>,
  description: QuorumDescription | null,
  toWallMs: (atMs: number) => number,
): ResponseInput<DescribeApi> {
  if (onlyPartition(message.topics) === null) {
    const topics = message.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) =>
        withoutQuorum(partitionIndex, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
      ),
    }));
    return { errorCode: ErrorCode.NONE, topics };
  }
  if (description === null) {
    const partition = withoutQuorum(METADATA_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER);
    return { errorCode: ErrorCode.NONE, topics: named(partition) };
  }
  const replica = (progress: ReplicaProgress) => ({
    replicaId: progress.id,
    logEndOffset: progress.logEndOffset,
    lastFetchTimestamp: progress.lastFetchMs < 0 ? -1 : toWallMs(progress.lastFetchMs),
    lastCaughtUpTimestamp: progress.lastCaughtUpMs < 0 ? -1 : toWallMs(progress.lastCaughtUpMs),
  });
  const { leaderId, leaderEpoch, highWatermark, voters, observers } = description;
  return {
    errorCode: ErrorCode.NONE,
    topics: named({
      errorCode: ErrorCode.NONE,
      leaderId,
      leaderEpoch,
      highWatermark,
      currentVoters: voters.map(replica),
      observers: observers.map(replica),
    }),
  };
}

const withoutQuorum = (partitionIndex: number, errorCode: number) => ({
  partitionIndex,
  errorCode,
  leaderId: 0,
  leaderEpoch: 0,
  highWatermark: 0,
  currentVoters: [],
  observers: [],
});
