import { describe, expect, test } from 'vitest';
import { configValue } from '../../../../src/config/definition.ts';
import {
  brokerDefinitions,
  dynamicOnly,
  kafkaDefinitions,
  topicConfigDefinitions,
} from '../../../../src/config/definitions/index.ts';
import { hasEffect } from '../../../../src/config/honoured.ts';

const LONG_MAX = '9223372036854775807';

/** What KafkaConfig or LogConfig of 3.7.0 makes of a value: its text, or the message of the exception. */
function outcome(name: string, text: string, table: 'broker' | 'topic' = 'broker'): string | null {
  const definition = (table === 'broker' ? kafkaDefinitions : topicConfigDefinitions).get(name);
  if (definition === undefined) throw new Error(`no key ${name}`);
  try {
    return configValue(definition, text).text;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('configuration keys', () => {
  test('all keys of 3.7.0 are known: 295 of a broker, 3 dynamic-only, 31 of a topic', () => {
    expect(kafkaDefinitions.size).toBe(295);
    expect(dynamicOnly.size).toBe(3);
    expect(topicConfigDefinitions.size).toBe(31);
    expect([...kafkaDefinitions.values()].filter(({ internal }) => internal)).toHaveLength(10);
  });

  test('46 keys may be altered for the cluster and 37 for one broker', () => {
    const modes = [...kafkaDefinitions.values()].map(({ updateMode }) => updateMode);
    expect(modes.filter((mode) => mode === 'cluster-wide')).toHaveLength(46);
    expect(modes.filter((mode) => mode === 'per-broker')).toHaveLength(37);
  });

  test('our own keys bear our name', () => {
    const own = [...brokerDefinitions.keys()].filter((name) => !kafkaDefinitions.has(name));
    expect(own.every((name) => name.startsWith('sordini.'))).toBe(true);
    expect(own).toContain('sordini.durability');
  });

  test('every default passes its own check and is in the form that Kafka prints', () => {
    for (const table of [brokerDefinitions, dynamicOnly, topicConfigDefinitions]) {
      for (const definition of table.values()) {
        expect(configValue(definition, undefined).text, definition.name).toBe(definition.defaultText);
      }
    }
  });

  test('every topic key that inherits names a broker key', () => {
    for (const { name, brokerName } of topicConfigDefinitions.values()) {
      if (brokerName !== null) expect(kafkaDefinitions.has(brokerName), name).toBe(true);
    }
  });

  test('the keys of ZooKeeper have no effect, those of the log have', () => {
    expect(hasEffect('zookeeper.connect')).toBe(false);
    expect(hasEffect('num.io.threads')).toBe(false);
    expect(hasEffect('log.retention.ms')).toBe(true);
  });
});

describe('configuration value', () => {
  test.each([
    ['num.partitions', '0', 'Invalid value 0 for configuration num.partitions: Value must be at least 1'],
    ['num.partitions', 'abc', 'Invalid value abc for configuration num.partitions: Not a number of type INT'],
    ['num.partitions', '', 'Invalid value  for configuration num.partitions: Not a number of type INT'],
    ['num.partitions', '007', '7'],
    ['num.partitions', '+5', '5'],
    ['num.partitions', ' 5 ', '5'],
    [
      'num.partitions',
      '2147483648',
      'Invalid value 2147483648 for configuration num.partitions: Not a number of type INT',
    ],
    [
      'offsets.topic.replication.factor',
      '40000',
      'Invalid value 40000 for configuration offsets.topic.replication.factor: Not a number of type SHORT',
    ],
    ['log.flush.interval.messages', LONG_MAX, LONG_MAX],
    [
      'log.flush.interval.messages',
      '9223372036854775808',
      'Invalid value 9223372036854775808 for configuration log.flush.interval.messages: Not a number of type LONG',
    ],
    ['log.cleaner.min.cleanable.ratio', '1d', '1.0'],
    ['log.cleaner.min.cleanable.ratio', '1e-5', '1.0E-5'],
    ['log.cleaner.min.cleanable.ratio', '.5', '0.5'],
    ['log.cleaner.min.cleanable.ratio', 'NaN', 'NaN'],
    [
      'log.cleaner.min.cleanable.ratio',
      '1.5',
      'Invalid value 1.5 for configuration log.cleaner.min.cleanable.ratio: Value must be no more than 1',
    ],
    ['log.cleaner.io.max.bytes.per.second', '12345678.5', '1.23456785E7'],
    ['auto.create.topics.enable', 'TRUE', 'true'],
    [
      'auto.create.topics.enable',
      'yes',
      'Invalid value yes for configuration auto.create.topics.enable: Expected value to be either true or false',
    ],
    ['log.cleanup.policy', 'compact , delete', 'compact,delete'],
    ['log.cleanup.policy', '', ''],
    [
      'log.cleanup.policy',
      'compact, foo',
      'Invalid value foo for configuration log.cleanup.policy: String must be one of: compact, delete',
    ],
    [
      'compression.type',
      'GZIP',
      'Invalid value GZIP for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer',
    ],
    ['inter.broker.protocol.version', '3.7.1', '3.7.1'],
    [
      'inter.broker.protocol.version',
      '9.9',
      'Invalid value 9.9 for configuration inter.broker.protocol.version: Version 9.9 is not a valid version',
    ],
    [
      'controller.quorum.voters',
      '1@x',
      'Failed to parse host name from entry 1@x for the configuration controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.',
    ],
    ['controller.quorum.voters', 'a@b:1', 'Failed to parse voter ID as an integer from a'],
    ['controller.quorum.voters', '1@[::1]:9093', '1@[::1]:9093'],
    [
      'remote.log.metadata.manager.class.name',
      '',
      'Invalid value  for configuration remote.log.metadata.manager.class.name: String must be non-empty',
    ],
  ])('%s = "%s" comes to what Kafka makes of it', (name, text, expected) => {
    expect(outcome(name, text)).toBe(expected);
  });

  test.each([
    ['segment.bytes', '13', 'Invalid value 13 for configuration segment.bytes: Value must be at least 14'],
    ['leader.replication.throttled.replicas', '*', '*'],
    ['leader.replication.throttled.replicas', '0:1, 1:2', '0:1,1:2'],
    [
      'leader.replication.throttled.replicas',
      'x:y,*',
      "Invalid value [x:y, *] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
    ],
  ])('the topic value %s = "%s" comes to what Kafka makes of it', (name, text, expected) => {
    expect(outcome(name, text, 'topic')).toBe(expected);
  });
});
