/**
 * What takes offsets and groups away: OffsetDelete, DeleteGroups, the deletion of topics, and retention (KIP-211).
 *
 * Everything goes through tombstones, and is gone when they are committed. A group that is being removed is Dead
 * in between, and Empty again should the write fail; Kafka forgets it at once, and after a failure has it back
 * with the next load.
 * The oracle is GroupMetadataManager.cleanupGroupMetadata and GroupMetadata.removeExpiredOffsets.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { removeConsumerGroup } from './consumer-removal.ts';
import { whenSettled } from './consumer-writes.ts';
import { commitErrorCode } from './offset-commands.ts';
import type { StoredOffset } from './offsets.ts';
import type { Command, CoordinatorRecord, PartitionsOfTopic } from './outcome.ts';
import { PartitionMap } from './partition-map.ts';
import { noteFailedWrite } from './rebalance.ts';
import { groupMetadataKey, offsetCommitKey } from './records.ts';
import type { Group, Shard } from './shard.ts';
import { isDead } from './shard.ts';

type DeleteOffsetsCommand = Extract<Command, { type: 'deleteOffsets' }>;
type DeleteGroupCommand = Extract<Command, { type: 'deleteGroup' }>;
type DeletePartitionsCommand = Extract<Command, { type: 'deletePartitions' }>;

/** Tombstones per write, so that a group of any size fits into batches. */
const TOMBSTONES_PER_WRITE = 1_000;

interface Partition {
  readonly topic: string;
  readonly partition: number;
}

const isEmpty = (group: Group): boolean => group.state === 'Empty' || group.state === 'empty';

/** Whether members consume the topic. */
const isInUse = (group: Group, topic: string): boolean =>
  (group.state === 'Stable' || group.type === 'consumer') && group.isSubscribedTo(topic);

/** Writes tombstones for the partitions, and tells the outcome of the whole. */
function writeTombstones(
  shard: Shard,
  group: Group,
  partitions: readonly Partition[],
  settle: (errorCode: number) => void,
  last: CoordinatorRecord | null = null,
): void {
  const chunks: Partition[][] = [];
  for (let i = 0; i < partitions.length; i += TOMBSTONES_PER_WRITE) {
    chunks.push(partitions.slice(i, i + TOMBSTONES_PER_WRITE));
  }
  if (chunks.length === 0 && last !== null) chunks.push([]);
  let open = chunks.length;
  let firstError: number = ErrorCode.NONE;
  if (open === 0) settle(firstError);
  for (const [i, chunk] of chunks.entries()) {
    const records: CoordinatorRecord[] = chunk.map(({ topic, partition }) => ({
      key: offsetCommitKey(group.groupId, topic, partition),
      value: null,
    }));
    if (last !== null && i === chunks.length - 1) records.push(last);
    shard.write(records, {
      apply: (baseOffset) => {
        for (const [at, { topic, partition }] of chunk.entries()) {
          group.offsets.remove(topic, partition, baseOffset + at);
        }
      },
      settle: ({ errorCode }) => {
        if (firstError === ErrorCode.NONE) firstError = errorCode;
        open--;
        if (open === 0) settle(firstError);
      },
    });
  }
}

function partitionsOf(map: PartitionMap<unknown>): Partition[] {
  return [...map.entries()].map(([topic, partition]) => ({ topic, partition }));
}

function removeEmptyGroup(
  shard: Shard,
  group: Group,
  why: 'deleted' | 'nothing left',
  settle: (errorCode: number) => void,
): void {
  if (group.type === 'classic') removeEmptyClassicGroup(shard, group, why, settle);
  else removeEmptyConsumerGroup(shard, group, why, settle);
}

function removeEmptyConsumerGroup(
  shard: Shard,
  group: ConsumerGroup,
  why: 'deleted' | 'nothing left',
  settle: (errorCode: number) => void,
): void {
  const { groupId, groupEpoch } = group;
  const offsetCount = group.offsets.count;
  const removeOffsets = (then: (errorCode: number) => void) =>
    writeTombstones(shard, group, partitionsOf(group.offsets.allPartitions()), then);
  removeConsumerGroup(shard, group, removeOffsets, (errorCode) => {
    if (errorCode === ErrorCode.NONE) {
      shard.note({ event: 'group removed', groupId, generationId: groupEpoch, why, offsetCount });
    } else noteFailedWrite(shard, group, 'removal of the group', errorCode);
    settle(errorCode);
  });
}

