// The combinations of broker settings that Kafka refuses, in the order and the words of KafkaConfig.validateValues.
// Where this node is more lenient than Kafka the line says so.

import type { BrokerConfig } from './broker-config.ts';
import { ConfigError, requirement } from './config-error.ts';

function names(endpoints: readonly { readonly listenerName: string }[]): string[] {
  return endpoints.map(({ listenerName }) => listenerName);
}

function validateIdentity(config: BrokerConfig): void {
  const { settings } = config;
  if (settings.number('node.id') !== settings.number('broker.id'))
    throw new ConfigError('You must set `node.id` to the same value as `broker.id`.');
  if (config.implicitCombined) {
    // Kafka would want ZooKeeper here. A quorum without roles is a file half written.
    if (settings.list('controller.quorum.voters').length > 0)
      throw new ConfigError('If using `controller.quorum.voters`, `process.roles` must be set too.');
    requirement(
      config.network.controllerListenerNames.length === 0,
      `controller.listener.names must be empty when not running in KRaft mode: ` +
        `[${config.network.controllerListenerNames.join(', ')}]`,
    );
    requirement(config.nodeId >= 0, 'broker.id must be greater than or equal to 0');
  } else if (config.nodeId < 0) {
    throw new ConfigError(
      'Missing configuration `node.id` which is required when `process.roles` is defined ' +
        '(i.e. when running in KRaft mode).',
    );
  }
}

/**
 * Checks the times of segments that topics inherit, before the narrower checks of a topic get to see them.
 * @param defaults by topic key
 */
export function validateLogTimes(defaults: ReadonlyMap<string, string>): void {
  const ms = (key: string) => Number(defaults.get(key));
  requirement(ms('segment.ms') >= 1, 'log.roll.ms must be greater than or equal to 1');
  requirement(ms('segment.jitter.ms') >= 0, 'log.roll.jitter.ms must be greater than or equal to 0');
  requirement(
    ms('retention.ms') >= 1 || ms('retention.ms') === -1,
    'log.retention.ms must be unlimited (-1) or, greater than or equal to 1',
  );
}

function validateLimits(config: BrokerConfig): void {
  const { settings, replication, logs } = config;
  requirement(logs.dirs.length > 0, 'At least one log directory must be defined via log.dirs or log.dir.');
  validateCleaner(logs);
  requirement(
    replication.fetchWaitMaxMs <= replication.socketTimeoutMs,
    'replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms' +
      ' to prevent unnecessary socket timeouts',
  );
  requirement(
    replication.fetchWaitMaxMs <= replication.lagTimeMaxMs,
    'replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms' +
      ' to prevent frequent changes in ISR',
  );
  const acks = settings.number('offsets.commit.required.acks');
  requirement(
    acks >= -1 && acks <= config.offsets.topicReplicationFactor,
    'offsets.commit.required.acks must be greater or equal -1 and less or equal to offsets.topic.replication.factor',
  );
}

function validateCleaner({ cleanerThreads, ...logs }: BrokerConfig['logs']): void {
  // Kafka divides by it, and says so.
  if (cleanerThreads < 1) throw new ConfigError('Log cleaner threads should be at least 1');
  requirement(
    Math.trunc(logs.cleanerDedupeBufferBytes / cleanerThreads) > 1024 * 1024,
    'log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.',
  );
  // Kafka finds it when it starts the threads (Cleaner).
  requirement(
    !logs.cleanerEnable ||
      (logs.cleanerDedupeBufferBytes / cleanerThreads / 24) * logs.cleanerDedupeBufferLoadFactor > 1,
    'offset map is too small to fit in even a single message, so log cleaning will never make progress. You can ' +
      'increase log.cleaner.dedupe.buffer.size or decrease log.cleaner.threads',
  );
}

function validateController(config: BrokerConfig, voterIds: string): void {
  const { network, quorum, nodeId } = config;
  requirement(
    quorum.voters.some(({ id }) => id === nodeId),
    `If process.roles contains the 'controller' role, the node id ${nodeId} must be included in the set of voters ` +
      `controller.quorum.voters=${voterIds}`,
  );
  requirement(
    network.controllerListeners.length > 0,
    `controller.listener.names must contain at least one value appearing in the 'listeners' configuration when ` +
      'running the KRaft controller role',
  );
  const own = names(network.controllerListeners);
  requirement(
    network.controllerListenerNames.every((name) => own.includes(name)),
    `controller.listener.names must only contain values appearing in the 'listeners' configuration when running ` +
      'the KRaft controller role',
  );
}

