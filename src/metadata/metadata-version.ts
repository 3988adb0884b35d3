/**
 * The feature levels of metadata.version and what each turns on (org.apache.kafka.server.common.MetadataVersion).
 *
 * Always true: levels are compared, never names; a level above LATEST_PRODUCTION is unknown to us and refused, since
 * what it means differs between releases (3.7.0's unreleased 20 is not the 20 of 3.8).
 */
import type { MetadataRecord } from '../../protocol/records/metadata.ts';

export const METADATA_VERSION_FEATURE = 'metadata.version';

/** A level is named after what it brought. */
export const MetadataVersion = {
  /** 3.0-IV1: what a log without a FeatureLevelRecord means. */
  MINIMUM_KRAFT: 1,
  /** 3.3-IV0: the first that a log can name. */
  MINIMUM_BOOTSTRAP: 4,
  /** 3.3-IV1 (KIP-835). */
  NO_OP_RECORD: 5,
  /** 3.3-IV2: BrokerRegistrationChangeRecord instead of Fence- and UnfenceBrokerRecord. */
  BROKER_REGISTRATION_CHANGE: 6,
  /** 3.3-IV3 (KIP-841). */
  IN_CONTROLLED_SHUTDOWN: 7,
  /** 3.4-IV0 (KIP-866). */
  ZK_MIGRATION: 8,
  /** 3.5-IV2 (KIP-900). */
  SCRAM: 11,
  /** 3.6-IV0 (KAFKA-15021): a shrinking ISR no longer bumps the leader epoch. */
  NO_EPOCH_BUMP_ON_ISR_SHRINK: 12,
  /** 3.6-IV1 (KIP-868). */
  METADATA_TRANSACTIONS: 13,
  /** 3.6-IV2 (KIP-900). */
  DELEGATION_TOKENS: 14,
  /** 3.7-IV0 (KIP-919). */
  CONTROLLER_REGISTRATION: 15,
  /** 3.7-IV2 (KIP-858). */
  DIRECTORY_ASSIGNMENT: 17,
  /** 3.7-IV4. */
  LATEST_PRODUCTION: 19,
  /** 4.0-IV1 (KIP-966): fields of records that this level allows are kept, but we never finalize it. */
  ELIGIBLE_LEADER_REPLICAS: 23,
} as const;

/** Name of each level from 1 on, and whether going below it would lose metadata. */
const levels: readonly (readonly [name: string, didMetadataChange: boolean])[] = [
  ['3.0-IV1', true],
  ['3.1-IV0', false],
  ['3.2-IV0', true],
  ['3.3-IV0', false],
  ['3.3-IV1', true],
  ['3.3-IV2', true],
  ['3.3-IV3', true],
  ['3.4-IV0', true],
  ['3.5-IV0', false],
  ['3.5-IV1', false],
  ['3.5-IV2', true],
  ['3.6-IV0', false],
  ['3.6-IV1', true],
  ['3.6-IV2', true],
  ['3.7-IV0', true],
  ['3.7-IV1', false],
  ['3.7-IV2', true],
  ['3.7-IV3', false],
  ['3.7-IV4', false],
];

/** The name of a known level, or null. */
export function metadataVersionName(level: number): string | null {
  return levels[level - 1]?.[0] ?? null;
}

/** Whether metadata written at the higher level may hold what the lower level cannot. */
export function metadataChangedBetween(oneLevel: number, otherLevel: number): boolean {
  const low = Math.min(oneLevel, otherLevel);
  const high = Math.max(oneLevel, otherLevel);
  return levels.slice(low, high).some(([, didMetadataChange]) => didMetadataChange);
}

/** The version in which a record is written at a level of metadata.version. */
export function recordVersion(record: MetadataRecord, level: number): number {
  switch (record.type) {
    case 'RegisterBrokerRecord':
      if (level >= MetadataVersion.DIRECTORY_ASSIGNMENT) return 3;
      if (level >= MetadataVersion.ZK_MIGRATION) return 2;
      return level >= MetadataVersion.IN_CONTROLLED_SHUTDOWN ? 1 : 0;
    case 'PartitionRecord':
    case 'PartitionChangeRecord':
      if (level >= MetadataVersion.ELIGIBLE_LEADER_REPLICAS) return 2;
      return level >= MetadataVersion.DIRECTORY_ASSIGNMENT ? 1 : 0;
    case 'BrokerRegistrationChangeRecord':
      // The lowest version that can say it, as Kafka's controller does, so that older readers keep up.
      if (record.logDirs.length > 0) return 2;
      return record.inControlledShutdown === 0 ? 0 : 1;
    default:
      return 0;
  }
}