/** Removes an empty group with all that it has. */
function removeEmptyClassicGroup(
  shard: Shard,
  group: ClassicGroup,
  why: 'deleted' | 'nothing left',
  settle: (errorCode: number) => void,
): void {
  const { generationId } = group;
  const offsetCount = group.offsets.count;
  // The timestamp stays: should the write fail, the group has been empty all the while.
  group.transitionTo('Dead', group.stateTimestampMs);
  // A group that never had a generation has no record of its own.
  const tombstone = generationId > 0 ? { key: groupMetadataKey(group.groupId), value: null } : null;
  const partitions = partitionsOf(group.offsets.allPartitions());
  const settled = (errorCode: number) => {
    if (errorCode === ErrorCode.NONE) {
      shard.removeGroup(group);
      shard.note({ event: 'group removed', groupId: group.groupId, generationId, why, offsetCount });
    } else {
      group.revive();
      noteFailedWrite(shard, group, 'removal of the group', errorCode);
    }
    settle(errorCode);
  };
  writeTombstones(shard, group, partitions, settled, tombstone);
}

/** After offsets went: a group without members and offsets goes, too. */
function removeIfNothingLeft(shard: Shard, group: Group): void {
  if (!isEmpty(group) || !group.offsets.isEmpty || shard.groups.get(group.groupId) !== group) return;
  // Somebody was told to come back with a member id.
  if (group.type === 'classic' && group.pendingMembers.size > 0) return;
  // The next look at retention is soon enough.
  if (group.type === 'consumer' && group.isWriting) return;
  removeEmptyGroup(shard, group, 'nothing left', () => {});
}

// DeleteGroups -----------------------------------------------------------------------------------------------

export function deleteGroup(shard: Shard, token: number, command: DeleteGroupCommand): void {
  const { groupId } = command;
  const group = shard.groups.get(groupId);
  const answer = (errorCode: number) => shard.answer('deleteGroup', token, { groupId, errorCode });
  if (group?.type === 'consumer' && group.isWriting) {
    const run = () => deleteGroup(shard, token, command);
    whenSettled(group, { isExclusive: true, run, refuse: answer });
  } else if (group === undefined || isDead(group)) answer(ErrorCode.GROUP_ID_NOT_FOUND);
  else if (!isEmpty(group)) answer(ErrorCode.NON_EMPTY_GROUP);
  else removeEmptyGroup(shard, group, 'deleted', (errorCode) => answer(commitErrorCode(errorCode)));
}

// OffsetDelete 0 (KIP-496) -------------------------------------------------------------------------------------

export function deleteOffsets(shard: Shard, token: number, command: DeleteOffsetsCommand): void {
  const { request } = command;
  const group = shard.groups.get(request.groupId);
  const answer = (errorCode: number, results: PartitionMap<number>) =>
    shard.answer('deleteOffsets', token, {
      throttleTimeMs: 0,
      errorCode,
      topics: [...results.topics()].map(([name, partitions]) => ({
        name,
        partitions: [...partitions].map(([partitionIndex, code]) => ({ partitionIndex, errorCode: code })),
      })),
    });
  const results = new PartitionMap<number>();
  if (group === undefined || isDead(group)) {
    answer(ErrorCode.GROUP_ID_NOT_FOUND, results);
    return;
  }
  // Whether offsets of a live group are in use can be told of the consumer's own protocol only.
  if (group.type === 'classic' && !isEmpty(group) && !group.isConsumerGroup) {
    answer(ErrorCode.NON_EMPTY_GROUP, results);
    return;
  }
  const eligible: Partition[] = [];
  for (const { name, partitions } of request.topics) {
    const isInUse = !isEmpty(group) && group.isSubscribedTo(name);
    for (const { partitionIndex } of partitions) {
      if (results.has(name, partitionIndex)) continue;
      results.set(name, partitionIndex, isInUse ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE);
      if (!isInUse) eligible.push({ topic: name, partition: partitionIndex });
    }
  }
  const stored = group.offsets.allPartitions();
  const present = eligible.filter(({ topic, partition }) => stored.has(topic, partition));
  writeTombstones(shard, group, present, (errorCode) => {
    if (errorCode !== ErrorCode.NONE) {
      for (const { topic, partition } of present) results.set(topic, partition, commitErrorCode(errorCode));
    }
    answer(ErrorCode.NONE, results);
    if (eligible.length > 0) removeIfNothingLeft(shard, group);
  });
}

