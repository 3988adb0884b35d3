/**
 * One partition as the cluster's metadata knows it (org.apache.kafka.metadata.PartitionRegistration).
 *
 * Always true: `directories` runs parallel to `replicas`; `partitionEpoch` grows with every change; an unchanged
 * partition stays the same object from image to image, so `===` tells whether it changed.
 */
import { assert } from '../../protocol/assert.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import { MIGRATING_DIRECTORY, UNASSIGNED_DIRECTORY } from './directory-ids.ts';

export const NO_LEADER = -1;
/** In a PartitionChangeRecord: the leader stays. */
export const NO_LEADER_CHANGE = -2;

export const LeaderRecoveryState = { RECOVERED: 0, RECOVERING: 1 } as const;
/** In a PartitionChangeRecord: the recovery state stays. */
export const NO_RECOVERY_STATE_CHANGE = -1;

export type PartitionRecord = Extract<MetadataRecord, { type: 'PartitionRecord' }>;
export type PartitionChangeRecord = Extract<MetadataRecord, { type: 'PartitionChangeRecord' }>;

export interface PartitionImage {
  /** In order of preference. During a reassignment the target replicas come first, then those being removed. */
  readonly replicas: readonly number[];
  readonly directories: readonly Uuid[];
  readonly isr: readonly number[];
  readonly removingReplicas: readonly number[];
  readonly addingReplicas: readonly number[];
  /** Eligible leader replicas (KIP-966); empty below the level that brings them. */
  readonly elr: readonly number[];
  readonly lastKnownElr: readonly number[];
  readonly leader: number;
  readonly leaderRecoveryState: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
}

const NONE: readonly never[] = [];

export function partitionFromRecord(record: PartitionRecord): PartitionImage {
  const { replicas, directories } = record;
  assert(
    directories.length === 0 || directories.length === replicas.length,
    'A PartitionRecord has one directory per replica or none.',
  );
  return {
    replicas,
    // Records from before directories were assigned (KIP-858) have none.
    directories: directories.length === 0 ? replicas.map(() => MIGRATING_DIRECTORY) : directories,
    isr: record.isr,
    removingReplicas: record.removingReplicas,
    addingReplicas: record.addingReplicas,
    elr: record.eligibleLeaderReplicas ?? NONE,
    lastKnownElr: record.lastKnownELR ?? NONE,
    leader: record.leader,
    leaderRecoveryState: record.leaderRecoveryState,
    leaderEpoch: record.leaderEpoch,
    partitionEpoch: record.partitionEpoch,
  };
}

/** The partition after a change. Naming a leader bumps the leader epoch even when it names the same one. */
export function changedPartition(partition: PartitionImage, change: PartitionChangeRecord): PartitionImage {
  const leaderNamed = change.leader !== NO_LEADER_CHANGE;
  return {
    replicas: change.replicas ?? partition.replicas,
    directories: changedDirectories(partition, change),
    isr: change.isr ?? partition.isr,
    removingReplicas: change.removingReplicas ?? partition.removingReplicas,
    addingReplicas: change.addingReplicas ?? partition.addingReplicas,
    elr: change.eligibleLeaderReplicas ?? partition.elr,
    lastKnownElr: change.lastKnownELR ?? partition.lastKnownElr,
    leader: leaderNamed ? change.leader : partition.leader,
    leaderRecoveryState:
      change.leaderRecoveryState === NO_RECOVERY_STATE_CHANGE
        ? partition.leaderRecoveryState
        : change.leaderRecoveryState,
    leaderEpoch: leaderNamed ? partition.leaderEpoch + 1 : partition.leaderEpoch,
    partitionEpoch: partition.partitionEpoch + 1,
  };
}

function changedDirectories(partition: PartitionImage, change: PartitionChangeRecord): readonly Uuid[] {
  if (change.directories !== null && change.directories.length > 0) {
    assert(
      change.directories.length === (change.replicas ?? partition.replicas).length,
      'A PartitionChangeRecord has one directory per replica.',
    );
    return change.directories;
  }
  if (change.replicas === null) return partition.directories;
  return change.replicas.map((replica) => directoryOf(partition, replica) ?? UNASSIGNED_DIRECTORY);
}

/** The directory that holds the replica on this broker; undefined when the broker holds none. */
export function directoryOf(partition: PartitionImage, brokerId: number): Uuid | undefined {
  return partition.directories[partition.replicas.indexOf(brokerId)];
}

export function partitionToRecord(
  topicId: Uuid,
  partitionId: number,
  partition: PartitionImage,
): PartitionRecord {
  return {
    type: 'PartitionRecord',
    partitionId,
    topicId,
    replicas: partition.replicas,
    isr: partition.isr,
    removingReplicas: partition.removingReplicas,
    addingReplicas: partition.addingReplicas,
    leader: partition.leader,
    leaderRecoveryState: partition.leaderRecoveryState,
    leaderEpoch: partition.leaderEpoch,
    partitionEpoch: partition.partitionEpoch,
    directories: partition.directories,
    eligibleLeaderReplicas: partition.elr.length === 0 ? null : partition.elr,
    lastKnownELR: partition.lastKnownElr.length === 0 ? null : partition.lastKnownElr,
  };
}

export function isReassigning(partition: PartitionImage): boolean {
  return partition.removingReplicas.length > 0 || partition.addingReplicas.length > 0;
}

export function hasPreferredLeader(partition: PartitionImage): boolean {
  return partition.leader === partition.replicas[0];
}