function validateBrokerOnly(config: BrokerConfig, voterIds: string): void {
  const { network, quorum, nodeId } = config;
  requirement(
    !quorum.voters.some(({ id }) => id === nodeId),
    `If process.roles contains just the 'broker' role, the node id ${nodeId} must not be included in the set of ` +
      `voters controller.quorum.voters=${voterIds}`,
  );
  requirement(
    network.controllerListenerNames.length > 0,
    'controller.listener.names must contain at least one value when running KRaft with just the broker role',
  );
  requirement(
    network.controllerListeners.length === 0,
    `controller.listener.names must not contain a value appearing in the 'listeners' configuration when running ` +
      'KRaft with just the broker role',
  );
  for (const name of network.controllerListenerNames) {
    if (network.securityProtocols.has(name.toUpperCase())) continue;
    throw new ConfigError(
      `Controller listener with name ${name.toUpperCase()} defined in controller.listener.names not found in ` +
        'listener.security.protocol.map  (an explicit security mapping for each controller listener is required if ' +
        'listener.security.protocol.map is non-empty, or if there are security protocols other than PLAINTEXT in use)',
    );
  }
}

function validateRoles(config: BrokerConfig): void {
  const { settings, network, quorum, roles } = config;
  if (config.implicitCombined) return;
  if (quorum.voters.length === 0) {
    throw new ConfigError(
      'If using process.roles, controller.quorum.voters must contain a parseable set of voters.',
    );
  }
  const voterIds = `Set(${quorum.voters.map(({ id }) => id).join(', ')})`;
  requirement(
    settings.textOrNull('control.plane.listener.name') === null,
    'control.plane.listener.name is not supported in KRaft mode.',
  );
  if (roles.includes('broker')) {
    requirement(
      !names(network.advertisedListeners).some((name) => network.controllerListenerNames.includes(name)),
      'The advertised.listeners config must not contain KRaft controller listeners from controller.listener.names ' +
        'when process.roles contains the broker role because Kafka clients that send requests via advertised ' +
        'listeners do not send requests to KRaft controllers -- they only send requests to KRaft brokers.',
    );
  } else {
    requirement(
      settings.textOrNull('advertised.listeners') === null,
      'The advertised.listeners config must be empty when process.roles=controller',
    );
    requirement(
      network.listeners.length === 0,
      'The listeners config must only contain KRaft controller listeners from controller.listener.names when ' +
        'process.roles=controller',
    );
  }
  if (roles.includes('controller')) validateController(config, voterIds);
  else validateBrokerOnly(config, voterIds);
}

function validateListeners({ network, roles }: BrokerConfig): void {
  const advertised = names(network.advertisedListeners);
  if (roles.includes('broker')) {
    requirement(
      advertised.length > 0,
      'There must be at least one advertised listener. Perhaps all listeners appear in controller.listener.names?',
    );
    requirement(
      advertised.includes(network.interBrokerListenerName),
      'inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options based ' +
        `on currently configured listeners are ${advertised.join(',')}`,
    );
    const own = names(network.listeners);
    requirement(
      advertised.every((name) => own.includes(name)),
      'advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. ' +
        `Found ${advertised.join(',')}. The valid options based on the current configuration are ${own.join(',')}`,
    );
  }
  requirement(
    !network.advertisedListeners.some(({ host }) => host === '0.0.0.0'),
    'advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.',
  );
}

function validateConnections({ settings, network }: BrokerConfig): void {
  requirement(
    network.queuedMaxRequestBytes <= 0 || network.queuedMaxRequestBytes >= network.socketRequestMaxBytes,
    'queued.max.request.bytes must be larger or equal to socket.request.max.bytes',
  );
  requirement(
    network.maxConnectionsPerIp !== 0 || network.maxConnectionsPerIpOverrides.size > 0,
    'max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.',
  );
  const delayMs = settings.text('connection.failed.authentication.delay.ms');
  requirement(
    network.connectionsMaxIdleMs < 0 || network.failedAuthenticationDelayMs < network.connectionsMaxIdleMs,
    `connection.failed.authentication.delay.ms=${delayMs} should always be less than connections.max.idle.ms=` +
      `${settings.text('connections.max.idle.ms')} to prevent failed authentication responses from timing out`,
  );
}

/** The bounds and the value of one pair of group.consumer.* timeouts. */
function validateConsumerGroupRange(
  config: BrokerConfig,
  what: 'heartbeat.interval' | 'session.timeout',
): void {
  const value = config.settings.number(`group.consumer.${what}.ms`);
  const min = config.settings.number(`group.consumer.min.${what}.ms`);
  const max = config.settings.number(`group.consumer.max.${what}.ms`);
  const key = (bound: string) => `group.consumer.${bound}${what}.ms`;
  requirement(max >= min, `${key('max.')} must be greater than or equals to ${key('min.')}`);
  requirement(value >= min, `${key('')} must be greater than or equals to ${key('min.')}`);
  requirement(value <= max, `${key('')} must be less than or equals to ${key('max.')}`);
}

/** @throws {ConfigError} for the first combination that is refused. */
export function validateBrokerConfig(config: BrokerConfig): void {
  validateIdentity(config);
  validateLimits(config);
  validateRoles(config);
  validateListeners(config);
  validateConnections(config);
  validateConsumerGroupRange(config, 'heartbeat.interval');
  validateConsumerGroupRange(config, 'session.timeout');
}
