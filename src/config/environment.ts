// Settings from the environment, by the convention of the official Kafka image: KAFKA_X_Y is x.y, a double underscore
// is an underscore, a triple one a dash. KAFKA_CFG_X_Y (another common image) and SORDINI_X_Y are read likewise;
// CLUSTER_ID names the cluster that an empty data directory is formatted for.
// Always true: only names that are configuration keys are taken, so that KAFKA_HOME or a Kubernetes service variable
// (KAFKA_PORT=tcp://…) does no harm.

import { brokerDefinitions } from './definitions/index.ts';
import type { Properties } from './properties.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

function keyOf(variable: string): string {
  return variable.toLowerCase().replaceAll('_', '.').replaceAll('...', '-').replaceAll('..', '_');
}

/** Log4j's root level, which the official image reads, in our words. */
function logLevel(log4j: string): string {
  const level = log4j.trim().toLowerCase();
  if (level === 'off') return 'silent';
  return level === 'all' ? 'trace' : level;
}

export function settingsFromEnvironment(environment: Environment): Properties {
  const settings: Properties = new Map();
  const root = environment['KAFKA_LOG4J_ROOT_LOGLEVEL'];
  if (root !== undefined && root !== '') settings.set('sordini.log.level', logLevel(root));
  const clusterId = environment['CLUSTER_ID']?.trim() ?? '';
  if (clusterId !== '') settings.set('sordini.cluster.id', clusterId);
  for (const [variable, value] of Object.entries(environment)) {
    if (value === undefined) continue;
    const match = /^(?:KAFKA_CFG|KAFKA|SORDINI)_(.+)$/.exec(variable);
    if (match?.[1] === undefined) continue;
    const key = variable.startsWith('SORDINI_') ? `sordini.${keyOf(match[1])}` : keyOf(match[1]);
    if (brokerDefinitions.has(key) || key.startsWith('listener.name.')) settings.set(key, value);
  }
  return settings;
}

/** As the official image: listeners that are only advertised are bound on every IPv4 address. */
export function listenersFromAdvertised(advertised: string): string {
  return advertised.replace(/:\/\/(\[[^\]]*\]|[^:,]*):/g, '://0.0.0.0:');
}
