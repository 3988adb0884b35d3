import { describe, expect, test } from 'vitest';
import { loadBrokerConfig } from '../../../../src/config/load.ts';
import {
  topicConfig,
  validateTopicConfig,
  validateTopicConfigs,
} from '../../../../src/config/topic-config.ts';
import type { LogConfig } from '../../../../storage/log-config.ts';
import { defaultLogConfig } from '../../../../storage/log-config.ts';

const defaultsOf = (properties: string) => loadBrokerConfig({ properties }).config.topics.defaultTexts;
const none = new Map<string, string>();

describe('topic configuration', () => {
  test('without settings is what the log takes for granted', () => {
    const config: LogConfig = topicConfig(defaultsOf(''), none);
    expect(config).toMatchObject(defaultLogConfig);
  });

  test('takes its own value, else the broker’s, else the default', () => {
    const defaults = defaultsOf(
      'log.segment.bytes=2000000\nmessage.max.bytes=5000\nlog.cleanup.policy=compact',
    );
    const config = topicConfig(defaults, new Map([['max.message.bytes', '7000']]));
    expect(config.segmentBytes).toBe(2_000_000);
    expect(config.maxMessageBytes).toBe(7000);
    expect(config.cleanupPolicy).toEqual(['compact']);
    expect(config.indexIntervalBytes).toBe(4096);
  });

  test.each([
    ['log.retention.hours=2', 7_200_000],
    ['log.retention.hours=2\nlog.retention.minutes=3', 180_000],
    ['log.retention.hours=2\nlog.retention.minutes=3\nlog.retention.ms=4', 4],
    ['log.retention.ms=-5', -1],
    ['log.retention.minutes=-1', -1],
  ])('%j keeps records for %d ms', (properties, retentionMs) => {
    expect(topicConfig(defaultsOf(properties), none).retentionMs).toBe(retentionMs);
  });

  test('rolls by milliseconds before hours, and flushes by the scheduler where nothing else is set', () => {
    const config = topicConfig(defaultsOf('log.roll.hours=1\nlog.flush.scheduler.interval.ms=99'), none);
    expect(config.segmentMs).toBe(3_600_000);
    expect(config.flushMs).toBe(99);
    expect(topicConfig(defaultsOf('log.roll.hours=1\nlog.roll.ms=5'), none).segmentMs).toBe(5);
  });

  test('keeps the text of Long.MAX and compares it as the largest safe number', () => {
    const { flushMs, values } = topicConfig(defaultsOf(''), none);
    expect(values.get('flush.ms')?.text).toBe('9223372036854775807');
    expect(flushMs).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('counts the old limit of timestamps until a newer one is set', () => {
    const old = new Map([['message.timestamp.difference.max.ms', '10']]);
    expect(topicConfig(defaultsOf(''), old).messageTimestampBeforeMaxMs).toBe(10);
    const newer = new Map([...old, ['message.timestamp.before.max.ms', '20'] as const]);
    expect(topicConfig(defaultsOf(''), newer)).toMatchObject({
      messageTimestampBeforeMaxMs: 20,
      messageTimestampAfterMaxMs: 10,
    });
  });
});

describe('settings of a topic', () => {
  const refusal = (settings: Record<string, string | null>) => {
    try {
      validateTopicConfigs(defaultsOf(''), new Map(Object.entries(settings)));
    } catch (error) {
      return (error as Error).message;
    }
    return null;
  };

  test.each([
    [{ foo: '1' }, 'Unknown topic config name: foo'],
    [{ 'retention.ms': null }, 'Null value not supported for topic configs: retention.ms'],
    [{ 'retention.ms': '-2' }, 'Invalid value -2 for configuration retention.ms: Value must be at least -1'],
    [
      { 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' },
      'conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)',
    ],
    [
      { 'remote.storage.enable': 'true' },
      'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.',
    ],
    [{ 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' }, null],
  ])('%j is answered as Kafka answers it', (settings, expected) => {
    expect(refusal(settings)).toBe(expected);
  });

  test('one setting can be checked by itself', () => {
    expect(() => validateTopicConfig('retention.ms', 'x')).toThrow('Not a number of type LONG');
    expect(() => validateTopicConfig('nope', 'x')).toThrow('Unknown topic config name: nope');
    expect(() => validateTopicConfig('retention.ms', '5')).not.toThrow();
  });
});
