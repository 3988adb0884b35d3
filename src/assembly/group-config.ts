/** The group coordinator's settings out of the broker's. */
import type { BrokerConfig } from '../config/broker-config.ts';
import type { GroupConfig } from '../group/config.ts';
import { defaultGroupConfig } from '../group/config.ts';
import { maxGroupBytes } from './coordinator-memory.ts';

export function groupConfigOf({ group, offsets }: BrokerConfig): GroupConfig {
  return {
    ...defaultGroupConfig,
    minSessionTimeoutMs: group.minSessionTimeoutMs,
    maxSessionTimeoutMs: group.maxSessionTimeoutMs,
    maxSize: group.maxSize,
    initialRebalanceDelayMs: group.initialRebalanceDelayMs,
    maxMetadataSize: offsets.metadataMaxBytes,
    maxGroupBytes: maxGroupBytes(offsets.topicNumPartitions),
    offsetsRetentionMs: offsets.retentionMs,
    offsetsRetentionCheckIntervalMs: offsets.retentionCheckIntervalMs,
    consumerSessionTimeoutMs: group.consumerSessionTimeoutMs,
    consumerHeartbeatIntervalMs: group.consumerHeartbeatIntervalMs,
    consumerMaxSize: group.consumerMaxSize,
    consumerAssignors: group.consumerAssignors,
  };
}
