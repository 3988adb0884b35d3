// Replication between brokers, and the balance of leaders.
// One line per key of Apache Kafka 3.7.0: name, type, default as Kafka prints it, importance, update mode, check.

import type { ConfigDefinition } from '../definition.ts';
import { atLeast, define } from '../definition.ts';

export const replicationDefinitions: readonly ConfigDefinition[] = [
  define('auto.leader.rebalance.enable', 'boolean', 'true', 'high', 'read-only'),
  define('default.replication.factor', 'int', '1', 'medium', 'read-only'),
  define('leader.imbalance.check.interval.seconds', 'long', '300', 'high', 'read-only', atLeast(1)),
  define('leader.imbalance.per.broker.percentage', 'int', '10', 'high', 'read-only'),
  define('num.replica.alter.log.dirs.threads', 'int', null, 'high', 'read-only'),
  define('num.replica.fetchers', 'int', '1', 'high', 'cluster-wide'),
  define('replica.fetch.backoff.ms', 'int', '1000', 'medium', 'read-only', atLeast(0)),
  define('replica.fetch.max.bytes', 'int', '1048576', 'medium', 'read-only', atLeast(0)),
  define('replica.fetch.min.bytes', 'int', '1', 'high', 'read-only'),
  define('replica.fetch.response.max.bytes', 'int', '10485760', 'medium', 'read-only', atLeast(0)),
  define('replica.fetch.wait.max.ms', 'int', '500', 'high', 'read-only'),
  define('replica.high.watermark.checkpoint.interval.ms', 'long', '5000', 'high', 'read-only'),
  define('replica.lag.time.max.ms', 'long', '30000', 'high', 'read-only'),
  define('replica.selector.class', 'string', null, 'medium', 'read-only'),
  define('replica.socket.receive.buffer.bytes', 'int', '65536', 'high', 'read-only'),
  define('replica.socket.timeout.ms', 'int', '30000', 'high', 'read-only'),
  define('replication.quota.window.num', 'int', '11', 'low', 'read-only', atLeast(1)),
  define('replication.quota.window.size.seconds', 'int', '1', 'low', 'read-only', atLeast(1)),
];
