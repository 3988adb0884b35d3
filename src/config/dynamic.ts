// Broker settings that change at run time: what may be changed, by whom, and what a change is refused with.
// Always true: validating changes nothing; applying never fails, it leaves out what can't be used.

import type { BrokerConfig } from './broker-config.ts';
import { buildBrokerConfig } from './build.ts';
import { ConfigError, invalidValue } from './config-error.ts';
import type { ConfigDefinition } from './definition.ts';
import { configValue } from './definition.ts';
import { brokerDefinitions, dynamicOnly } from './definitions/index.ts';
import type { Endpoint } from './endpoint.ts';
import { printEndpoint } from './endpoint.ts';
import type { SettingLayers, Texts } from './settings.ts';
import { listenerBaseName } from './synonyms.ts';

/** TLS settings that may be altered only for one listener, by their prefixed name (SslConfigs.RECONFIGURABLE_CONFIGS). */
const PER_LISTENER_ONLY: ReadonlySet<string> = new Set([
  'ssl.key.password',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.keystore.location',
  'ssl.keystore.password',
  'ssl.keystore.type',
  'ssl.truststore.certificates',
  'ssl.truststore.location',
  'ssl.truststore.password',
  'ssl.truststore.type',
]);

const CLUSTER_LEVEL_LISTENER_KEYS = [
  'max.connections',
  'max.connection.creation.rate',
  'num.network.threads',
];

const THREAD_COUNTS = [
  'background.threads',
  'num.io.threads',
  'num.recovery.threads.per.data.dir',
  'num.replica.fetchers',
];

/** The definition of a key that may be altered at run time; null for read-only and unknown keys. */
export function dynamicDefinition(name: string): ConfigDefinition | null {
  const definition = brokerDefinitions.get(name);
  if (definition === undefined) return dynamicOnly.get(name) ?? null;
  return definition.updateMode === 'read-only' ? null : definition;
}

/** `set` is how Scala names the collection that it prints: clients have learnt these words. */
function refuseSome(names: readonly string[], message: string, set: 'Set' | 'HashSet' = 'Set'): void {
  if (names.length > 0) throw new ConfigError(`${message}: ${set}(${names.join(', ')})`);
}

function isPerBroker(name: string): boolean {
  const base = listenerBaseName(name);
  if (base !== null) return !CLUSTER_LEVEL_LISTENER_KEYS.includes(base);
  return dynamicDefinition(name)?.updateMode === 'per-broker';
}

function checkValue(name: string, text: string): void {
  const definition = dynamicDefinition(listenerBaseName(name) ?? name);
  if (definition !== null) configValue(definition, text);
}

function printed(endpoints: readonly Endpoint[]): string {
  return endpoints.map(printEndpoint).join(',');
}

/** What a reconfigurable part refuses. Kafka passes its words as the value of a wrapped exception. */
function unreachable(reason: string): ConfigError {
  return invalidValue(
    'Invalid dynamic configuration',
    `org.apache.kafka.common.config.ConfigException: ${reason}`,
  );
}

function refuseThreadCounts(current: BrokerConfig, changed: BrokerConfig): void {
  for (const name of THREAD_COUNTS) {
    const from = current.settings.number(name);
    const to = changed.settings.number(name);
    const failed = `Dynamic thread count update validation failed for ${name}=${to}, value should`;
    if (to < Math.floor(from / 2)) throw unreachable(`${failed} be at least half the current value ${from}`);
    if (to > from * 2) throw unreachable(`${failed} not be greater than double the current value ${from}`);
  }
}

/** LogCleaner.validateReconfiguration: by Java's division of whole numbers. */
function refuseCleanerThreads({ logs: current }: BrokerConfig, { logs: changed }: BrokerConfig): void {
  if (!current.cleanerEnable) return;
  const [from, to] = [current.cleanerThreads, changed.cleanerThreads];
  if (to < Math.floor(from / 2))
    throw unreachable(`Log cleaner threads cannot be reduced to less than half the current value ${from}`);
  if (to > from * 2)
    throw unreachable(
      `Log cleaner threads cannot be increased to more than double the current value ${from}`,
    );
}

function refuseListeners({ network: current }: BrokerConfig, { network: changed }: BrokerConfig): void {
  if (printed(current.advertisedListeners) !== printed(changed.advertisedListeners))
    throw unreachable('Advertised listeners cannot be altered when using a Raft-based metadata quorum.');
  // Kafka would open and close listeners at run time; here that needs a restart.
  if (printed(current.listeners) !== printed(changed.listeners))
    throw unreachable('Listeners cannot be altered while the broker runs.');
}

function withLayer(config: BrokerConfig, settings: Texts, perBroker: boolean): SettingLayers {
  const { layers } = config.settings;
  return perBroker ? { ...layers, brokerDynamic: settings } : { ...layers, clusterDynamic: settings };
}

/**
 * Checks the altered settings of a broker as they would be afterwards (DynamicBrokerConfig.validate). The code to
 * answer is INVALID_REQUEST. Unknown names are accepted: a plug-in might know them.
 * @param perBroker false for the cluster-wide default
 * @throws {ConfigError} such as `Cannot update these configs dynamically: Set(node.id)`
 */
export function validateDynamicConfigs(config: BrokerConfig, settings: Texts, perBroker: boolean): void {
  const names = [...settings.keys()];
  refuseSome(
    names.filter((name) => brokerDefinitions.has(name) && dynamicDefinition(name) === null),
    'Cannot update these configs dynamically',
  );
  refuseSome(
    names.filter((name) => PER_LISTENER_ONLY.has(name)),
    'These security configs can be dynamically updated only per-listener using the listener prefix',
    'HashSet',
  );
  for (const [name, text] of settings) checkValue(name, text);
  if (!perBroker) {
    refuseSome(
      names.filter(isPerBroker),
      'Cannot update these configs at default cluster level, broker id must be specified',
    );
  }
  const changed = buildBrokerConfig(withLayer(config, settings, perBroker));
  refuseThreadCounts(config, changed);
  refuseCleanerThreads(config, changed);
  refuseListeners(config, changed);
}

/** The settings whose values are usable, and the names of the others. */
function usable(settings: Texts): { texts: Map<string, string>; ignored: string[] } {
  const texts = new Map<string, string>();
  const ignored: string[] = [];
  for (const [name, text] of settings) {
    try {
      if (brokerDefinitions.has(name) && dynamicDefinition(name) === null) {
        ignored.push(name);
        continue;
      }
      checkValue(name, text);
      texts.set(name, text);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      ignored.push(name);
    }
  }
  return { texts, ignored };
}

export interface AppliedConfig {
  readonly config: BrokerConfig;
  /** Altered settings that are not in force because their values can't be used. */
  readonly ignored: readonly string[];
}

/** The configuration with the settings that the metadata holds for all brokers and for this one. */
export function applyDynamicConfigs(
  config: BrokerConfig,
  clusterDefault: Texts,
  broker: Texts,
): AppliedConfig {
  const cluster = usable(clusterDefault);
  const own = usable(broker);
  const ignored = [...cluster.ignored, ...own.ignored];
  const layers = { ...config.settings.layers, clusterDynamic: cluster.texts, brokerDynamic: own.texts };
  try {
    return { config: buildBrokerConfig(layers), ignored };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config, ignored: [...ignored, ...cluster.texts.keys(), ...own.texts.keys()] };
  }
}
