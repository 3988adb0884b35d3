import { describe, expect, test } from 'vitest';
import { applyDynamicConfigs, validateDynamicConfigs } from '../../../../src/config/dynamic.ts';
import { loadBrokerConfig } from '../../../../src/config/load.ts';

const { config } = loadBrokerConfig({ properties: 'broker.id=1\nnum.io.threads=4\nlog.retention.hours=100' });
const texts = (settings: Record<string, string>) => new Map(Object.entries(settings));

function refusal(settings: Record<string, string>, perBroker: boolean): string | null {
  try {
    validateDynamicConfigs(config, texts(settings), perBroker);
  } catch (error) {
    return (error as Error).message;
  }
  return null;
}

const wrapped = (reason: string) =>
  `Invalid value org.apache.kafka.common.config.ConfigException: ${reason} for configuration Invalid dynamic configuration`;

describe('change of broker settings at run time', () => {
  test.each([
    [{ 'node.id': '5' }, 'Cannot update these configs dynamically: Set(node.id)'],
    [
      { 'node.id': '5', 'process.roles': 'broker' },
      'Cannot update these configs dynamically: Set(node.id, process.roles)',
    ],
    [
      { 'ssl.keystore.type': 'PEM' },
      'These security configs can be dynamically updated only per-listener using the listener prefix: HashSet(ssl.keystore.type)',
    ],
    [
      { 'num.io.threads': '100' },
      wrapped(
        'Dynamic thread count update validation failed for num.io.threads=100, value should not be greater than double the current value 4',
      ),
    ],
    [
      { 'num.io.threads': '1' },
      wrapped(
        'Dynamic thread count update validation failed for num.io.threads=1, value should be at least half the current value 4',
      ),
    ],
    [
      { 'advertised.listeners': 'PLAINTEXT://other:1' },
      wrapped('Advertised listeners cannot be altered when using a Raft-based metadata quorum.'),
    ],
    [
      { 'log.segment.bytes': '1' },
      'Invalid value 1 for configuration log.segment.bytes: Value must be at least 14',
    ],
    [{ 'log.roll.ms': '0' }, 'requirement failed: log.roll.ms must be greater than or equal to 1'],
    [{ 'sordini.durability': 'kafka' }, 'Cannot update these configs dynamically: Set(sordini.durability)'],
    [{ 'leader.replication.throttled.rate': '-1' }, expect.stringContaining('Value must be at least 0')],
    [{ 'leader.replication.throttled.rate': '100', 'foo.bar': '1', 'num.io.threads': '8' }, null],
  ])('%j for one broker is answered as Kafka answers it', (settings, expected) => {
    expect(refusal(settings as unknown as Record<string, string>, true)).toEqual(expected);
  });

  test.each([
    [{ listeners: 'PLAINTEXT://:1' }, 'listeners'],
    [{ 'listener.name.plaintext.ssl.keystore.type': 'PEM' }, 'listener.name.plaintext.ssl.keystore.type'],
  ])('%j can be changed for one broker only', (settings, name) => {
    expect(refusal(settings as unknown as Record<string, string>, false)).toBe(
      `Cannot update these configs at default cluster level, broker id must be specified: Set(${name})`,
    );
  });

  test('a limit of connections for one listener can be changed for all brokers', () => {
    expect(refusal({ 'listener.name.plaintext.max.connections': '5' }, false)).toBeNull();
  });
});

describe('settings that the metadata holds', () => {
  test('win over the file, those of the broker over those of the cluster', () => {
    const applied = applyDynamicConfigs(
      config,
      texts({ 'log.retention.ms': '5000', 'max.connections': '10' }),
      texts({ 'max.connections': '20' }),
    );
    expect(applied.ignored).toEqual([]);
    expect(applied.config.topics.defaults.retentionMs).toBe(5000);
    expect(applied.config.network.maxConnections).toBe(20);
    expect(config.network.maxConnections).toBe(2147483647);
  });

  test('a value that can’t be used is left out, and the others are in force', () => {
    const { config: after, ignored } = applyDynamicConfigs(
      config,
      texts({ 'max.connections': 'many', 'node.id': '9' }),
      texts({ 'log.cleaner.threads': '2' }),
    );
    expect(ignored).toEqual(['max.connections', 'node.id']);
    expect(after.nodeId).toBe(1);
    expect(after.settings.number('log.cleaner.threads')).toBe(2);
  });

  test.each([
    [2, 1, null],
    [2, 4, null],
    [4, 1, 'Log cleaner threads cannot be reduced to less than half the current value 4'],
    [1, 3, 'Log cleaner threads cannot be increased to more than double the current value 1'],
  ])('%i cleaner threads become %i: %s', (from, to, refusal) => {
    const running = applyDynamicConfigs(
      config,
      texts({ 'log.cleaner.threads': `${from}` }),
      texts({}),
    ).config;
    const change = () => validateDynamicConfigs(running, texts({ 'log.cleaner.threads': `${to}` }), false);
    if (refusal === null) expect(change).not.toThrow();
    else expect(change).toThrow(refusal);
  });

  test('a combination that can’t be used leaves everything as it was', () => {
    const { config: after, ignored } = applyDynamicConfigs(config, texts({}), texts({ 'log.roll.ms': '0' }));
    expect(ignored).toEqual(['log.roll.ms']);
    expect(after).toBe(config);
  });

  test('removing them brings the file back', () => {
    const altered = applyDynamicConfigs(config, texts({ 'log.retention.ms': '5000' }), texts({})).config;
    const back = applyDynamicConfigs(altered, texts({}), texts({})).config;
    expect(back.topics.defaults.retentionMs).toBe(100 * 3_600_000);
  });
});
