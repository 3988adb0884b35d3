// What DescribeConfigs tells of a topic or a broker: value, source, synonyms in order of precedence, type (ConfigHelper).
// Always true: the field names are those of DescribeConfigsResponse; a sensitive value, or one of unknown type, is null.

import type { BrokerConfig } from './broker-config.ts';
import type { ConfigType } from './definition.ts';
import { brokerDefinitions, dynamicOnly, topicConfigDefinitions } from './definitions/index.ts';
import { documentationOf } from './documentation.ts';
import { dynamicDefinition } from './dynamic.ts';
import type { Settings, Texts } from './settings.ts';
import { synonymsAcrossListeners } from './synonyms.ts';
import { topicConfig } from './topic-config.ts';

/** Where a value comes from, as DescribeConfigs 1+ numbers it. */
export const ConfigSource = {
  DYNAMIC_TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
  DYNAMIC_BROKER_LOGGER_CONFIG: 6,
  CLIENT_METRICS_CONFIG: 7,
} as const;

const TYPE_IDS: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
};

const UNKNOWN_TYPE_ID = 0;

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

export interface DescribedConfig {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  /** What version 0 says instead of the source. */
  readonly isDefault: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly ConfigSynonym[];
  readonly configType: number;
  readonly documentation: string | null;
}

export interface DescribeOptions {
  readonly includeSynonyms: boolean;
  readonly includeDocumentation: boolean;
  /** The wanted keys; null or none = all. */
  readonly keys: readonly string[] | null;
}

function typeOf(name: string): ConfigType | null {
  return brokerDefinitions.get(name)?.type ?? dynamicOnly.get(name)?.type ?? null;
}

function brokerType(name: string): ConfigType | null {
  const own = typeOf(name);
  if (own !== null) return own;
  for (const synonym of synonymsAcrossListeners(name)) {
    const type = typeOf(synonym);
    if (type !== null) return type;
  }
  return null;
}

function isSensitive(type: ConfigType | null): boolean {
  return type === null || type === 'password';
}

/** The settings behind `name`, strongest first, from the first that bears its own name on (ConfigHelper.configSynonyms). */
function settingSynonyms(settings: Settings, name: string, sensitive: boolean): ConfigSynonym[] {
  const { brokerDynamic, clusterDynamic, given } = settings.layers;
  const names = synonymsAcrossListeners(name);
  const found: ConfigSynonym[] = [];
  const add = (texts: (synonym: string) => string | null | undefined, source: number) => {
    for (const synonym of names) {
      const value = texts(synonym);
      if (value !== undefined && value !== null)
        found.push({ name: synonym, value: sensitive ? null : value, source });
    }
  };
  add((synonym) => brokerDynamic.get(synonym), ConfigSource.DYNAMIC_BROKER_CONFIG);
  add((synonym) => clusterDynamic.get(synonym), ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG);
  add((synonym) => given.get(synonym), ConfigSource.STATIC_BROKER_CONFIG);
  add((synonym) => {
    const definition = brokerDefinitions.get(synonym);
    return definition === undefined ? null : settings.defaultText(definition);
  }, ConfigSource.DEFAULT_CONFIG);
  const first = found.findIndex((synonym) => synonym.name === name);
  return first < 0 ? [] : found.slice(first);
}

interface Described {
  readonly name: string;
  readonly text: string | null;
  readonly type: ConfigType | null;
  readonly readOnly: boolean;
  readonly synonyms: readonly ConfigSynonym[];
}

function described(entry: Described, options: DescribeOptions): DescribedConfig {
  const sensitive = isSensitive(entry.type);
  const configSource = entry.synonyms[0]?.source ?? ConfigSource.DEFAULT_CONFIG;
  return {
    name: entry.name,
    value: sensitive ? null : entry.text,
    readOnly: entry.readOnly,
    isDefault: configSource === ConfigSource.DEFAULT_CONFIG,
    configSource,
    isSensitive: sensitive,
    synonyms: options.includeSynonyms ? entry.synonyms : [],
    configType: entry.type === null ? UNKNOWN_TYPE_ID : TYPE_IDS[entry.type],
    documentation: options.includeDocumentation ? documentationOf(entry.name) : null,
  };
}

function wanted(names: Iterable<string>, { keys }: DescribeOptions): string[] {
  const all = [...names].sort();
  return keys === null || keys.length === 0 ? all : all.filter((name) => keys.includes(name));
}

/** The 31 settings of a topic. @param overrides what was set for the topic itself */
export function describeTopicConfigs(
  config: BrokerConfig,
  overrides: Texts,
  options: DescribeOptions,
): DescribedConfig[] {
  const { values } = topicConfig(config.topics.defaultTexts, overrides);
  return wanted(values.keys(), options).map((name) => {
    const definition = topicConfigDefinitions.get(name);
    const text = values.get(name)?.text ?? null;
    const brokerName = definition?.brokerName ?? null;
    const inherited = brokerName === null ? [] : settingSynonyms(config.settings, brokerName, false);
    const own = { name, value: text, source: ConfigSource.DYNAMIC_TOPIC_CONFIG };
    return described(
      {
        name,
        text,
        type: definition?.type ?? null,
        readOnly: false,
        synonyms: overrides.has(name) ? [own, ...inherited] : inherited,
      },
      options,
    );
  });
}

/** The settings of this broker: all keys but the internal ones, and whatever else somebody set. */
export function describeBrokerConfigs(
  { settings }: BrokerConfig,
  options: DescribeOptions,
): DescribedConfig[] {
  const originals = settings.originals();
  const names = new Set(originals.keys());
  for (const definition of brokerDefinitions.values()) {
    if (!definition.internal) names.add(definition.name);
  }
  return wanted(names, options).map((name) => {
    const type = brokerType(name);
    const text = brokerDefinitions.has(name) ? settings.textOrNull(name) : (originals.get(name) ?? null);
    const synonyms = settingSynonyms(settings, name, isSensitive(type));
    return described({ name, text, type, readOnly: dynamicDefinition(name) === null, synonyms }, options);
  });
}

/** The settings altered for all brokers: the resource BROKER with an empty name. */
export function describeClusterDefaults(
  { settings }: BrokerConfig,
  options: DescribeOptions,
): DescribedConfig[] {
  const { clusterDynamic } = settings.layers;
  return wanted(clusterDynamic.keys(), options).map((name) => {
    const type = brokerType(name);
    const synonyms = settingSynonyms(settings, name, isSensitive(type)).filter(
      ({ source }) => source === ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG,
    );
    const text = clusterDynamic.get(name) ?? null;
    return described({ name, text, type, readOnly: dynamicDefinition(name) === null, synonyms }, options);
  });
}

/** Whether APPEND and SUBTRACT may be used on a key; null when the key is unknown. */
export function isListConfig(resource: 'topic' | 'broker', name: string): boolean | null {
  const type = resource === 'topic' ? (topicConfigDefinitions.get(name)?.type ?? null) : typeOf(name);
  return type === null ? null : type === 'list';
}
