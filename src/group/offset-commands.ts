/**
 * OffsetCommit 1 to 9, TxnOffsetCommit 0 to 3 and OffsetFetch 1 to 9.
 *
 * OffsetCommit 1: members and a timestamp of the client's; 2 to 4: a retention time of its own; 6: leader epoch;
 * 7: static members. TxnOffsetCommit 3: members (KIP-447). OffsetFetch 7: stable offsets only (KIP-447).
 * OffsetCommit 9 and OffsetFetch 9: member epochs (KIP-848).
 *
 * A commit takes effect when its record is committed, never before: what OffsetFetch tells can't be lost.
 * The oracle is GroupCoordinator.scala and GroupMetadataManager.storeOffsets.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { GroupOffsets, OffsetAndMetadata, PartitionOffset } from './offsets.ts';
import type { Command, PartitionsOfTopic, Responses, TransactionOfWrite } from './outcome.ts';
import { PartitionMap } from './partition-map.ts';
import { renewSession } from './rebalance.ts';
import { offsetCommitKey, offsetCommitValue } from './records.ts';
import { commitErrors, fetchError } from './responses.ts';
import type { Group, Shard } from './shard.ts';
import { isDead } from './shard.ts';
import { checkMemberOfGeneration } from './sync.ts';

type CommitCommand = Extract<Command, { type: 'commitOffsets' }>;
type TransactionalCommitCommand = Extract<Command, { type: 'commitTransactionalOffsets' }>;
type FetchCommand = Extract<Command, { type: 'fetchOffsets' }>;

/** -1 in a request: the client left it to the broker. */
const UNSET = -1;

// Commit -----------------------------------------------------------------------------------------------------

interface Committer {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
}

export function commitOffsets(shard: Shard, token: number, command: CommitCommand): void {
  const { request } = command;
  const by: Committer = {
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generationId: request.generationIdOrMemberEpoch,
  };
  const refuse = (errorCode: number) =>
    shard.answer('commitOffsets', token, commitErrors(request.topics, errorCode));
  let group: Group | null | undefined = shard.groups.get(request.groupId);
  if (group === undefined) {
    // Only who needs no membership may store offsets in a group that does not exist.
    if (by.generationId >= 0) {
      refuse((command.version ?? 0) >= 9 ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION);
      return;
    }
    group = shard.getOrCreate(request.groupId);
    if (group === null) {
      refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE);
      return;
    }
  }
  const errorCode =
    group.type === 'consumer'
      ? checkConsumerCommit(group, by, false, command.version ?? 0)
      : checkClassicCommit(group, by);
  if (errorCode !== ErrorCode.NONE) {
    refuse(errorCode);
    return;
  }
  // To a classic group a commit is a sign of life.
  if (group.type === 'classic' && group.state !== 'Empty') renewSession(shard, group.member(by.memberId));
  const { wallMs } = shard.now;
  const expireTimestampMs = request.retentionTimeMs === UNSET ? UNSET : wallMs + request.retentionTimeMs;
  storeOffsets(shard, group, token, collect(request.topics, wallMs, expireTimestampMs), null);
}

export function commitTransactionalOffsets(
  shard: Shard,
  token: number,
  command: TransactionalCommitCommand,
): void {
  const { request } = command;
  const group = shard.getOrCreate(request.groupId);
  const errorCode = checkTransactionalCommit(group, request);
  if (group === null || errorCode !== ErrorCode.NONE) {
    shard.answer('commitTransactionalOffsets', token, commitErrors(request.topics, errorCode));
    return;
  }
  storeOffsets(shard, group, token, collect(request.topics, shard.now.wallMs, UNSET), {
    transactionalId: request.transactionalId,
    producerId: request.producerId,
    producerEpoch: request.producerEpoch,
  });
}

