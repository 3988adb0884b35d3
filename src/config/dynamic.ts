// Broker settings that change at run time: what may be changed, by whom, and what a change is refused with.
// Always true: validating changes nothing; applying never fails, it leaves out what can't be used.

import type { BrokerConfig } from './broker-config.ts';
import { buildBrokerConfig } from './build.ts';
import { ConfigError } from './config-error.ts';
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

function refuseSome(names: readonly string[], message: string): void {
  if (names.length > 0) throw new ConfigError(`${message}: Set(${names.join(', ')})`);
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

/** What Kafka's reconfigurable parts refuse; the words of the reason do not reach the client there either. */
function refuseUnreachable(current: BrokerConfig, changed: BrokerConfig): void {
  const sameListeners =
    printed(current.network.listeners) === printed(changed.network.listeners) &&
    printed(current.network.advertisedListeners) === printed(changed.network.advertisedListeners);
  const threadsInReach = THREAD_COUNTS.every((name) => {
    const from = current.settings.number(name);
    const to = changed.settings.number(name);
    return to >= Math.floor(from / 2) && to <= from * 2;
  });
  if (!sameListeners || !threadsInReach) throw new ConfigError('Invalid dynamic configuration');
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
  );
  for (const [name, text] of settings) checkValue(name, text);
  if (!perBroker) {
    refuseSome(
      names.filter(isPerBroker),
      'Cannot update these configs at default cluster level, broker id must be specified',
    );
  }
  refuseUnreachable(config, buildBrokerConfig(withLayer(config, settings, perBroker)));
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
