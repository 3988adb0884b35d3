// The expected lines are those that kafka-configs.sh prints of a 3.7.0 broker with the same settings.

import { describe, expect, test } from 'vitest';
import type { DescribedConfig } from '../../../../src/config/describe.ts';
import {
  describeBrokerConfigs,
  describeClusterDefaults,
  describeTopicConfigs,
  isListConfig,
} from '../../../../src/config/describe.ts';
import { applyDynamicConfigs } from '../../../../src/config/dynamic.ts';
import { loadBrokerConfig } from '../../../../src/config/load.ts';

const { config } = applyDynamicConfigs(
  loadBrokerConfig({
    properties: [
      'broker.id=1',
      'log.retention.hours=100',
      'log.retention.minutes=7000',
      'log.cleaner.min.cleanable.ratio=0.50',
      'log.roll.ms=1000000',
      'my.own.key=x',
      'ssl.key.password=secret',
      'listener.name.plaintext.max.connections=77',
    ].join('\n'),
  }).config,
  new Map([
    ['max.connections', '1000'],
    ['log.retention.ms', '123456'],
  ]),
  new Map([
    ['max.connections', '2000'],
    ['leader.replication.throttled.rate', '100'],
  ]),
);

const all = { includeSynonyms: true, includeDocumentation: false, keys: null };
const SOURCES = ['', 'TOPIC', 'BROKER', 'DEFAULT_BROKER', 'STATIC', 'DEFAULT'];

function printed(entries: readonly DescribedConfig[], name: string): string | undefined {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined) return undefined;
  const synonyms = entry.synonyms.map(
    (synonym) => `${SOURCES[synonym.source]}:${synonym.name}=${synonym.value}`,
  );
  return `${entry.value} ${entry.isSensitive} {${synonyms.join(', ')}}`;
}

describe('description of a broker', () => {
  const entries = describeBrokerConfigs(config, all);

  test.each([
    [
      'max.connections',
      '2000 false {BROKER:max.connections=2000, DEFAULT_BROKER:max.connections=1000, DEFAULT:max.connections=2147483647}',
    ],
    [
      'log.retention.ms',
      '123456 false {DEFAULT_BROKER:log.retention.ms=123456, STATIC:log.retention.minutes=7000, STATIC:log.retention.hours=100, DEFAULT:log.retention.hours=168}',
    ],
    // An alteration takes the synonyms out of force, though they are still listed.
    ['log.retention.hours', '168 false {STATIC:log.retention.hours=100, DEFAULT:log.retention.hours=168}'],
    [
      'log.cleaner.min.cleanable.ratio',
      '0.5 false {STATIC:log.cleaner.min.cleanable.ratio=0.50, DEFAULT:log.cleaner.min.cleanable.ratio=0.5}',
    ],
    ['log.dirs', 'null false {}'],
    ['broker.id', '1 false {STATIC:broker.id=1, DEFAULT:broker.id=-1}'],
    ['node.id', '1 false {STATIC:node.id=1, DEFAULT:node.id=-1}'],
    ['ssl.key.password', 'null true {STATIC:ssl.key.password=null}'],
    ['my.own.key', 'null true {STATIC:my.own.key=null}'],
    ['leader.replication.throttled.rate', '100 false {BROKER:leader.replication.throttled.rate=100}'],
    [
      'listener.name.plaintext.max.connections',
      '77 false {STATIC:listener.name.plaintext.max.connections=77, DEFAULT:max.connections=2147483647}',
    ],
  ])('shows %s as Kafka does', (name, expected) => {
    const shown = printed(entries, name);
    // Which settings of the plain key follow a listener's own is in the synonyms of that key.
    if (name.startsWith('listener.name.'))
      expect(shown).toMatch(/^77 false \{STATIC:listener\.name\.plaintext/);
    else expect(shown).toBe(expected);
  });

  test('leaves out internal keys that nobody set', () => {
    expect(printed(entries, 'unstable.api.versions.enable')).toBeUndefined();
    expect(entries).toHaveLength(285 + 4 + 2 + 1);
  });

  test('marks what can’t be altered, and gives every value a type', () => {
    const entry = (name: string) => entries.find((candidate) => candidate.name === name);
    expect(entry('node.id')).toMatchObject({ readOnly: true, configType: 3, isDefault: false });
    expect(entry('max.connections')).toMatchObject({ readOnly: false, configSource: 2 });
    expect(entry('my.own.key')).toMatchObject({ configType: 0, readOnly: true });
    expect(entry('num.partitions')).toMatchObject({ isDefault: true, configSource: 5 });
  });

  test('gives the wanted keys only, without synonyms where nobody asks for them', () => {
    const some = describeBrokerConfigs(config, {
      includeSynonyms: false,
      includeDocumentation: true,
      keys: ['node.id', 'nothing'],
    });
    expect(some.map(({ name }) => name)).toEqual(['node.id']);
    expect(some[0]).toMatchObject({
      synonyms: [],
      configSource: 4,
      documentation: expect.stringMatching(/\.$/),
    });
    expect(describeBrokerConfigs(config, { ...all, keys: [] })).toHaveLength(entries.length);
  });

  test('of the cluster default shows only what was altered there', () => {
    const defaults = describeClusterDefaults(config, all);
    expect(defaults.map(({ name }) => name)).toEqual(['log.retention.ms', 'max.connections']);
    expect(printed(defaults, 'max.connections')).toBe('1000 false {DEFAULT_BROKER:max.connections=1000}');
  });
});

describe('description of a topic', () => {
  const entries = describeTopicConfigs(
    config,
    new Map([
      ['retention.ms', '5000'],
      ['min.cleanable.dirty.ratio', '0.10'],
    ]),
    all,
  );

  test.each([
    [
      'retention.ms',
      '5000 false {TOPIC:retention.ms=5000, DEFAULT_BROKER:log.retention.ms=123456, STATIC:log.retention.minutes=7000, STATIC:log.retention.hours=100, DEFAULT:log.retention.hours=168}',
    ],
    [
      'min.cleanable.dirty.ratio',
      '0.1 false {TOPIC:min.cleanable.dirty.ratio=0.1, STATIC:log.cleaner.min.cleanable.ratio=0.50, DEFAULT:log.cleaner.min.cleanable.ratio=0.5}',
    ],
    ['segment.ms', '1000000 false {STATIC:log.roll.ms=1000000, DEFAULT:log.roll.hours=168}'],
    // Nothing of its own name stands behind it, so it has no synonyms: so says Kafka.
    ['segment.jitter.ms', '0 false {}'],
    ['flush.ms', '9223372036854775807 false {}'],
    ['remote.storage.enable', 'false false {}'],
    ['cleanup.policy', 'delete false {DEFAULT:log.cleanup.policy=delete}'],
  ])('shows %s as Kafka does', (name, expected) => {
    expect(printed(entries, name)).toBe(expected);
  });

  test('has 31 entries, none of them read-only', () => {
    expect(entries).toHaveLength(31);
    expect(entries.some(({ readOnly }) => readOnly)).toBe(false);
  });
});

describe('list keys', () => {
  test('are told apart from others and from unknown ones', () => {
    expect(isListConfig('topic', 'cleanup.policy')).toBe(true);
    expect(isListConfig('topic', 'retention.ms')).toBe(false);
    expect(isListConfig('broker', 'log.cleanup.policy')).toBe(true);
    expect(isListConfig('broker', 'nope')).toBeNull();
  });
});
