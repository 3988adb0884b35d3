// The configuration of a broker as its parts use it: typed, in units, grouped by the part that reads it.
// Always true: the object is immutable, every value in it was checked, and combinations that Kafka refuses are refused.

import type { QuorumVoter } from './definition.ts';
import type { Endpoint, SecurityProtocolMap } from './endpoint.ts';
import type { Settings, Texts } from './settings.ts';
import type { TopicConfig } from './topic-config.ts';

export type Role = 'broker' | 'controller';

/** fsync: acks=all waits for the disk. kafka: page cache and replication. memory: nothing outlives the process. */
export type Durability = 'fsync' | 'kafka' | 'memory';

export interface NetworkConfig {
  /** Where clients and other brokers connect. */
  readonly listeners: readonly Endpoint[];
  /** Where controllers connect; empty when the controller is reached inside the process only. */
  readonly controllerListeners: readonly Endpoint[];
  /** What Metadata and registrations say. Port 0 means the port that the listener of that name was bound to. */
  readonly advertisedListeners: readonly Endpoint[];
  readonly interBrokerListenerName: string;
  readonly controllerListenerNames: readonly string[];
  readonly securityProtocols: SecurityProtocolMap;
  readonly socketRequestMaxBytes: number;
  /** -1 = leave it to the system. */
  readonly socketSendBufferBytes: number;
  readonly socketReceiveBufferBytes: number;
  readonly socketListenBacklogSize: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
  readonly maxConnectionsPerIpOverrides: ReadonlyMap<string, number>;
  readonly maxConnectionCreationRate: number;
  /** Negative = never. */
  readonly connectionsMaxIdleMs: number;
  readonly connectionsMaxReauthMs: number;
  readonly failedAuthenticationDelayMs: number;
  readonly queuedMaxRequestBytes: number;
  readonly requestTimeoutMs: number;
}

export interface QuorumConfig {
  readonly voters: readonly QuorumVoter[];
  readonly electionTimeoutMs: number;
  readonly fetchTimeoutMs: number;
  readonly electionBackoffMaxMs: number;
  readonly requestTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly appendLingerMs: number;
  readonly brokerHeartbeatIntervalMs: number;
  readonly brokerSessionTimeoutMs: number;
  readonly initialBrokerRegistrationTimeoutMs: number;
}

export interface LogsConfig {
  readonly dirs: readonly string[];
  /** Where the metadata log lives: metadata.log.dir, else the first of `dirs`. */
  readonly metadataDir: string;
  readonly flushSchedulerIntervalMs: number;
  readonly flushOffsetCheckpointIntervalMs: number;
  readonly flushStartOffsetCheckpointIntervalMs: number;
  readonly retentionCheckIntervalMs: number;
  readonly cleanerEnable: boolean;
  readonly cleanerThreads: number;
  readonly cleanerBackoffMs: number;
  readonly cleanerDedupeBufferBytes: number;
  /** How full the buffer may become, as a fraction. */
  readonly cleanerDedupeBufferLoadFactor: number;
  readonly cleanerIoBufferBytes: number;
  readonly cleanerIoMaxBytesPerSecond: number;
  readonly metadataSegmentBytes: number;
  readonly metadataSegmentMs: number;
  readonly metadataMaxRecordBytesBetweenSnapshots: number;
  readonly metadataMaxSnapshotIntervalMs: number;
  readonly metadataMaxRetentionBytes: number;
  readonly metadataMaxRetentionMs: number;
  /** 0 = no idle records. */
  readonly metadataMaxIdleIntervalMs: number;
  readonly producerIdExpirationMs: number;
  readonly producerIdExpirationCheckIntervalMs: number;
}

export interface TopicsConfig {
  readonly autoCreateEnable: boolean;
  readonly deleteEnable: boolean;
  readonly numPartitions: number;
  readonly defaultReplicationFactor: number;
  /** The texts that every topic inherits, by topic key. */
  readonly defaultTexts: Texts;
  /** The same as a typed object. */
  readonly defaults: TopicConfig;
}

