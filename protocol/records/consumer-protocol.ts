/**
 * The blobs that consumers of the classic protocol put into JoinGroup and SyncGroup. Brokers pass them
 * through, and look into the subscription only for OffsetDelete and the expiry of offsets.
 */
import {
  array,
  bytes,
  ignorable,
  int32,
  mapKey,
  message,
  nullable,
  or,
  since,
  string,
  topicName,
} from '../schema.ts';

/**
 * What a member subscribes to. The blob begins with the version as int16; a newer version is read as the
 * newest known one.
 */
export const ConsumerProtocolSubscription = message({
  name: 'ConsumerProtocolSubscription',
  versions: [0, 3],
  flexible: 'none',
  fields: {
    topics: array(string),
    userData: or(null, nullable(bytes)),
    /** For assignors that keep what members have (KIP-429). */
    ownedPartitions: since(
      1,
      ignorable(
        array({
          topic: mapKey(topicName),
          partitions: array(int32),
        }),
      ),
    ),
    /** Generation in which the partitions were owned (KIP-792). */
    generationId: since(2, ignorable(or(-1, int32))),
    rackId: since(3, ignorable(or(null, nullable(string)))),
  },
});

/**
 * What the leader assigns to a member. The blob begins with the version as int16; a newer version is read as
 * the newest known one.
 */
export const ConsumerProtocolAssignment = message({
  name: 'ConsumerProtocolAssignment',
  versions: [0, 3],
  flexible: 'none',
  fields: {
    assignedPartitions: array({
      topic: mapKey(topicName),
      partitions: array(int32),
    }),
    userData: or(null, nullable(bytes)),
  },
});
