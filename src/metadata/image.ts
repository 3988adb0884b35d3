/**
 * The cluster's metadata at one offset of the metadata log (org.apache.kafka.image.MetadataImage).
 *
 * Always true:
 * - An image never changes. The next one shares with it whatever did not change, so `===` on a topic, partition,
 *   broker or map of configs tells whether it did.
 * - It holds everything that the log said and nothing else: replaying its records into an empty image gives an equal
 *   image, so a snapshot loses nothing.
 * - The ids of a topic's partitions are the indexes of its `partitions`.
 */
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import { MetadataVersion } from './metadata-version.ts';
import { hasCollisionChars, unifyCollisionChars } from './names.ts';
import type { PartitionImage } from './partition-image.ts';
import { PersistentMap } from './persistent-map.ts';
import { snapshotRecords } from './snapshot-records.ts';

export interface TopicImage {
  readonly name: string;
  readonly id: Uuid;
  readonly partitions: readonly PartitionImage[];
}

export interface EndpointImage {
  /** The listener's name. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly securityProtocol: number;
}

export interface FeatureRange {
  readonly name: string;
  readonly minSupportedVersion: number;
  readonly maxSupportedVersion: number;
}

export interface BrokerImage {
  readonly id: number;
  /** Offset of the record that registered this incarnation. */
  readonly epoch: number;
  readonly incarnationId: Uuid;
  readonly endpoints: readonly EndpointImage[];
  readonly features: readonly FeatureRange[];
  readonly rack: string | null;
  readonly fenced: boolean;
  readonly inControlledShutdown: boolean;
  readonly isMigratingZkBroker: boolean;
  /** The directories that are online. */
  readonly logDirs: readonly Uuid[];
}

export interface ControllerImage {
  readonly id: number;
  readonly incarnationId: Uuid;
  readonly zkMigrationReady: boolean;
  readonly endpoints: readonly EndpointImage[];
  readonly features: readonly FeatureRange[];
}

/** Resource types of configuration records (ConfigResource.Type). */
export const ConfigResourceType = {
  UNKNOWN: 0,
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
} as const;

export interface ConfigsImage {
  readonly resourceType: number;
  /** Empty for the cluster-wide default of brokers. */
  readonly resourceName: string;
  readonly values: ReadonlyMap<string, string>;
}

export interface QuotaEntity {
  readonly entityType: string;
  /** Null for the default of that type. */
  readonly entityName: string | null;
}

export interface ClientQuotaImage {
  readonly entity: readonly QuotaEntity[];
  readonly quotas: ReadonlyMap<string, number>;
}

export type ScramCredentialImage = Omit<
  Extract<MetadataRecord, { type: 'UserScramCredentialRecord' }>,
  'type'
>;
export type AclImage = Omit<Extract<MetadataRecord, { type: 'AccessControlEntryRecord' }>, 'type'>;
export type DelegationTokenImage = Omit<Extract<MetadataRecord, { type: 'DelegationTokenRecord' }>, 'type'>;

/** The migration states that a 3.7.0 log may name; a cluster of ours is always NONE. */
export const ZkMigrationState = { NONE: 0, PRE_MIGRATION: 1, MIGRATION: 2, POST_MIGRATION: 3 } as const;

/** Where in the log an image stands. */
export interface Provenance {
  /** The highest offset it contains, -1 for none. */
  readonly offset: number;
  readonly epoch: number;
  /** Append time of the last contained batch, in wall-clock milliseconds. */
  readonly timestampMs: number;
}

export interface ImageFields extends Provenance {
  readonly metadataVersion: number;
  /** Finalized levels of the other features. */
  readonly features: ReadonlyMap<string, number>;
  readonly zkMigrationState: number;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly controllers: ReadonlyMap<number, ControllerImage>;
  readonly topicsById: PersistentMap<Uuid, TopicImage>;
  readonly topicsByName: PersistentMap<string, TopicImage>;
  /** From the unified form to the names of topics that contain '.' or '_'. */
  readonly collidingNames: PersistentMap<string, readonly string[]>;
  /** Keyed by `configKey`. */
  readonly configs: PersistentMap<string, ConfigsImage>;
  /** Keyed by `quotaKey`. */
  readonly clientQuotas: PersistentMap<string, ClientQuotaImage>;
  /** -1 when no block was ever given out. */
  readonly nextProducerId: number;
  readonly acls: PersistentMap<Uuid, AclImage>;
  /** Keyed by `scramKey`. */
  readonly scram: PersistentMap<string, ScramCredentialImage>;
  /** Keyed by token id. */
  readonly delegationTokens: PersistentMap<string, DelegationTokenImage>;
}