function checkClassicCommit(group: ClassicGroup, by: Committer): number {
  const errorCode = checkCommit(group, by, false);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  // The member has its new generation, but not yet what it may commit for.
  return group.state === 'CompletingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

function checkTransactionalCommit(group: Group | null, by: Committer): number {
  if (group === null) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (group.type === 'classic') return checkCommit(group, by, true);
  const errorCode = checkConsumerCommit(group, by, true, 0);
  // Producers know the errors of generations only.
  return errorCode === ErrorCode.STALE_MEMBER_EPOCH ? ErrorCode.ILLEGAL_GENERATION : errorCode;
}

/** The same for groups under the consumer protocol: see ConsumerGroup.validateOffsetCommit. */
function checkConsumerCommit(
  group: ConsumerGroup,
  by: Committer,
  isTransactional: boolean,
  version: number,
): number {
  if (group.isDead) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (by.generationId < 0 && group.members.size === 0) return ErrorCode.NONE;
  const isAnonymous = by.generationId < 0 && by.memberId === '' && by.groupInstanceId === null;
  if (isTransactional && isAnonymous) return ErrorCode.NONE;
  if (!group.members.has(by.memberId)) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (group.current(by.memberId).memberEpoch === by.generationId) return ErrorCode.NONE;
  // The error came with version 9.
  return isTransactional || version >= 9 ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.UNSUPPORTED_VERSION;
}

/** Whether the committer may commit. NONE, or the error. See validateOffsetCommit. */
function checkCommit(group: ClassicGroup, by: Committer, isTransactional: boolean): number {
  if (group.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  // An administrator, or a consumer that assigns its partitions itself.
  if (by.generationId < 0 && group.state === 'Empty') return ErrorCode.NONE;
  if (by.generationId >= 0 || by.memberId !== '' || by.groupInstanceId !== null) {
    return checkMemberOfGeneration(group, by);
  }
  // Transactional commits before version 3 could not name a member.
  if (!isTransactional && group.state !== 'Empty') return ErrorCode.UNKNOWN_MEMBER_ID;
  return ErrorCode.NONE;
}

interface TopicToCommit {
  readonly name: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly committedOffset: bigint;
    readonly committedLeaderEpoch: number;
    readonly commitTimestamp?: bigint;
    readonly committedMetadata: string | null;
  }[];
}

/** What is to be stored, by partition; of a partition named twice the last. */
function collect(
  topics: readonly TopicToCommit[],
  wallMs: number,
  expireTimestampMs: number,
): PartitionMap<OffsetAndMetadata> {
  const offsets = new PartitionMap<OffsetAndMetadata>();
  for (const { name, partitions } of topics) {
    for (const partition of partitions) {
      const { commitTimestamp = BigInt(UNSET) } = partition;
      offsets.set(name, partition.partitionIndex, {
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.committedMetadata ?? '',
        commitTimestampMs: commitTimestamp === BigInt(UNSET) ? BigInt(wallMs) : commitTimestamp,
        expireTimestampMs,
      });
    }
  }
  return offsets;
}

/** Of every batch of committed offsets, also of those without a producer: see generateOffsetRecords. */
const COMMIT_SEQUENCE = 0;

function storeOffsets(
  shard: Shard,
  group: Group,
  token: number,
  offsets: PartitionMap<OffsetAndMetadata>,
  transaction: TransactionOfWrite | null,
): void {
  const type = transaction === null ? 'commitOffsets' : 'commitTransactionalOffsets';
  const { maxMetadataSize } = shard.config;
  const accepted: PartitionOffset[] = [];
  for (const [topic, partition, value] of offsets.entries()) {
    if (value.metadata.length <= maxMetadataSize) accepted.push({ topic, partition, value });
  }
  const answer = (errorCode: number) =>
    shard.answer(type, token, commitAnswer(offsets, maxMetadataSize, errorCode));
  if (accepted.length === 0) {
    answer(ErrorCode.NONE);
    return;
  }
  const producerId = transaction?.producerId ?? null;
  const writeId = shard.write(
    accepted.map(({ topic, partition, value }) => ({
      key: offsetCommitKey(group.groupId, topic, partition),
      value: offsetCommitValue(value),
    })),
    {
      end: () => {
        for (const { topic, partition } of accepted) group.offsets.end(writeId, topic, partition, producerId);
      },
      apply: (baseOffset) => applyCommit(shard, group, accepted, baseOffset, producerId),
      settle: ({ errorCode }) => {
        answer(commitErrorCode(errorCode));
        if (group.type === 'classic') shard.noteIfHollow(group);
      },
    },
    transaction,
    COMMIT_SEQUENCE,
  );
  for (const { topic, partition } of accepted) group.offsets.begin(writeId, topic, partition, producerId);
}

function commitAnswer(
  offsets: PartitionMap<OffsetAndMetadata>,
  maxMetadataSize: number,
  errorCode: number,
): Responses['commitOffsets'] {
  const topics = [];
  for (const [name, partitions] of offsets.topics()) {
    topics.push({
      name,
      partitions: [...partitions].map(([partitionIndex, { metadata }]) => ({
        partitionIndex,
        errorCode: metadata.length <= maxMetadataSize ? errorCode : ErrorCode.OFFSET_METADATA_TOO_LARGE,
      })),
    });
  }
  return { throttleTimeMs: 0, topics };
}

function applyCommit(
  shard: Shard,
  group: Group,
  committed: readonly PartitionOffset[],
  baseOffset: number,
  producerId: number | null,
): void {
  // Removed meanwhile, and with it, further on in the log, these offsets.
  if (shard.groups.get(group.groupId)?.offsets !== group.offsets) return;
  let recordOffset = baseOffset;
  for (const { topic, partition, value } of committed) {
    const stored = { ...value, recordOffset };
    recordOffset++;
    if (producerId === null) group.offsets.store(topic, partition, stored);
    else group.offsets.storeTransactional(producerId, topic, partition, stored);
  }
  if (producerId !== null) joinTransaction(shard, group.offsets, producerId);
}

export function joinTransaction(shard: Shard, offsets: GroupOffsets, producerId: number): void {
  const open = shard.openTransactions.get(producerId);
  if (open === undefined) shard.openTransactions.set(producerId, new Set([offsets]));
  else open.add(offsets);
}

/** The marker of a transaction is committed: its offsets become visible, or are forgotten. */
export function endTransaction(shard: Shard, producerId: number, isCommit: boolean): void {
  const open = shard.openTransactions.get(producerId);
  if (open === undefined) return;
  shard.openTransactions.delete(producerId);
  for (const offsets of open) offsets.endTransaction(producerId, isCommit);
}

/** What a committer hears when the append failed: see GroupMetadataManager.maybeConvertOffsetCommitError. */
export function commitErrorCode(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return ErrorCode.INVALID_COMMIT_OFFSET_SIZE;
    default:
      return errorCode;
  }
}