// Deleted topics ---------------------------------------------------------------------------------------------

export function deletePartitions(shard: Shard, token: number, command: DeletePartitionsCommand): void {
  let offsetCount = 0;
  for (const group of [...shard.groups.values()]) {
    if (isDead(group)) continue;
    const present = presentIn(group, command.topics);
    if (present.length === 0) continue;
    offsetCount += present.length;
    writeTombstones(shard, group, present, (errorCode) => {
      if (errorCode === ErrorCode.NONE) removeIfNothingLeft(shard, group);
      else noteFailedWrite(shard, group, 'offsets of deleted partitions', errorCode);
    });
  }
  shard.answer('deletePartitions', token, { offsetCount });
}

function presentIn(group: Group, topics: readonly PartitionsOfTopic[]): Partition[] {
  const stored = group.offsets.allPartitions();
  const present: Partition[] = [];
  for (const { name, partitionIndexes } of topics) {
    for (const partition of partitionIndexes) {
      if (stored.has(name, partition)) present.push({ topic: name, partition });
    }
  }
  return present;
}

// Retention (KIP-211) ----------------------------------------------------------------------------------------

/** Lets go what has not been committed, or whose group has been empty, for the retention time. */
export function expireOffsets(shard: Shard): void {
  for (const group of [...shard.groups.values()]) {
    if (isDead(group)) continue;
    if (group.type === 'classic' && group.isHollow) {
      shard.removeGroup(group);
      continue;
    }
    const expired = expiredOffsets(shard, group);
    if (expired.length === 0) {
      removeIfNothingLeft(shard, group);
      continue;
    }
    shard.note({ event: 'offsets expired', groupId: group.groupId, offsetCount: expired.length });
    writeTombstones(shard, group, expired, (errorCode) => {
      if (errorCode === ErrorCode.NONE) removeIfNothingLeft(shard, group);
      else noteFailedWrite(shard, group, 'expired offsets', errorCode);
    });
  }
}

function expiredOffsets(shard: Shard, group: Group): Partition[] {
  const sinceMs = retentionBegins(group);
  if (sinceMs === null) return [];
  const { wallMs } = shard.now;
  const { offsetsRetentionMs } = shard.config;
  const expired: Partition[] = [];
  for (const [topic, partition, stored] of group.offsets.committed.entries()) {
    if (isInUse(group, topic)) continue;
    if (group.offsets.isUnstable(topic, partition)) continue;
    // An expiry of its own, from OffsetCommit 2 to 4, comes before all else.
    const isExpired =
      stored.expireTimestampMs === -1
        ? wallMs - sinceMs(stored) >= offsetsRetentionMs
        : wallMs >= stored.expireTimestampMs;
    if (isExpired) expired.push({ topic, partition });
  }
  return expired;
}

/** From when on the retention of an offset is counted, or null when the group keeps all. */
function retentionBegins(group: Group): ((stored: StoredOffset) => number) | null {
  const atCommit = (stored: StoredOffset) => Number(stored.commitTimestampMs);
  // What members of the consumer protocol no longer subscribe to; all, when there are none.
  if (group.type === 'consumer') return atCommit;
  // Never had members: a store for consumers that assign their partitions themselves.
  if (group.protocolType === null) return atCommit;
  if (group.state === 'Empty') {
    const emptySinceMs = group.stateTimestampMs;
    return emptySinceMs === null ? atCommit : () => emptySinceMs;
  }
  // Of a live group only what its members no longer subscribe to can expire.
  if (group.state === 'Stable' && group.isConsumerGroup && group.subscribed !== null) return atCommit;
  return null;
}
