/**
 * From records back to state: what a new coordinator does before it serves.
 *
 * What is always true: replaying the records that a machine wrote, in their order, gives the committed offsets,
 * the pending transactional offsets, and of each group the newest generation that was written.
 */
import type { ClassicGroup } from './classic-group.ts';
import type { ConsumerChange } from './consumer-changes.ts';
import { decodeConsumerChange, decodeConsumerKey } from './consumer-changes.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { joinTransaction } from './offset-commands.ts';
import type { DecodedKey } from './records.ts';
import { decodeGroupMetadataValue, decodeKey, decodeOffsetCommitValue } from './records.ts';
import type { Group, Shard } from './shard.ts';

export interface LoggedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly offset: number;
  /** Of the batch; only a transactional one counts. */
  readonly producerId: number;
  readonly isTransactional: boolean;
}

/**
 * Applies one record. Returns why it was left out, or null. A record that can't be read was written by somebody
 * newer or by a bug: the others are worth more than a coordinator that does not start.
 */
export function replayRecord(shard: Shard, record: LoggedRecord): string | null {
  if (record.key === null) return 'no key';
  let key: DecodedKey;
  try {
    key = decodeKey(record.key);
  } catch {
    return 'unreadable key';
  }
  switch (key.type) {
    case 'offset':
      return replayOffset(shard, record, key);
    case 'group':
      return replayGroup(shard, record, key.groupId);
    case 'consumer':
      return replayConsumer(shard, record, key);
    case 'unknown':
      return `key of version ${key.version}`;
  }
}

function groupOf(shard: Shard, groupId: string): Group {
  return shard.groups.get(groupId) ?? shard.createGroup(groupId);
}

/** The group, as a classic one: it may have been one of the other protocol before. */
function classicGroupOf(shard: Shard, groupId: string): ClassicGroup {
  const group = groupOf(shard, groupId);
  if (group.type === 'classic') return group;
  return shard.createGroup(groupId, group.offsets);
}

function consumerGroupOf(shard: Shard, groupId: string): ConsumerGroup {
  const group = shard.groups.get(groupId);
  if (group?.type === 'consumer') return group;
  const created = shard.newConsumerGroup(groupId, group?.offsets);
  shard.groups.set(groupId, created);
  return created;
}

/**
 * Compaction may have left some of what a group wrote and not the rest, in any order of keys; what is left is the
 * newest of each key, which is all that counts.
 */
function replayConsumer(
  shard: Shard,
  record: LoggedRecord,
  { version, body }: { readonly version: number; readonly body: Buffer },
): string | null {
  let change: ConsumerChange;
  let groupId: string;
  try {
    const key = decodeConsumerKey(version, body);
    if (key === null) return 'unknown key';
    groupId = key.groupId;
    change = decodeConsumerChange(key, record.value);
  } catch {
    return 'unreadable record of a consumer group';
  }
  // The tombstone of a group that has become a classic one, or is not there.
  if (change.value === null && shard.groups.get(groupId)?.type !== 'consumer') return null;
  consumerGroupOf(shard, groupId).apply(change);
  return null;
}

function replayOffset(
  shard: Shard,
  record: LoggedRecord,
  key: { readonly groupId: string; readonly topic: string; readonly partition: number },
): string | null {
  const { topic, partition } = key;
  const { value, offset, producerId, isTransactional } = record;
  const group = groupOf(shard, key.groupId);
  if (value === null) {
    if (isTransactional) group.offsets.removeTransactional(producerId, topic, partition, offset);
    else group.offsets.remove(topic, partition, offset);
    return null;
  }
  try {
    const stored = { ...decodeOffsetCommitValue(value), recordOffset: offset };
    if (isTransactional) {
      group.offsets.storeTransactional(producerId, topic, partition, stored);
      joinTransaction(shard, group.offsets, producerId);
    } else group.offsets.store(topic, partition, stored);
    return null;
  } catch {
    return 'unreadable offset';
  }
}

function replayGroup(shard: Shard, record: LoggedRecord, groupId: string): string | null {
  if (record.value === null) {
    shard.classicGroup(groupId)?.clearMembership();
    return null;
  }
  const group = classicGroupOf(shard, groupId);
  try {
    group.restore(decodeGroupMetadataValue(record.value), (member) => shard.sessionOf(group, member));
    return null;
  } catch {
    group.clearMembership();
    return 'unreadable group';
  }
}
