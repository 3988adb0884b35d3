/**
 * From records back to state: what a new coordinator does before it serves.
 *
 * What is always true: replaying the records that a machine wrote, in their order, gives the committed offsets,
 * the pending transactional offsets, and of each group the newest generation that was written.
 */
import type { ClassicGroup } from './classic-group.ts';
import { joinTransaction } from './offset-commands.ts';
import type { DecodedKey } from './records.ts';
import { decodeGroupMetadataValue, decodeKey, decodeOffsetCommitValue } from './records.ts';
import type { Shard } from './shard.ts';

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
    case 'unknown':
      return `key of version ${key.version}`;
  }
}

function groupOf(shard: Shard, groupId: string): ClassicGroup {
  return shard.groups.get(groupId) ?? shard.createGroup(groupId);
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
      joinTransaction(shard, group, producerId);
    } else group.offsets.store(topic, partition, stored);
    return null;
  } catch {
    return 'unreadable offset';
  }
}

function replayGroup(shard: Shard, record: LoggedRecord, groupId: string): string | null {
  const group = groupOf(shard, groupId);
  if (record.value === null) {
    group.clearMembership();
    return null;
  }
  try {
    group.restore(decodeGroupMetadataValue(record.value), (member) => shard.sessionOf(group, member));
    return null;
  } catch {
    group.clearMembership();
    return 'unreadable group';
  }
}