export function configKey(resourceType: number, resourceName: string): string {
  return `${resourceType}:${resourceName}`;
}

export function scramKey(name: string, mechanism: number): string {
  return `${mechanism}:${name}`;
}

/** Equal for the same entity in whatever order its parts are given. */
export function quotaKey(entity: readonly QuotaEntity[]): string {
  return JSON.stringify(entity.map((part) => [part.entityType, part.entityName]).sort());
}

const NO_CONFIGS: ReadonlyMap<string, string> = new Map();

export class MetadataImage implements ImageFields {
  readonly offset: number;
  readonly epoch: number;
  readonly timestampMs: number;
  readonly metadataVersion: number;
  readonly features: ReadonlyMap<string, number>;
  readonly zkMigrationState: number;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly controllers: ReadonlyMap<number, ControllerImage>;
  readonly topicsById: PersistentMap<Uuid, TopicImage>;
  readonly topicsByName: PersistentMap<string, TopicImage>;
  readonly collidingNames: PersistentMap<string, readonly string[]>;
  readonly configs: PersistentMap<string, ConfigsImage>;
  readonly clientQuotas: PersistentMap<string, ClientQuotaImage>;
  readonly nextProducerId: number;
  readonly acls: PersistentMap<Uuid, AclImage>;
  readonly scram: PersistentMap<string, ScramCredentialImage>;
  readonly delegationTokens: PersistentMap<string, DelegationTokenImage>;

  static readonly EMPTY = new MetadataImage({
    offset: -1,
    epoch: -1,
    timestampMs: -1,
    metadataVersion: MetadataVersion.MINIMUM_KRAFT,
    features: new Map(),
    zkMigrationState: ZkMigrationState.NONE,
    brokers: new Map(),
    controllers: new Map(),
    topicsById: PersistentMap.empty(),
    topicsByName: PersistentMap.empty(),
    collidingNames: PersistentMap.empty(),
    configs: PersistentMap.empty(),
    clientQuotas: PersistentMap.empty(),
    nextProducerId: -1,
    acls: PersistentMap.empty(),
    scram: PersistentMap.empty(),
    delegationTokens: PersistentMap.empty(),
  });

  constructor(fields: ImageFields) {
    this.offset = fields.offset;
    this.epoch = fields.epoch;
    this.timestampMs = fields.timestampMs;
    this.metadataVersion = fields.metadataVersion;
    this.features = fields.features;
    this.zkMigrationState = fields.zkMigrationState;
    this.brokers = fields.brokers;
    this.controllers = fields.controllers;
    this.topicsById = fields.topicsById;
    this.topicsByName = fields.topicsByName;
    this.collidingNames = fields.collidingNames;
    this.configs = fields.configs;
    this.clientQuotas = fields.clientQuotas;
    this.nextProducerId = fields.nextProducerId;
    this.acls = fields.acls;
    this.scram = fields.scram;
    this.delegationTokens = fields.delegationTokens;
  }

  topic(name: string): TopicImage | undefined {
    return this.topicsByName.get(name);
  }

  topicById(id: Uuid): TopicImage | undefined {
    return this.topicsById.get(id);
  }

  partition(topicName: string, partitionId: number): PartitionImage | undefined {
    return this.topicsByName.get(topicName)?.partitions[partitionId];
  }

  broker(id: number): BrokerImage | undefined {
    return this.brokers.get(id);
  }

  /** Neither fenced nor in controlled shutdown: it may lead and join an ISR (KIP-841). */
  isActive(brokerId: number): boolean {
    const broker = this.brokers.get(brokerId);
    return broker !== undefined && !broker.fenced && !broker.inControlledShutdown;
  }

  /** What was set dynamically for this resource. */
  configsOf(resourceType: number, resourceName: string): ReadonlyMap<string, string> {
    return this.configs.get(configKey(resourceType, resourceName))?.values ?? NO_CONFIGS;
  }

  topicConfigs(topicName: string): ReadonlyMap<string, string> {
    return this.configsOf(ConfigResourceType.TOPIC, topicName);
  }

  /** Another topic whose metrics would be mixed up with those of a topic of this name; null when there is none. */
  collidingTopic(name: string): string | null {
    if (!hasCollisionChars(name)) return null;
    return this.collidingNames.get(unifyCollisionChars(name))?.[0] ?? null;
  }

  /** The finalized level of a feature, 0 when it has none. */
  featureLevel(name: string): number {
    return name === 'metadata.version' ? this.metadataVersion : (this.features.get(name) ?? 0);
  }

  /** The records of a snapshot at this image, in the order of Kafka's ImageWriter. */
  records(): Generator<MetadataRecord> {
    return snapshotRecords(this);
  }
}
