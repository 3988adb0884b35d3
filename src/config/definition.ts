// What a configuration key is: its type, default, check and update mode; and how a text becomes a value.
// Always true: a value keeps its canonical text (Long.MAX is printed digit for digit), and a refused value throws a
// ConfigError with the words of Kafka's ConfigDef.

import { ConfigError, invalidValue } from './config-error.ts';
import { printDouble, readDouble, readInteger } from './java-text.ts';
import { isMetadataVersion } from './metadata-versions.ts';

export type ConfigType =
  | 'boolean'
  | 'string'
  | 'int'
  | 'short'
  | 'long'
  | 'double'
  | 'list'
  | 'class'
  | 'password';

export type Importance = 'high' | 'medium' | 'low';

/** Who may change a broker key at run time (DynamicBrokerConfig). */
export type UpdateMode = 'read-only' | 'per-broker' | 'cluster-wide';

/** A read value: the canonical text as Kafka prints it, and the same as a number or list where the type is one. */
export interface ConfigValue {
  readonly text: string | null;
  readonly number: number;
  readonly list: readonly string[];
}

/** Throws a ConfigError when the value may not be used. */
export type Check = (name: string, value: ConfigValue) => void;

export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  /** As Kafka prints it; null = no value. */
  readonly defaultText: string | null;
  readonly importance: Importance;
  readonly updateMode: UpdateMode;
  readonly check: Check | null;
  /** Internal keys are known and honoured but left out of descriptions unless somebody set them. */
  readonly internal: boolean;
}

export interface TopicConfigDefinition extends ConfigDefinition {
  /** The broker key with the highest precedence whose value the topic inherits; null when there is none. */
  readonly brokerName: string | null;
}

export function define(
  name: string,
  type: ConfigType,
  defaultText: string | null,
  importance: Importance,
  updateMode: UpdateMode,
  check: Check | null = null,
): ConfigDefinition {
  return { name, type, defaultText, importance, updateMode, check, internal: false };
}

export function defineTopic(
  name: string,
  type: ConfigType,
  defaultText: string | null,
  importance: Importance,
  brokerName: string | null,
  check: Check | null = null,
): TopicConfigDefinition {
  return { ...define(name, type, defaultText, importance, 'cluster-wide', check), brokerName };
}

export function internal(definition: ConfigDefinition): ConfigDefinition {
  return { ...definition, internal: true };
}

const NO_LIST: readonly string[] = [];

/** The value of a text that was set. The text is trimmed as ConfigDef.parseType trims it; the check is not run. */
export function readValue(name: string, type: ConfigType, text: string): ConfigValue {
  const trimmed = text.trim();
  switch (type) {
    case 'boolean': {
      const word = trimmed.toLowerCase();
      if (word !== 'true' && word !== 'false')
        throw invalidValue(name, text, 'Expected value to be either true or false');
      return { text: word, number: word === 'true' ? 1 : 0, list: NO_LIST };
    }
    case 'short':
    case 'int':
    case 'long': {
      const digits = readInteger(trimmed, type);
      if (digits === null) throw invalidValue(name, text, `Not a number of type ${type.toUpperCase()}`);
      return { text: digits, number: Number(digits), list: NO_LIST };
    }
    case 'double': {
      const number = readDouble(trimmed);
      if (number === null) throw invalidValue(name, text, 'Not a number of type DOUBLE');
      return { text: printDouble(number), number, list: NO_LIST };
    }
    case 'list': {
      const list = trimmed === '' ? NO_LIST : trimmed.split(/\s*,\s*/);
      return { text: list.join(','), number: Number.NaN, list };
    }
    default:
      return { text: trimmed, number: Number.NaN, list: NO_LIST };
  }
}

const NO_VALUE: ConfigValue = { text: null, number: Number.NaN, list: NO_LIST };

/**
 * The value of a key: of `text` when it was set, else of the default, checked.
 * @throws {ConfigError} with Kafka's words.
 */
export function configValue(definition: ConfigDefinition, text: string | null | undefined): ConfigValue {
  const source = text ?? definition.defaultText;
  const value = source === null ? NO_VALUE : readValue(definition.name, definition.type, source);
  definition.check?.(definition.name, value);
  return value;
}

// The checks, named as in ConfigDef.

function printed(value: ConfigValue): string | null {
  return value.text;
}

export function atLeast(min: number): Check {
  return between(min, Number.POSITIVE_INFINITY);
}

export function between(min: number, max: number): Check {
  return (name, value) => {
    if (value.text === null) throw invalidValue(name, null, 'Value must be non-null');
    if (value.number < min) throw invalidValue(name, printed(value), `Value must be at least ${min}`);
    if (value.number > max) throw invalidValue(name, printed(value), `Value must be no more than ${max}`);
  };
}

export function oneOf(...words: string[]): Check {
  return (name, value) => {
    if (value.text === null || !words.includes(value.text))
      throw invalidValue(name, printed(value), `String must be one of: ${words.join(', ')}`);
  };
}

export function listOf(...words: string[]): Check {
  return (name, value) => {
    for (const entry of value.list) {
      if (!words.includes(entry))
        throw invalidValue(name, entry, `String must be one of: ${words.join(', ')}`);
    }
  };
}

export const nonNull: Check = (name, value) => {
  if (value.text === null) throw invalidValue(name, 'null', 'entry must be non null');
};

export const nonEmpty: Check = (name, value) => {
  if (value.text === '') throw invalidValue(name, '', 'String must be non-empty');
};

/** Any version that MetadataVersion.fromVersionString knows, from 0.8.0 on. */
export const metadataVersionText: Check = (name, value) => {
  if (value.text === null || !isMetadataVersion(value.text))
    throw invalidValue(name, value.text, `Version ${value.text} is not a valid version`);
};

/** `*`, or entries of the form partition:broker (ThrottledReplicaListValidator). */
export const throttledReplicaList: Check = (name, value) => {
  const wellFormed = value.list.every((entry) => /^([0-9]+:[0-9]+)?$/.test(entry.trim()));
  if (!wellFormed && value.list.map((entry) => entry.trim()).join('') !== '*') {
    throw invalidValue(
      name,
      `[${value.list.join(', ')}]`,
      `${name} must be the literal '*' or a list of replicas in the following format: ` +
        '[partitionId]:[brokerId],[partitionId]:[brokerId],...',
    );
  }
};

export interface QuorumVoter {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/** The entries `id@host:port` of controller.quorum.voters (RaftConfig.parseVoterConnections). */
export function parseQuorumVoters(entries: readonly string[]): QuorumVoter[] {
  const form = 'Each entry should be in the form `{id}@{host}:{port}`.';
  return entries.map((entry) => {
    const parts = entry.split('@');
    const [idText = '', address = ''] = parts;
    if (parts.length !== 2)
      throw new ConfigError(`Invalid configuration value for controller.quorum.voters. ${form}`);
    const id = readInteger(idText, 'int');
    if (id === null) throw new ConfigError(`Failed to parse voter ID as an integer from ${idText}`);
    const match = /^(?:.*?:\/\/)?(?:\[([0-9a-zA-Z\-%._:]*)\]|([0-9a-zA-Z\-%._]*)):([0-9]+)$/.exec(address);
    const host = match?.[1] ?? match?.[2] ?? '';
    if (match === null || host === '') {
      throw new ConfigError(
        `Failed to parse host name from entry ${entry} for the configuration controller.quorum.voters. ${form}`,
      );
    }
    return { id: Number(id), host, port: Number(match[3]) };
  });
}

export const quorumVoterList: Check = (_name, value) => {
  parseQuorumVoters(value.list);
};
