/**
 * The record that takes a partition from what it is to what somebody wants, with the election and the end of a
 * reassignment that follow from it (org.apache.kafka.controller.PartitionChangeBuilder).
 *
 * Always true of the result: the leader is in the ISR, or there is none; an ISR is never emptied (its last member
 * stays, so that a clean leader can be found when it returns); the leader epoch grows when the leader changes and
 * when a replica leaves the assignment, the partition epoch with every record.
 */
import type { Uuid } from '../../protocol/uuid.ts';
import { isOnlineDirectory, MIGRATING_DIRECTORY, UNASSIGNED_DIRECTORY } from '../metadata/directory-ids.ts';
import type { MetadataImage, TopicImage } from '../metadata/image.ts';
import { MetadataVersion } from '../metadata/metadata-version.ts';
import type { PartitionChangeRecord, PartitionImage } from '../metadata/partition-image.ts';
import {
  directoryOf,
  LeaderRecoveryState,
  NO_LEADER,
  NO_LEADER_CHANGE,
  NO_RECOVERY_STATE_CHANGE,
} from '../metadata/partition-image.ts';

/**
 * `online` keeps a valid leader and otherwise takes the first replica in the ISR; `preferred` moves to the first
 * replica when it can; `unclean` also takes a replica outside the ISR rather than none.
 */
export type Election = 'online' | 'preferred' | 'unclean';

export interface PartitionTarget {
  readonly image: MetadataImage;
  readonly topic: TopicImage;
  readonly partitionId: number;
  readonly partition: PartitionImage;
  /** Brokers that may lead; by default those that are active. */
  readonly mayLead?: (brokerId: number) => boolean;
  readonly election?: Election;
  /** What is left out stays as it is. */
  readonly isr?: readonly number[];
  readonly replicas?: readonly number[];
  readonly removing?: readonly number[];
  readonly adding?: readonly number[];
  readonly leaderRecoveryState?: number;
  readonly directory?: { readonly brokerId: number; readonly id: Uuid };
}

/** The change, or null when everything is as it should be. */
export function partitionChange(target: PartitionTarget): PartitionChangeRecord | null {
  const { image, topic, partitionId, partition } = target;
  const assignment = finishReassignment({
    isr: target.isr ?? partition.isr,
    replicas: target.replicas ?? partition.replicas,
    removing: target.removing ?? partition.removingReplicas,
    adding: target.adding ?? partition.addingReplicas,
  });
  const record = unchanged(topic.id, partitionId);
  elect(target, assignment, record);
  bumpLeaderEpochIfNeeded(target, assignment, record);
  if (record.isr === null && assignment.isr.length > 0 && !sameList(assignment.isr, partition.isr)) {
    record.isr = assignment.isr;
  }
  const directories = targetDirectories(target, assignment.replicas);
  if (
    image.metadataVersion >= MetadataVersion.DIRECTORY_ASSIGNMENT &&
    !sameList(directories, partition.directories)
  ) {
    record.directories = directories;
  }
  if (!sameList(assignment.replicas, partition.replicas)) record.replicas = assignment.replicas;
  if (!sameList(assignment.removing, partition.removingReplicas)) {
    record.removingReplicas = assignment.removing;
  }
  if (!sameList(assignment.adding, partition.addingReplicas)) record.addingReplicas = assignment.adding;
  const recoveryState = target.leaderRecoveryState ?? partition.leaderRecoveryState;
  if (recoveryState !== partition.leaderRecoveryState) record.leaderRecoveryState = recoveryState;
  return isNoChange(record) ? null : record;
}

type Draft = { -readonly [K in keyof PartitionChangeRecord]: PartitionChangeRecord[K] };

function unchanged(topicId: Uuid, partitionId: number): Draft {
  return {
    type: 'PartitionChangeRecord',
    partitionId,
    topicId,
    isr: null,
    leader: NO_LEADER_CHANGE,
    replicas: null,
    removingReplicas: null,
    addingReplicas: null,
    leaderRecoveryState: NO_RECOVERY_STATE_CHANGE,
    directories: null,
    eligibleLeaderReplicas: null,
    lastKnownELR: null,
  };
}

function isNoChange(record: PartitionChangeRecord): boolean {
  return (
    record.isr === null &&
    record.leader === NO_LEADER_CHANGE &&
    record.replicas === null &&
    record.removingReplicas === null &&
    record.addingReplicas === null &&
    record.leaderRecoveryState === NO_RECOVERY_STATE_CHANGE &&
    record.directories === null
  );
}

interface Assignment {
  readonly isr: readonly number[];
  readonly replicas: readonly number[];
  readonly removing: readonly number[];
  readonly adding: readonly number[];
}

