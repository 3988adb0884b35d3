// Builds the typed BrokerConfig from the layers of settings, one function per group of it.
// Always true: what is returned has passed the checks of every value and of the combinations.

import type {
  BrokerConfig,
  Durability,
  GroupConfig,
  LogsConfig,
  NetworkConfig,
  OffsetsConfig,
  QuorumConfig,
  QuotaConfig,
  ReplicationConfig,
  Role,
  TopicsConfig,
  TransactionConfig,
} from './broker-config.ts';
import { ConfigError, invalidValue } from './config-error.ts';
import { parseQuorumVoters } from './definition.ts';
import type { Endpoint, SecurityProtocolMap } from './endpoint.ts';
import {
  csvList,
  isEveryAddress,
  parseEndpoints,
  securityProtocolMap,
  securityProtocolOf,
} from './endpoint.ts';
import type { SettingLayers } from './settings.ts';
import { Settings } from './settings.ts';
import { topicConfig, topicDefaultsOf } from './topic-config.ts';
import { validateBrokerConfig, validateLogTimes } from './validation.ts';

function rolesOf(settings: Settings): readonly Role[] {
  const roles = settings.list('process.roles') as readonly Role[];
  if (new Set(roles).size !== roles.length)
    throw new ConfigError(
      `Duplicate role names found in \`process.roles\`: ${settings.text('process.roles')}`,
    );
  return roles.length === 0 ? ['broker', 'controller'] : roles;
}

function interBrokerListenerOf(settings: Settings, protocols: SecurityProtocolMap): string {
  const name = settings.textOrNull('inter.broker.listener.name');
  if (name === null)
    return securityProtocolOf(
      settings.text('security.inter.broker.protocol'),
      'security.inter.broker.protocol',
    );
  if (settings.isGiven('security.inter.broker.protocol'))
    throw new ConfigError(
      'Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.',
    );
  const upper = name.toUpperCase();
  if (!protocols.has(upper)) {
    throw new ConfigError(
      `Listener with name ${upper} defined in inter.broker.listener.name not found in listener.security.protocol.map.`,
    );
  }
  return upper;
}

function connectionsPerIp(settings: Settings): Map<string, number> {
  const overrides = new Map<string, number>();
  for (const entry of csvList(settings.text('max.connections.per.ip.overrides'))) {
    const at = entry.lastIndexOf(':');
    const limit = Number(entry.slice(at + 1));
    if (at <= 0 || !Number.isInteger(limit))
      throw new ConfigError(
        `Error parsing configuration property 'max.connections.per.ip.overrides': ${entry} is not of the form host:limit`,
      );
    overrides.set(entry.slice(0, at).trim(), limit);
  }
  return overrides;
}

/** The advertised listeners; where no host is advertised, the name of this machine is. */
function advertisedOf(
  settings: Settings,
  own: readonly Endpoint[],
  protocols: SecurityProtocolMap,
  hostName: string,
): Endpoint[] {
  const text = settings.textOrNull('advertised.listeners');
  const named = (endpoint: Endpoint, isNameless: (host: string) => boolean) =>
    isNameless(endpoint.host) ? { ...endpoint, host: hostName } : endpoint;
  if (text !== null) {
    return parseEndpoints(text, protocols, false).map((endpoint) => named(endpoint, (host) => host === ''));
  }
  return own.map((endpoint) => named(endpoint, isEveryAddress));
}

