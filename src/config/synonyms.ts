// Keys that mean the same thing in other units, and keys that are scoped to one listener.
// Always true: the lists are in order of precedence (DynamicBrokerConfig.brokerConfigSynonyms).

const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  'log.roll.ms': ['log.roll.ms', 'log.roll.hours'],
  'log.roll.hours': ['log.roll.ms', 'log.roll.hours'],
  'log.roll.jitter.ms': ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
  'log.roll.jitter.hours': ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
  'log.flush.interval.ms': ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'],
  'log.retention.ms': ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
  'log.retention.minutes': ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
  'log.retention.hours': ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
};

/** Listener keys that also carry a mechanism: `listener.name.<listener>.<mechanism>.<key>`. */
const MECHANISM_KEYS = [
  'sasl.jaas.config',
  'sasl.login.callback.handler.class',
  'sasl.login.class',
  'sasl.server.callback.handler.class',
  'connections.max.reauth.ms',
];

/** The key without its listener prefix, or null when it has none. */
export function listenerBaseName(name: string): string | null {
  return /^listener\.name\.[^.]*\.(.*)$/.exec(name)?.[1] ?? null;
}

export function brokerSynonyms(name: string): readonly string[] {
  return SYNONYMS[name] ?? [name];
}

/** As brokerSynonyms, where a listener-scoped key also stands for the unscoped one. */
export function synonymsAcrossListeners(name: string): readonly string[] {
  const base = listenerBaseName(name);
  if (base === null) return brokerSynonyms(name);
  return [name, MECHANISM_KEYS.find((key) => base.endsWith(key)) ?? base];
}