/**
 * A reassignment is over when every replica that stays is in the ISR. 3.7.0 asks that only of the added ones and so
 * could drop the last copies that were in sync (KAFKA-15665); this is the later, stricter rule.
 */
function finishReassignment(assignment: Assignment): Assignment {
  const { removing, adding } = assignment;
  if (removing.length === 0 && adding.length === 0) return assignment;
  const replicas = assignment.replicas.filter((replica) => !removing.includes(replica));
  const isr = assignment.isr.filter((replica) => !removing.includes(replica));
  if (replicas.length === 0 || !replicas.every((replica) => isr.includes(replica))) return assignment;
  return { replicas, isr, removing: [], adding: [] };
}

function elect(target: PartitionTarget, assignment: Assignment, record: Draft): void {
  const { partition } = target;
  const mayLead = leaderTest(target);
  const isCleanLeader = (replica: number) => assignment.isr.includes(replica) && mayLead(replica);
  const candidates =
    target.election === 'preferred'
      ? [...assignment.replicas.slice(0, 1), partition.leader, ...assignment.replicas]
      : [partition.leader, ...assignment.replicas];
  const clean = candidates.find(isCleanLeader);
  if (clean !== undefined) {
    if (clean !== partition.leader) record.leader = clean;
    return;
  }
  const unclean = target.election === 'unclean' ? assignment.replicas.find(mayLead) : undefined;
  if (unclean === undefined) {
    if (partition.leader !== NO_LEADER) record.leader = NO_LEADER;
    return;
  }
  if (unclean === partition.leader) return;
  // Nobody in the ISR is left: what the new leader lacks is lost, and the others must follow it (KIP-704).
  record.leader = unclean;
  record.isr = [unclean];
  if (partition.leaderRecoveryState !== LeaderRecoveryState.RECOVERING) {
    record.leaderRecoveryState = LeaderRecoveryState.RECOVERING;
  }
}

/**
 * A leader must be allowed to lead and have the directory of its replica online. One that is found in a
 * directory that is online may lead at once; in 3.7.0 a partition without a leader, because the directory it was known
 * in is none of the broker's any more, keeps having none until somebody elects one.
 */
function leaderTest(target: PartitionTarget): (brokerId: number) => boolean {
  const { image, partition, directory: told } = target;
  const mayLead = target.mayLead ?? ((brokerId: number) => image.isActive(brokerId));
  return (brokerId) => {
    if (!mayLead(brokerId)) return false;
    const broker = image.brokers.get(brokerId);
    if (broker === undefined) return false;
    if (told?.brokerId === brokerId && isOnlineDirectory(told.id, broker.logDirs)) return true;
    return isOnlineDirectory(directoryOf(partition, brokerId) ?? UNASSIGNED_DIRECTORY, broker.logDirs);
  };
}

/**
 * A replica that leaves must not be able to act as leader or follower of the same epoch. Naming the leader again
 * bumps it. Before 3.6-IV0 a shrinking ISR did so too (KAFKA-15021).
 */
function bumpLeaderEpochIfNeeded(target: PartitionTarget, assignment: Assignment, record: Draft): void {
  if (record.leader !== NO_LEADER_CHANGE) return;
  const { image, partition } = target;
  const replicaLeaves = !partition.replicas.every((replica) => assignment.replicas.includes(replica));
  const isrShrinks = !partition.isr.every((replica) => assignment.isr.includes(replica));
  const shrinkBumps = image.metadataVersion < MetadataVersion.NO_EPOCH_BUMP_ON_ISR_SHRINK;
  if (replicaLeaves || (shrinkBumps && isrShrinks)) record.leader = partition.leader;
}

function targetDirectories(target: PartitionTarget, replicas: readonly number[]): Uuid[] {
  const { image, partition, directory } = target;
  return replicas.map((replica) => {
    if (directory?.brokerId === replica) return directory.id;
    return directoryOf(partition, replica) ?? defaultDirectory(image, replica);
  });
}

/** Where a new replica goes: a broker with one directory has no choice, others say so themselves (KIP-858). */
export function defaultDirectory(image: MetadataImage, brokerId: number): Uuid {
  if (image.metadataVersion < MetadataVersion.DIRECTORY_ASSIGNMENT) return MIGRATING_DIRECTORY;
  const broker = image.brokers.get(brokerId);
  if (broker === undefined) return UNASSIGNED_DIRECTORY;
  const [first] = broker.logDirs;
  if (first === undefined) return MIGRATING_DIRECTORY;
  return broker.logDirs.length === 1 ? first : UNASSIGNED_DIRECTORY;
}

export function sameList<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