export interface ReplicationConfig {
  readonly lagTimeMaxMs: number;
  readonly fetchMaxBytes: number;
  readonly fetchMinBytes: number;
  readonly fetchResponseMaxBytes: number;
  readonly fetchWaitMaxMs: number;
  readonly fetchBackoffMs: number;
  readonly socketTimeoutMs: number;
  readonly highWatermarkCheckpointIntervalMs: number;
  readonly numFetchers: number;
  readonly autoLeaderRebalanceEnable: boolean;
  readonly leaderImbalanceCheckIntervalSeconds: number;
  readonly leaderThrottledRate: number;
  readonly followerThrottledRate: number;
}

export interface FetchConfig {
  readonly maxBytes: number;
  readonly maxIncrementalFetchSessionCacheSlots: number;
}

export interface GroupConfig {
  readonly initialRebalanceDelayMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly maxSize: number;
  /** KIP-848 is on when 'consumer' is among them. */
  readonly rebalanceProtocols: readonly string[];
  readonly consumerSessionTimeoutMs: number;
  readonly consumerMinSessionTimeoutMs: number;
  readonly consumerMaxSessionTimeoutMs: number;
  readonly consumerHeartbeatIntervalMs: number;
  readonly consumerMinHeartbeatIntervalMs: number;
  readonly consumerMaxHeartbeatIntervalMs: number;
  readonly consumerMaxSize: number;
  /** Names of the server-side assignors; the first is used where members ask for none. */
  readonly consumerAssignors: readonly string[];
}

export interface OffsetsConfig {
  readonly metadataMaxBytes: number;
  readonly retentionMs: number;
  readonly retentionCheckIntervalMs: number;
  readonly commitTimeoutMs: number;
  readonly loadBufferBytes: number;
  readonly topicNumPartitions: number;
  readonly topicReplicationFactor: number;
  readonly topicSegmentBytes: number;
  readonly topicCompressionCodec: number;
}

export interface TransactionConfig {
  readonly maxTimeoutMs: number;
  readonly transactionalIdExpirationMs: number;
  readonly abortTimedOutCleanupIntervalMs: number;
  readonly removeExpiredCleanupIntervalMs: number;
  readonly partitionVerificationEnable: boolean;
  readonly loadBufferBytes: number;
  readonly topicNumPartitions: number;
  readonly topicReplicationFactor: number;
  readonly topicMinIsr: number;
  readonly topicSegmentBytes: number;
}

export interface QuotaConfig {
  readonly windowNum: number;
  readonly windowSizeSeconds: number;
  readonly controllerWindowNum: number;
  readonly controllerWindowSizeSeconds: number;
  readonly replicationWindowNum: number;
  readonly replicationWindowSizeSeconds: number;
}

export interface BrokerConfig {
  readonly nodeId: number;
  /** False when neither node.id nor broker.id was set: an id stored in the data directory then wins over `nodeId`. */
  readonly nodeIdGiven: boolean;
  /** The cluster to format empty directories for (sordini.cluster.id, or CLUSTER_ID of the environment). */
  readonly clusterId: string | null;
  readonly roles: readonly Role[];
  /** True when process.roles was not set: one node that is broker and controller, and nobody can join it. */
  readonly implicitCombined: boolean;
  /** True when this node is the only voter and a broker: it formats an empty data directory by itself. */
  readonly isLoneVoter: boolean;
  readonly rack: string | null;
  readonly controlledShutdownEnable: boolean;
  readonly durability: Durability;
  readonly network: NetworkConfig;
  readonly quorum: QuorumConfig;
  readonly logs: LogsConfig;
  readonly topics: TopicsConfig;
  readonly replication: ReplicationConfig;
  readonly fetch: FetchConfig;
  readonly group: GroupConfig;
  readonly offsets: OffsetsConfig;
  readonly transaction: TransactionConfig;
  readonly quota: QuotaConfig;
  /** Every key by name, for what has no field above and for descriptions. */
  readonly settings: Settings;
}
