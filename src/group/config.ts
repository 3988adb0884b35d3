/**
 * What the group coordinator is configured with. Keys of server.properties stand beside the fields.
 */

export interface GroupConfig {
  /** group.min.session.timeout.ms */
  readonly minSessionTimeoutMs: number;
  /** group.max.session.timeout.ms */
  readonly maxSessionTimeoutMs: number;
  /** group.max.size */
  readonly maxSize: number;
  /** group.initial.rebalance.delay.ms */
  readonly initialRebalanceDelayMs: number;
  /** offset.metadata.max.bytes; counted, as in Kafka, in UTF-16 units. */
  readonly maxMetadataSize: number;
  /** offsets.retention.minutes, in milliseconds. */
  readonly offsetsRetentionMs: number;
  /** offsets.retention.check.interval.ms */
  readonly offsetsRetentionCheckIntervalMs: number;
  /**
   * Member ids given out with MEMBER_ID_REQUIRED that have not come back yet, per group. The oldest gives way:
   * its client gets UNKNOWN_MEMBER_ID and asks anew. Kafka has no such limit.
   */
  readonly maxPendingMembers: number;
  /** group.consumer.session.timeout.ms */
  readonly consumerSessionTimeoutMs: number;
  /** group.consumer.heartbeat.interval.ms */
  readonly consumerHeartbeatIntervalMs: number;
  /** group.consumer.max.size */
  readonly consumerMaxSize: number;
  /** group.consumer.assignors, by name; the first is used where members ask for none. */
  readonly consumerAssignors: readonly string[];
  /**
   * What the groups of one partition and their members may take in memory, names included; further ones are refused with
   * COORDINATOR_NOT_AVAILABLE. Kafka has no such limit.
   */
  readonly maxGroupBytes: number;
}

/** The defaults of Apache Kafka 3.7.0, and ours for the limits that it has not. */
export const defaultGroupConfig: GroupConfig = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  maxSize: 2_147_483_647,
  initialRebalanceDelayMs: 3_000,
  maxMetadataSize: 4_096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  maxPendingMembers: 10_000,
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5_000,
  consumerMaxSize: 2_147_483_647,
  consumerAssignors: ['uniform', 'range'],
  maxGroupBytes: 256 * 1024 * 1024,
};
