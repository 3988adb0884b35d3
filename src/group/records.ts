/**
 * The records of __consumer_offsets, as Apache Kafka 3.7.0 writes and reads them.
 *
 *   key     int16 version | fields        0, 1: an offset (we write 1)   2: a group   3 to 8: KIP-848
 *   value   int16 version | fields        an offset: 3, or 1 when it has an expiry of its own   a group: 3
 *
 * Values of version 4, which is flexible, are read but not written (KIP-915). Keys of a version not known here
 * belong to somebody newer and are left alone.
 */
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts';
import { ConsumerProtocolSubscription } from '../../protocol/records/consumer-protocol.ts';
import {
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from '../../protocol/records/group.ts';
import type { DataInput, DataOf, Fields, Message } from '../../protocol/schema.ts';
import type { OffsetAndMetadata } from './offsets.ts';

export const VERSION_BYTES = 2;
const OFFSET_KEY_VERSION = 1;
const GROUP_KEY_VERSION = 2;
const LAST_CONSUMER_KEY_VERSION = 8;
const OFFSET_VALUE_VERSION = 3;
const OFFSET_VALUE_VERSION_WITH_EXPIRY = 1;
const GROUP_VALUE_VERSION = 3;

export type GroupMetadata = DataOf<typeof GroupMetadataValue>;

export type DecodedKey =
  | { readonly type: 'offset'; readonly groupId: string; readonly topic: string; readonly partition: number }
  | { readonly type: 'group'; readonly groupId: string }
  /** Of the consumer protocol: see consumer-changes.ts. */
  | { readonly type: 'consumer'; readonly version: number; readonly body: Buffer }
  | { readonly type: 'unknown'; readonly version: number };

export function encodeVersioned<F extends Fields>(
  message: Message<F>,
  version: number,
  data: DataInput<Message<F>>,
): Buffer {
  const body = encodeMessage(message, version, data);
  const encoded = Buffer.allocUnsafe(VERSION_BYTES + body.length);
  encoded.writeInt16BE(version, 0);
  encoded.set(body, VERSION_BYTES);
  return encoded;
}

export function offsetCommitKey(groupId: string, topic: string, partition: number): Buffer {
  return encodeVersioned(OffsetCommitKey, OFFSET_KEY_VERSION, { group: groupId, topic, partition });
}

export function groupMetadataKey(groupId: string): Buffer {
  return encodeVersioned(GroupMetadataKey, GROUP_KEY_VERSION, { group: groupId });
}

/** See GroupMetadataManager.offsetCommitValue: only version 1 has a place for an expiry, and none for the epoch. */
export function offsetCommitValue(value: OffsetAndMetadata): Buffer {
  const version = value.expireTimestampMs === -1 ? OFFSET_VALUE_VERSION : OFFSET_VALUE_VERSION_WITH_EXPIRY;
  return encodeVersioned(OffsetCommitValue, version, {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestamp: value.commitTimestampMs,
    expireTimestamp: value.expireTimestampMs,
  });
}

export function groupMetadataValue(value: DataInput<typeof GroupMetadataValue>): Buffer {
  return encodeVersioned(GroupMetadataValue, GROUP_VALUE_VERSION, value);
}

/** @throws when the bytes are not what their version says. */
export function decodeKey(key: Buffer): DecodedKey {
  const version = key.readInt16BE(0);
  const body = key.subarray(VERSION_BYTES);
  if (version >= 0 && version <= OFFSET_KEY_VERSION) {
    const { group, topic, partition } = decodeMessage(OffsetCommitKey, version, body);
    return { type: 'offset', groupId: group, topic, partition };
  }
  if (version === GROUP_KEY_VERSION) {
    return { type: 'group', groupId: decodeMessage(GroupMetadataKey, version, body).group };
  }
  if (version > GROUP_KEY_VERSION && version <= LAST_CONSUMER_KEY_VERSION) {
    return { type: 'consumer', version, body };
  }
  return { type: 'unknown', version };
}

/** @throws when the version is not known, or the bytes are not what it says. */
export function decodeOffsetCommitValue(value: Buffer): OffsetAndMetadata {
  const version = value.readInt16BE(0);
  const data = decodeMessage(OffsetCommitValue, version, value.subarray(VERSION_BYTES));
  return {
    offset: data.offset,
    leaderEpoch: data.leaderEpoch,
    metadata: data.metadata,
    commitTimestampMs: data.commitTimestamp,
    expireTimestampMs: data.expireTimestamp,
  };
}

/** @throws when the version is not known, or the bytes are not what it says. */
export function decodeGroupMetadataValue(value: Buffer): GroupMetadata {
  const version = value.readInt16BE(0);
  const data = decodeMessage(GroupMetadataValue, version, value.subarray(VERSION_BYTES));
  if (version > 0) return data;
  return { ...data, members: data.members.map((m) => ({ ...m, rebalanceTimeout: m.sessionTimeout })) };
}

/**
 * The topics of a `consumer` subscription, or null when it does not parse.
 *
 * Read as version 0, which is the beginning of every version. See GroupMetadata.computeSubscribedTopics.
 */
export function subscribedTopics(subscription: Buffer): readonly string[] | null {
  try {
    if (subscription.readInt16BE(0) < 0) return null;
    return decodeMessage(ConsumerProtocolSubscription, 0, subscription.subarray(VERSION_BYTES)).topics;
  } catch {
    return null;
  }
}
