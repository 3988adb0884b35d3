// The configuration of a topic: Kafka's texts, and the numbers that the log and the partition work with.
// Always true: a TopicConfig is complete (topic value, else the broker's, else the default) and was checked.

import { ConfigError } from './config-error.ts';
import type { ConfigValue } from './definition.ts';
import { configValue } from './definition.ts';
import { topicConfigDefinitions } from './definitions/index.ts';
import type { Settings, Texts } from './settings.ts';

export type CompressionName = 'uncompressed' | 'zstd' | 'lz4' | 'snappy' | 'gzip' | 'producer';

export type CleanupPolicy = 'delete' | 'compact';

/** What the log and the partition read. Values that need more than 53 bits mean "never" and are MAX_SAFE_INTEGER. */
export interface TopicConfig {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly flushMessages: number;
  readonly flushMs: number;
  /** -1 = unlimited. */
  readonly retentionBytes: number;
  /** -1 = unlimited. */
  readonly retentionMs: number;
  readonly deleteRetentionMs: number;
  readonly fileDeleteDelayMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly minCleanableDirtyRatio: number;
  /** Both for KIP-71; empty keeps everything for ever. */
  readonly cleanupPolicy: readonly CleanupPolicy[];
  readonly maxMessageBytes: number;
  readonly minInsyncReplicas: number;
  readonly compressionType: CompressionName;
  readonly preallocate: boolean;
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime';
  readonly messageTimestampBeforeMaxMs: number;
  readonly messageTimestampAfterMaxMs: number;
  readonly uncleanLeaderElectionEnable: boolean;
  readonly messageDownconversionEnable: boolean;
  readonly leaderReplicationThrottledReplicas: readonly string[];
  readonly followerReplicationThrottledReplicas: readonly string[];
  /** Every key with its value, for descriptions. */
  readonly values: ReadonlyMap<string, ConfigValue>;
}

const HOUR_MS = 3_600_000;

/** log.retention.ms, else minutes, else hours; every negative value means unlimited. */
function retentionMs(settings: Settings): string {
  const ms = settings.textOrNull('log.retention.ms');
  if (ms !== null) return ms.startsWith('-') ? '-1' : ms;
  const minutes = settings.numberOrNull('log.retention.minutes');
  const total = minutes === null ? settings.number('log.retention.hours') * HOUR_MS : minutes * 60_000;
  return total < 0 ? '-1' : `${total}`;
}

function msOrHours(settings: Settings, msKey: string, hoursKey: string): string {
  return settings.textOrNull(msKey) ?? `${settings.number(hoursKey) * HOUR_MS}`;
}

/** The texts that every topic of this broker inherits, by topic key (KafkaConfig.extractLogConfigMap). */
export function topicDefaultsOf(settings: Settings): Texts {
  const defaults = new Map<string, string>();
  for (const { name, brokerName } of topicConfigDefinitions.values()) {
    const text = brokerName === null ? null : settings.textOrNull(brokerName);
    if (text !== null) defaults.set(name, text);
  }
  defaults.set('segment.ms', msOrHours(settings, 'log.roll.ms', 'log.roll.hours'));
  defaults.set('segment.jitter.ms', msOrHours(settings, 'log.roll.jitter.ms', 'log.roll.jitter.hours'));
  defaults.set('retention.ms', retentionMs(settings));
  const flushMs =
    settings.textOrNull('log.flush.interval.ms') ?? settings.text('log.flush.scheduler.interval.ms');
  defaults.set('flush.ms', flushMs);
  // From inter-broker protocol 3.0 on the message format is fixed, whatever log.message.format.version says.
  defaults.set('message.format.version', '3.0-IV1');
  return defaults;
}

function valuesOf(defaults: Texts, overrides: Texts): Map<string, ConfigValue> {
  const values = new Map<string, ConfigValue>();
  for (const definition of topicConfigDefinitions.values()) {
    const text = overrides.get(definition.name) ?? defaults.get(definition.name);
    values.set(definition.name, configValue(definition, text));
  }
  return values;
}

function saturated(value: number | undefined): number {
  return Math.min(value ?? Number.NaN, Number.MAX_SAFE_INTEGER);
}

