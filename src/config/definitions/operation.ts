// Quotas, metrics and policies.
// One line per key of Apache Kafka 3.7.0: name, type, default as Kafka prints it, importance, update mode, check.

import type { ConfigDefinition } from '../definition.ts';
import { atLeast, define } from '../definition.ts';

export const operationDefinitions: readonly ConfigDefinition[] = [
  define('alter.config.policy.class.name', 'class', null, 'low', 'read-only'),
  define('alter.log.dirs.replication.quota.window.num', 'int', '11', 'low', 'read-only', atLeast(1)),
  define('alter.log.dirs.replication.quota.window.size.seconds', 'int', '1', 'low', 'read-only', atLeast(1)),
  define('auto.include.jmx.reporter', 'boolean', 'true', 'low', 'read-only'),
  define('client.quota.callback.class', 'class', null, 'low', 'read-only'),
  define('kafka.metrics.polling.interval.secs', 'int', '10', 'low', 'read-only', atLeast(1)),
  define('kafka.metrics.reporters', 'list', '', 'low', 'read-only'),
  define('metric.reporters', 'list', '', 'low', 'cluster-wide'),
  define('metrics.num.samples', 'int', '2', 'low', 'read-only', atLeast(1)),
  define('metrics.recording.level', 'string', 'INFO', 'low', 'read-only'),
  define('metrics.sample.window.ms', 'long', '30000', 'low', 'read-only', atLeast(1)),
  define('quota.window.num', 'int', '11', 'low', 'read-only', atLeast(1)),
  define('quota.window.size.seconds', 'int', '1', 'low', 'read-only', atLeast(1)),
  define('telemetry.max.bytes', 'int', '1048576', 'low', 'read-only', atLeast(1)),
];
