// From what a user gave (file, environment, command line) to the configuration of the node.
// Always true: the command line wins over the environment, and the environment over the file; warnings are returned,
// not printed.

import type { BrokerConfig } from './broker-config.ts';
import { buildBrokerConfig } from './build.ts';
import { ConfigError } from './config-error.ts';
import { configValue } from './definition.ts';
import { brokerDefinitions } from './definitions/index.ts';
import type { Environment } from './environment.ts';
import { listenersFromAdvertised, settingsFromEnvironment } from './environment.ts';
import { hasEffect, refuseUnserved, SERVED_SECURITY_PROTOCOLS } from './honoured.ts';
import type { Properties } from './properties.ts';
import { parseProperties } from './properties.ts';
import type { SettingLayers, Texts } from './settings.ts';

export interface ConfigSources {
  /** The text of server.properties, or its settings; absent = no file. */
  readonly properties?: string | Texts;
  /** `key=value`, as from `--override`. */
  readonly overrides?: readonly string[];
  readonly env?: Environment;
  /** Advertised where a listener names no host. */
  readonly hostName?: string;
}

/** One line for the log; `keys` are its fields. */
export interface ConfigWarning {
  readonly message: string;
  readonly keys: readonly string[];
}

export interface LoadedConfig {
  readonly config: BrokerConfig;
  readonly warnings: readonly ConfigWarning[];
}

/** A node that is started without a file: for development, on the loopback addresses, quick to rebalance. */
const NO_FILE_DEFAULTS: Texts = new Map([
  ['listeners', 'PLAINTEXT://localhost:9092'],
  ['log.dir', './sordini-data'],
  ['group.initial.rebalance.delay.ms', '0'],
]);

/** The id of a node that is given none, and has none stored in its data directory. */
const FIRST_NODE_ID = '1';

/** What a node that stays alone can keep: one replica. */
const LONE_NODE_DEFAULTS: Texts = new Map([
  ['offsets.topic.replication.factor', '1'],
  ['transaction.state.log.replication.factor', '1'],
  ['transaction.state.log.min.isr', '1'],
]);

/** The key and value of `key=value`. */
function parseOverride(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new ConfigError(`An override is written key=value, but this one is: ${text}`);
  return [text.slice(0, at).trim(), text.slice(at + 1)];
}

function given(sources: ConfigSources): Properties {
  const { properties } = sources;
  const file = typeof properties === 'string' ? parseProperties(properties) : new Map(properties);
  const environment = settingsFromEnvironment(sources.env ?? {});
  const advertised = environment.get('advertised.listeners');
  if (advertised !== undefined && !environment.has('listeners') && !file.has('listeners'))
    environment.set('listeners', listenersFromAdvertised(advertised));
  const settings: Properties = new Map([
    ...file,
    ...environment,
    ...(sources.overrides ?? []).map(parseOverride),
  ]);
  // -1 is how older files ask for a generated id.
  for (const key of ['node.id', 'broker.id']) {
    if (settings.get(key)?.trim() === '-1' && isImplicit(settings)) settings.delete(key);
  }
  // Each of the two names of the id stands for the other (KafkaConfig.populateSynonyms).
  const nodeId = settings.get('node.id');
  const brokerId = settings.get('broker.id');
  if (nodeId !== undefined && brokerId === undefined) settings.set('broker.id', nodeId);
  if (brokerId !== undefined && nodeId === undefined) settings.set('node.id', brokerId);
  return settings;
}

/** Whether the roles are left to us: then the node is broker and controller in one. */
function isImplicit(settings: Texts): boolean {
  return (settings.get('process.roles') ?? '').trim() === '';
}

function nodeIdDefaults(nodeId: string): [string, string][] {
  return [
    ['node.id', nodeId],
    ['broker.id', nodeId],
  ];
}

/** Whether nobody but this node can ever be a broker of the cluster, or it is its only voter and says nothing else. */
function standsAlone(settings: Texts): boolean {
  if (isImplicit(settings)) return true;
  const roles = settings.get('process.roles') ?? '';
  const voters = (settings.get('controller.quorum.voters') ?? '').trim();
  return roles.includes('broker') && roles.includes('controller') && voters !== '' && !voters.includes(',');
}

function isKnown(key: string): boolean {
  return brokerDefinitions.has(key) || key.startsWith('listener.name.');
}

const isOfZookeeper = (key: string): boolean => key.startsWith('zookeeper.');

function warningsFor(settings: Texts, config: BrokerConfig): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const warn = (message: string, keys: readonly string[]) => {
    if (keys.length > 0) warnings.push({ message, keys });
  };
  const keys = [...settings.keys()].sort();
  const isZookeeperTold = settings.has('zookeeper.connect') && config.implicitCombined;
  if (isZookeeperTold) {
    warn('zookeeper is not used: this node is broker and controller in one', keys.filter(isOfZookeeper));
  }
  const idle = keys.filter((key) => {
    const definition = brokerDefinitions.get(key);
    if (definition === undefined || hasEffect(key)) return false;
    if (isZookeeperTold && isOfZookeeper(key)) return false;
    return configValue(definition, settings.get(key)).text !== definition.defaultText;
  });
  warn('these settings are known and have no effect here', idle);
  warn(
    'these settings are unknown and ignored',
    keys.filter((key) => !isKnown(key)),
  );
  return warnings;
}

function refuseUnservedListeners({ network }: BrokerConfig): void {
  for (const { listenerName, securityProtocol } of [...network.listeners, ...network.controllerListeners]) {
    if (SERVED_SECURITY_PROTOCOLS.includes(securityProtocol)) continue;
    throw new ConfigError(
      `The listener ${listenerName} asks for ${securityProtocol}, which is not served; ` +
        `map it to one of ${SERVED_SECURITY_PROTOCOLS.join(', ')} in listener.security.protocol.map.`,
    );
  }
}

/**
 * The configuration of this node and what its user should know about it.
 * @throws {ConfigError} when the broker can't start with it
 */
export function loadBrokerConfig(sources: ConfigSources): LoadedConfig {
  const settings = given(sources);
  refuseUnserved(settings);
  const bare = sources.properties === undefined && isImplicit(settings);
  const nodeDefaults = new Map(
    [
      ...(bare ? NO_FILE_DEFAULTS : []),
      ...(standsAlone(settings) ? LONE_NODE_DEFAULTS : []),
      ...(isImplicit(settings) ? nodeIdDefaults(FIRST_NODE_ID) : []),
    ].filter(([key]) => !settings.has(key)),
  );
  const layers: SettingLayers = {
    nodeDefaults,
    given: settings,
    clusterDynamic: new Map(),
    brokerDynamic: new Map(),
    hostName: sources.hostName ?? 'localhost',
  };
  const config = buildBrokerConfig(layers);
  refuseUnservedListeners(config);
  return { config, warnings: warningsFor(settings, config) };
}

/** The configuration of a node that was given no id, under the id that its data directory holds. */
export function withStoredNodeId(config: BrokerConfig, nodeId: number): BrokerConfig {
  const { layers } = config.settings;
  const nodeDefaults = new Map([...layers.nodeDefaults, ...nodeIdDefaults(`${nodeId}`)]);
  return buildBrokerConfig({ ...layers, nodeDefaults });
}