/** `difference.max.ms` counts as long as the newer key has its default (LogConfig.getMessageTimestampBeforeMaxMs). */
function timestampLimit(values: ReadonlyMap<string, ConfigValue>, key: string): number {
  const own = values.get(key);
  const old = values.get('message.timestamp.difference.max.ms');
  const isDefault = own?.text === topicConfigDefinitions.get(key)?.defaultText;
  return saturated(isDefault ? old?.number : own?.number);
}

/**
 * The complete configuration of a topic.
 * @param defaults what the broker gives (topicDefaultsOf)
 * @param overrides what was set for the topic itself
 * @throws {ConfigError} when a value is refused
 */
export function topicConfig(defaults: Texts, overrides: Texts): TopicConfig {
  const values = valuesOf(defaults, overrides);
  const number = (key: string) => saturated(values.get(key)?.number);
  const text = (key: string) => values.get(key)?.text ?? '';
  const flag = (key: string) => text(key) === 'true';
  const list = (key: string) => values.get(key)?.list ?? [];
  return {
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    segmentJitterMs: number('segment.jitter.ms'),
    segmentIndexBytes: number('segment.index.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    flushMessages: number('flush.messages'),
    flushMs: number('flush.ms'),
    retentionBytes: number('retention.bytes'),
    retentionMs: number('retention.ms'),
    deleteRetentionMs: number('delete.retention.ms'),
    fileDeleteDelayMs: number('file.delete.delay.ms'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    cleanupPolicy: list('cleanup.policy') as readonly CleanupPolicy[],
    maxMessageBytes: number('max.message.bytes'),
    minInsyncReplicas: number('min.insync.replicas'),
    compressionType: text('compression.type') as CompressionName,
    preallocate: flag('preallocate'),
    messageTimestampType: text('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    messageTimestampBeforeMaxMs: timestampLimit(values, 'message.timestamp.before.max.ms'),
    messageTimestampAfterMaxMs: timestampLimit(values, 'message.timestamp.after.max.ms'),
    uncleanLeaderElectionEnable: flag('unclean.leader.election.enable'),
    messageDownconversionEnable: flag('message.downconversion.enable'),
    leaderReplicationThrottledReplicas: list('leader.replication.throttled.replicas'),
    followerReplicationThrottledReplicas: list('follower.replication.throttled.replicas'),
    values,
  };
}

/**
 * Checks one setting of a topic, name and value.
 * @throws {ConfigError} `Unknown topic config name: …`, `Invalid value …`
 */
export function validateTopicConfig(name: string, value: string): void {
  const definition = topicConfigDefinitions.get(name);
  if (definition === undefined) throw new ConfigError(`Unknown topic config name: ${name}`);
  configValue(definition, value);
}

/**
 * Checks all settings of a topic together, as CreateTopics and the alter requests do
 * (ControllerConfigurationValidator, LogConfig.validate). The code to answer is INVALID_CONFIG.
 * @param overrides the settings as they would be afterwards; a null value is refused
 * @throws {ConfigError}
 */
export function validateTopicConfigs(defaults: Texts, overrides: ReadonlyMap<string, string | null>): void {
  const nulls = [...overrides].filter(([, value]) => value === null).map(([name]) => name);
  if (nulls.length > 0)
    throw new ConfigError(`Null value not supported for topic configs: ${nulls.join(',')}`);
  const texts = new Map<string, string>();
  for (const [name, value] of overrides) {
    if (!topicConfigDefinitions.has(name)) throw new ConfigError(`Unknown topic config name: ${name}`);
    if (value !== null) texts.set(name, value);
  }
  const { minCompactionLagMs, maxCompactionLagMs, values } = topicConfig(defaults, texts);
  if (minCompactionLagMs > maxCompactionLagMs) {
    throw new ConfigError(
      `conflict topic config setting min.compaction.lag.ms (${values.get('min.compaction.lag.ms')?.text}) > ` +
        `max.compaction.lag.ms (${values.get('max.compaction.lag.ms')?.text})`,
    );
  }
  if (values.get('remote.storage.enable')?.text === 'true') {
    throw new ConfigError(
      'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.',
    );
  }
}
