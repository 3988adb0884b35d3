// The raw settings of a broker in their layers, and the checked value of every key.
// Always true: precedence is dynamic broker > dynamic cluster default > static > default, as in DynamicBrokerConfig;
// unknown keys keep their text and have no value; building an object has checked every known key.

import { assert } from '../../protocol/assert.ts';
import type { ConfigDefinition, ConfigValue } from './definition.ts';
import { configValue } from './definition.ts';
import { brokerDefinitions, dynamicOnly } from './definitions/index.ts';
import { brokerSynonyms } from './synonyms.ts';

export type Texts = ReadonlyMap<string, string>;

export interface SettingLayers {
  /** Defaults of this node that differ from Kafka's, such as a replication factor of 1 on a lone node. */
  readonly nodeDefaults: Texts;
  /** What the file, the environment and the command line set. */
  readonly given: Texts;
  /** Altered at run time for all brokers. */
  readonly clusterDynamic: Texts;
  /** Altered at run time for this broker. */
  readonly brokerDynamic: Texts;
  /** Advertised where a listener names no host. */
  readonly hostName: string;
}

/**
 * What was set, the stronger layers over the weaker. A key altered at run time removes its synonyms, so that an
 * altered log.roll.ms is not beaten by a log.roll.hours of the file (DynamicBrokerConfig.overrideProps).
 */
function merged({ given, clusterDynamic, brokerDynamic }: SettingLayers): Texts {
  const originals = new Map(given);
  for (const altered of [clusterDynamic, brokerDynamic]) {
    for (const [name, text] of altered) {
      for (const synonym of brokerSynonyms(name)) originals.delete(synonym);
      originals.set(name, text);
    }
  }
  return originals;
}

/** What read access to settings looks like; the typed fields of BrokerConfig cover what the broker itself needs. */
export class Settings {
  readonly layers: SettingLayers;
  readonly #originals: Texts;
  readonly #values = new Map<string, ConfigValue>();

  /** @throws {ConfigError} for the first key (by name) whose value is refused. */
  constructor(layers: SettingLayers) {
    this.layers = layers;
    this.#originals = merged(layers);
    for (const definition of brokerDefinitions.values()) {
      this.#values.set(definition.name, configValue(definition, this.#rawText(definition.name)));
    }
    for (const definition of dynamicOnly.values()) {
      this.#values.set(definition.name, configValue(definition, this.#rawText(definition.name)));
    }
  }

  #rawText(name: string): string | undefined {
    return this.#originals.get(name) ?? this.layers.nodeDefaults.get(name);
  }

  value(name: string): ConfigValue {
    const value = this.#values.get(name);
    assert(value !== undefined, 'a configuration key that is read is a defined one');
    return value;
  }

  /** The text of a value; '' when there is none. */
  text(name: string): string {
    return this.value(name).text ?? '';
  }

  textOrNull(name: string): string | null {
    return this.value(name).text;
  }

  number(name: string): number {
    return this.value(name).number;
  }

  numberOrNull(name: string): number | null {
    const { text, number } = this.value(name);
    return text === null ? null : number;
  }

  flag(name: string): boolean {
    return this.value(name).text === 'true';
  }

  list(name: string): readonly string[] {
    return this.value(name).list;
  }

  /** Whether somebody set the key, at the start or at run time. */
  isGiven(name: string): boolean {
    return this.#originals.has(name);
  }

  /** The text for one listener: `listener.name.<listener>.<key>` if given, else that of the key itself. */
  listenerText(listenerName: string, key: string): string | null {
    const prefixed = `listener.name.${listenerName.toLowerCase()}.${key}`;
    return (
      this.#rawText(prefixed)?.trim() ??
      this.#rawText(key)?.trim() ??
      brokerDefinitions.get(key)?.defaultText ??
      null
    );
  }

  /** Every key that somebody set, with the raw text in force, unknown keys included (AbstractConfig.originals). */
  originals(): Texts {
    return this.#originals;
  }

  /** The default of a key on this node, as text. */
  defaultText(definition: ConfigDefinition): string | null {
    return this.layers.nodeDefaults.get(definition.name) ?? definition.defaultText;
  }
}
