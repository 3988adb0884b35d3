// Which of Kafka's keys have no effect here, and which settings can't be taken lightly.
// Always true: a key that is set, differs from its default and has no effect is named in one warning; a setting whose
// silent neglect would open a door or lose data is refused at the start.

import { ConfigError } from './config-error.ts';
import { zookeeperKeys } from './definitions/index.ts';
import type { SecurityProtocol } from './endpoint.ts';

/** Key prefixes without effect: plug-in classes and machinery of the JVM. */
const PREFIXES_WITHOUT_EFFECT = [
  'sasl.kerberos.',
  'sasl.login.',
  'sasl.oauthbearer.',
  'remote.log.',
  'metrics.',
  'kafka.metrics.',
];

const KEYS_WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'alter.config.policy.class.name',
  'auto.include.jmx.reporter',
  'background.threads',
  'broker.id.generation.enable',
  'client.quota.callback.class',
  'create.topic.policy.class.name',
  'delete.records.purgatory.purge.interval.requests',
  'early.start.listeners',
  'eligible.leader.replicas.enable',
  'fetch.purgatory.purge.interval.requests',
  'group.coordinator.new.enable',
  'group.coordinator.threads',
  'inter.broker.protocol.version',
  'leader.imbalance.per.broker.percentage',
  'log.message.format.version',
  'metric.reporters',
  'num.io.threads',
  'num.network.threads',
  'num.recovery.threads.per.data.dir',
  'num.replica.alter.log.dirs.threads',
  'offsets.commit.required.acks',
  'principal.builder.class',
  'producer.purgatory.purge.interval.requests',
  'queued.max.requests',
  'replica.selector.class',
  'sasl.client.callback.handler.class',
  'sasl.server.callback.handler.class',
  'security.providers',
  'server.max.startup.time.ms',
  'ssl.engine.factory.class',
  'ssl.keymanager.algorithm',
  'ssl.provider',
  'ssl.secure.random.implementation',
  'ssl.trustmanager.algorithm',
  'telemetry.max.bytes',
  'unstable.api.versions.enable',
  'unstable.metadata.versions.enable',
]);

export function hasEffect(key: string): boolean {
  if (zookeeperKeys.has(key) || KEYS_WITHOUT_EFFECT.has(key)) return false;
  return !PREFIXES_WITHOUT_EFFECT.some((prefix) => key.startsWith(prefix));
}

/** What the network layer can serve. A listener of another kind would stand open without its lock. */
export const SERVED_SECURITY_PROTOCOLS: readonly SecurityProtocol[] = ['PLAINTEXT'];

/** Settings that are refused although Kafka takes them: value by value, with the mend. */
const REFUSED: Readonly<Record<string, (value: string) => string | null>> = {
  'zookeeper.metadata.migration.enable': (value) =>
    value === 'true' ? 'there is no ZooKeeper here to migrate from; leave the key out' : null,
  'remote.log.storage.system.enable': (value) =>
    value === 'true' ? 'tiered storage is not served; leave the key out' : null,
  'authorizer.class.name': (value) =>
    value === '' ? null : 'no authorizer is served, so nothing would be forbidden; leave the key out',
};

/** @throws {ConfigError} when a setting asks for protection or storage that can't be given. */
export function refuseUnserved(settings: ReadonlyMap<string, string>): void {
  for (const [key, reasonFor] of Object.entries(REFUSED)) {
    const value = settings.get(key)?.trim();
    const reason = value === undefined ? null : reasonFor(value);
    if (reason !== null) throw new ConfigError(`${key}=${value} is refused: ${reason}.`);
  }
}