// Fetch ------------------------------------------------------------------------------------------------------

export function fetchOffsets(shard: Shard, token: number, command: FetchCommand): void {
  const { groupId, topics, requireStable } = command;
  const found = shard.groups.get(groupId);
  const group = found !== undefined && isDead(found) ? undefined : found;
  const errorCode = checkFetch(group, command);
  if (errorCode !== ErrorCode.NONE) {
    shard.answer('fetchOffsets', token, fetchError(groupId, topics, errorCode));
    return;
  }
  const asked = topics === null ? all(group) : distinct(topics);
  shard.answer('fetchOffsets', token, {
    groupId,
    errorCode: ErrorCode.NONE,
    topics: asked.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partition) => fetched(group, name, partition, requireStable)),
    })),
  });
}

/** Whether the member is one, and in its present epoch: see ConsumerGroup.validateOffsetFetch. */
function checkFetch(group: Group | undefined, { memberId = null, memberEpoch = -1 }: FetchCommand): number {
  if (group?.type !== 'consumer' || (memberId === null && memberEpoch < 0)) return ErrorCode.NONE;
  if (memberId === null || !group.members.has(memberId)) return ErrorCode.UNKNOWN_MEMBER_ID;
  const isCurrent = group.current(memberId).memberEpoch === memberEpoch;
  return isCurrent ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH;
}

function all(group: Group | undefined): PartitionsOfTopic[] {
  if (group === undefined) return [];
  return [...group.offsets.committed.topics()].map(([name, partitions]) => ({
    name,
    partitionIndexes: [...partitions.keys()],
  }));
}

/** Each partition once, in the order in which they were asked for. */
function distinct(topics: readonly PartitionsOfTopic[]): PartitionsOfTopic[] {
  const byTopic = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of topics) {
    if (partitionIndexes.length === 0) continue;
    const partitions = byTopic.get(name) ?? new Set();
    byTopic.set(name, partitions);
    for (const partition of partitionIndexes) partitions.add(partition);
  }
  return [...byTopic].map(([name, partitions]) => ({ name, partitionIndexes: [...partitions] }));
}

function fetched(group: Group | undefined, topic: string, partitionIndex: number, requireStable: boolean) {
  const none = { partitionIndex, committedOffset: BigInt(UNSET), committedLeaderEpoch: -1, metadata: '' };
  if (requireStable && group?.offsets.isUnstable(topic, partitionIndex)) {
    return { ...none, errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT };
  }
  const stored = group?.offsets.committed.get(topic, partitionIndex);
  if (stored === undefined) return { ...none, errorCode: ErrorCode.NONE };
  return {
    partitionIndex,
    committedOffset: stored.offset,
    committedLeaderEpoch: stored.leaderEpoch,
    metadata: stored.metadata,
    errorCode: ErrorCode.NONE,
  };
}