function networkOf(settings: Settings, hostName: string): NetworkConfig {
  const controllerListenerNames = csvList(settings.textOrNull('controller.listener.names'));
  const listenersText = settings.text('listeners');
  const protocols = securityProtocolMap(
    settings.text('listener.security.protocol.map'),
    settings.isGiven('listener.security.protocol.map'),
    listenersText,
    controllerListenerNames,
  );
  const all = parseEndpoints(listenersText, protocols, true);
  const isController = ({ listenerName }: Endpoint) => controllerListenerNames.includes(listenerName);
  const listeners = all.filter((endpoint) => !isController(endpoint));
  return {
    listeners,
    controllerListeners: all.filter(isController),
    advertisedListeners: advertisedOf(settings, listeners, protocols, hostName),
    interBrokerListenerName: interBrokerListenerOf(settings, protocols),
    controllerListenerNames,
    securityProtocols: protocols,
    socketRequestMaxBytes: settings.number('socket.request.max.bytes'),
    socketSendBufferBytes: settings.number('socket.send.buffer.bytes'),
    socketReceiveBufferBytes: settings.number('socket.receive.buffer.bytes'),
    socketListenBacklogSize: settings.number('socket.listen.backlog.size'),
    maxConnections: settings.number('max.connections'),
    maxConnectionsPerIp: settings.number('max.connections.per.ip'),
    maxConnectionsPerIpOverrides: connectionsPerIp(settings),
    maxConnectionCreationRate: settings.number('max.connection.creation.rate'),
    connectionsMaxIdleMs: settings.number('connections.max.idle.ms'),
    connectionsMaxReauthMs: settings.number('connections.max.reauth.ms'),
    failedAuthenticationDelayMs: settings.number('connection.failed.authentication.delay.ms'),
    queuedMaxRequestBytes: settings.number('queued.max.request.bytes'),
    requestTimeoutMs: settings.number('request.timeout.ms'),
  };
}

function quorumOf(settings: Settings, nodeId: number, implicitCombined: boolean): QuorumConfig {
  return {
    // A node without process.roles votes for itself inside the process; it has no address for others.
    voters: implicitCombined
      ? [{ id: nodeId, host: '', port: 0 }]
      : parseQuorumVoters(settings.list('controller.quorum.voters')),
    electionTimeoutMs: settings.number('controller.quorum.election.timeout.ms'),
    fetchTimeoutMs: settings.number('controller.quorum.fetch.timeout.ms'),
    electionBackoffMaxMs: settings.number('controller.quorum.election.backoff.max.ms'),
    requestTimeoutMs: settings.number('controller.quorum.request.timeout.ms'),
    retryBackoffMs: settings.number('controller.quorum.retry.backoff.ms'),
    appendLingerMs: settings.number('controller.quorum.append.linger.ms'),
    brokerHeartbeatIntervalMs: settings.number('broker.heartbeat.interval.ms'),
    brokerSessionTimeoutMs: settings.number('broker.session.timeout.ms'),
    initialBrokerRegistrationTimeoutMs: settings.number('initial.broker.registration.timeout.ms'),
  };
}

function logsOf(settings: Settings): LogsConfig {
  const dirs = csvList(settings.textOrNull('log.dirs') ?? settings.text('log.dir'));
  return {
    dirs,
    metadataDir: settings.textOrNull('metadata.log.dir') ?? dirs[0] ?? '',
    flushSchedulerIntervalMs: settings.number('log.flush.scheduler.interval.ms'),
    flushOffsetCheckpointIntervalMs: settings.number('log.flush.offset.checkpoint.interval.ms'),
    flushStartOffsetCheckpointIntervalMs: settings.number('log.flush.start.offset.checkpoint.interval.ms'),
    retentionCheckIntervalMs: settings.number('log.retention.check.interval.ms'),
    cleanerEnable: settings.flag('log.cleaner.enable'),
    cleanerThreads: settings.number('log.cleaner.threads'),
    cleanerBackoffMs: settings.number('log.cleaner.backoff.ms'),
    cleanerDedupeBufferBytes: settings.number('log.cleaner.dedupe.buffer.size'),
    cleanerDedupeBufferLoadFactor: settings.number('log.cleaner.io.buffer.load.factor'),
    cleanerIoBufferBytes: settings.number('log.cleaner.io.buffer.size'),
    cleanerIoMaxBytesPerSecond: settings.number('log.cleaner.io.max.bytes.per.second'),
    metadataSegmentBytes: settings.number('metadata.log.segment.bytes'),
    metadataSegmentMs: settings.number('metadata.log.segment.ms'),
    metadataMaxRecordBytesBetweenSnapshots: settings.number(
      'metadata.log.max.record.bytes.between.snapshots',
    ),
    metadataMaxSnapshotIntervalMs: settings.number('metadata.log.max.snapshot.interval.ms'),
    metadataMaxRetentionBytes: settings.number('metadata.max.retention.bytes'),
    metadataMaxRetentionMs: settings.number('metadata.max.retention.ms'),
    metadataMaxIdleIntervalMs: settings.number('metadata.max.idle.interval.ms'),
    producerIdExpirationMs: settings.number('producer.id.expiration.ms'),
    producerIdExpirationCheckIntervalMs: settings.number('producer.id.expiration.check.interval.ms'),
  };
}

function topicsOf(settings: Settings): TopicsConfig {
  const defaultTexts = topicDefaultsOf(settings);
  validateLogTimes(defaultTexts);
  return {
    autoCreateEnable: settings.flag('auto.create.topics.enable'),
    deleteEnable: settings.flag('delete.topic.enable'),
    numPartitions: settings.number('num.partitions'),
    defaultReplicationFactor: settings.number('default.replication.factor'),
    defaultTexts,
    defaults: topicConfig(defaultTexts, new Map()),
  };
}

function replicationOf(settings: Settings): ReplicationConfig {
  return {
    lagTimeMaxMs: settings.number('replica.lag.time.max.ms'),
    fetchMaxBytes: settings.number('replica.fetch.max.bytes'),
    fetchMinBytes: settings.number('replica.fetch.min.bytes'),
    fetchResponseMaxBytes: settings.number('replica.fetch.response.max.bytes'),
    fetchWaitMaxMs: settings.number('replica.fetch.wait.max.ms'),
    fetchBackoffMs: settings.number('replica.fetch.backoff.ms'),
    socketTimeoutMs: settings.number('replica.socket.timeout.ms'),
    highWatermarkCheckpointIntervalMs: settings.number('replica.high.watermark.checkpoint.interval.ms'),
    numFetchers: settings.number('num.replica.fetchers'),
    autoLeaderRebalanceEnable: settings.flag('auto.leader.rebalance.enable'),
    leaderImbalanceCheckIntervalSeconds: settings.number('leader.imbalance.check.interval.seconds'),
    leaderThrottledRate: settings.number('leader.replication.throttled.rate'),
    followerThrottledRate: settings.number('follower.replication.throttled.rate'),
  };
}

/** By class, as in Kafka 3.7, or by name, as later versions also take them. */
const ASSIGNORS: Readonly<Record<string, string>> = {
  'org.apache.kafka.coordinator.group.assignor.UniformAssignor': 'uniform',
  'org.apache.kafka.coordinator.group.assignor.RangeAssignor': 'range',
  uniform: 'uniform',
  range: 'range',
};

function assignorsOf(settings: Settings): string[] {
  const key = 'group.consumer.assignors';
  const names = settings.list(key).map((given) => {
    const name = Object.hasOwn(ASSIGNORS, given) ? ASSIGNORS[given] : undefined;
    if (name === undefined) throw invalidValue(key, given, `Served are ${Object.keys(ASSIGNORS).join(', ')}`);
    return name;
  });
  const isUsed = settings.list('group.coordinator.rebalance.protocols').includes('consumer');
  if (isUsed && names.length === 0) throw invalidValue(key, '', 'Assignors must be set');
  return [...new Set(names)];
}

function groupOf(settings: Settings): GroupConfig {
  return {
    initialRebalanceDelayMs: settings.number('group.initial.rebalance.delay.ms'),
    minSessionTimeoutMs: settings.number('group.min.session.timeout.ms'),
    maxSessionTimeoutMs: settings.number('group.max.session.timeout.ms'),
    maxSize: settings.number('group.max.size'),
    rebalanceProtocols: settings.list('group.coordinator.rebalance.protocols'),
    consumerSessionTimeoutMs: settings.number('group.consumer.session.timeout.ms'),
    consumerMinSessionTimeoutMs: settings.number('group.consumer.min.session.timeout.ms'),
    consumerMaxSessionTimeoutMs: settings.number('group.consumer.max.session.timeout.ms'),
    consumerHeartbeatIntervalMs: settings.number('group.consumer.heartbeat.interval.ms'),
    consumerMinHeartbeatIntervalMs: settings.number('group.consumer.min.heartbeat.interval.ms'),
    consumerMaxHeartbeatIntervalMs: settings.number('group.consumer.max.heartbeat.interval.ms'),
    consumerMaxSize: settings.number('group.consumer.max.size'),
    consumerAssignors: assignorsOf(settings),
  };
}

function offsetsOf(settings: Settings): OffsetsConfig {
  return {
    metadataMaxBytes: settings.number('offset.metadata.max.bytes'),
    retentionMs: settings.number('offsets.retention.minutes') * 60_000,
    retentionCheckIntervalMs: settings.number('offsets.retention.check.interval.ms'),
    commitTimeoutMs: settings.number('offsets.commit.timeout.ms'),
    loadBufferBytes: settings.number('offsets.load.buffer.size'),
    topicNumPartitions: settings.number('offsets.topic.num.partitions'),
    topicReplicationFactor: settings.number('offsets.topic.replication.factor'),
    topicSegmentBytes: settings.number('offsets.topic.segment.bytes'),
    topicCompressionCodec: settings.number('offsets.topic.compression.codec'),
  };
}

function transactionOf(settings: Settings): TransactionConfig {
  return {
    maxTimeoutMs: settings.number('transaction.max.timeout.ms'),
    transactionalIdExpirationMs: settings.number('transactional.id.expiration.ms'),
    abortTimedOutCleanupIntervalMs: settings.number(
      'transaction.abort.timed.out.transaction.cleanup.interval.ms',
    ),
    removeExpiredCleanupIntervalMs: settings.number(
      'transaction.remove.expired.transaction.cleanup.interval.ms',
    ),
    partitionVerificationEnable: settings.flag('transaction.partition.verification.enable'),
    loadBufferBytes: settings.number('transaction.state.log.load.buffer.size'),
    topicNumPartitions: settings.number('transaction.state.log.num.partitions'),
    topicReplicationFactor: settings.number('transaction.state.log.replication.factor'),
    topicMinIsr: settings.number('transaction.state.log.min.isr'),
    topicSegmentBytes: settings.number('transaction.state.log.segment.bytes'),
  };
}

function quotaOf(settings: Settings): QuotaConfig {
  return {
    windowNum: settings.number('quota.window.num'),
    windowSizeSeconds: settings.number('quota.window.size.seconds'),
    controllerWindowNum: settings.number('controller.quota.window.num'),
    controllerWindowSizeSeconds: settings.number('controller.quota.window.size.seconds'),
    replicationWindowNum: settings.number('replication.quota.window.num'),
    replicationWindowSizeSeconds: settings.number('replication.quota.window.size.seconds'),
  };
}

/**
 * The typed configuration of settings in their layers.
 * @throws {ConfigError} for a value or combination that Kafka refuses, in Kafka's words
 */
export function buildBrokerConfig(layers: SettingLayers): BrokerConfig {
  const settings = new Settings(layers);
  const implicitCombined = settings.list('process.roles').length === 0;
  const nodeId = settings.number('node.id');
  const roles = rolesOf(settings);
  const quorum = quorumOf(settings, nodeId, implicitCombined);
  const config: BrokerConfig = {
    nodeId,
    nodeIdGiven: settings.isGiven('node.id'),
    clusterId: settings.textOrNull('sordini.cluster.id'),
    roles,
    implicitCombined,
    isLoneVoter: roles.length === 2 && quorum.voters.length === 1 && quorum.voters[0]?.id === nodeId,
    rack: settings.textOrNull('broker.rack'),
    controlledShutdownEnable: settings.flag('controlled.shutdown.enable'),
    durability: settings.text('sordini.durability') as Durability,
    network: networkOf(settings, layers.hostName),
    quorum,
    logs: logsOf(settings),
    topics: topicsOf(settings),
    replication: replicationOf(settings),
    fetch: {
      maxBytes: settings.number('fetch.max.bytes'),
      maxIncrementalFetchSessionCacheSlots: settings.number('max.incremental.fetch.session.cache.slots'),
    },
    group: groupOf(settings),
    offsets: offsetsOf(settings),
    transaction: transactionOf(settings),
    quota: quotaOf(settings),
    settings,
  };
  validateBrokerConfig(config);
  return config;
}
