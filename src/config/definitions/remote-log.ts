// Tiered storage (KIP-405). Known and checked; a node that is asked to switch it on refuses.
// One line per key of Apache Kafka 3.7.0: name, type, default as Kafka prints it, importance, update mode, check.

import type { ConfigDefinition } from '../definition.ts';
import { atLeast, between, define, internal, nonEmpty } from '../definition.ts';

export const remoteLogDefinitions: readonly ConfigDefinition[] = [
  define('log.local.retention.bytes', 'long', '-2', 'medium', 'cluster-wide', atLeast(-2)),
  define('log.local.retention.ms', 'long', '-2', 'medium', 'cluster-wide', atLeast(-2)),
  define(
    'remote.log.index.file.cache.total.size.bytes',
    'long',
    '1073741824',
    'low',
    'cluster-wide',
    atLeast(1),
  ),
  define('remote.log.manager.task.interval.ms', 'long', '30000', 'low', 'read-only', atLeast(1)),
  internal(
    define('remote.log.manager.task.retry.backoff.max.ms', 'long', '30000', 'low', 'read-only', atLeast(1)),
  ),
  internal(define('remote.log.manager.task.retry.backoff.ms', 'long', '500', 'low', 'read-only', atLeast(1))),
  internal(
    define('remote.log.manager.task.retry.jitter', 'double', '0.2', 'low', 'read-only', between(0, 0.5)),
  ),
  define('remote.log.manager.thread.pool.size', 'int', '10', 'medium', 'read-only', atLeast(1)),
  define('remote.log.metadata.custom.metadata.max.bytes', 'int', '128', 'low', 'read-only', atLeast(0)),
  define(
    'remote.log.metadata.manager.class.name',
    'string',
    'org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager',
    'medium',
    'read-only',
    nonEmpty,
  ),
  define('remote.log.metadata.manager.class.path', 'string', null, 'medium', 'read-only'),
  define(
    'remote.log.metadata.manager.impl.prefix',
    'string',
    'rlmm.config.',
    'medium',
    'read-only',
    nonEmpty,
  ),
  define('remote.log.metadata.manager.listener.name', 'string', null, 'medium', 'read-only', nonEmpty),
  define('remote.log.reader.max.pending.tasks', 'int', '100', 'medium', 'read-only', atLeast(1)),
  define('remote.log.reader.threads', 'int', '10', 'medium', 'read-only', atLeast(1)),
  define('remote.log.storage.manager.class.name', 'string', null, 'medium', 'read-only', nonEmpty),
  define('remote.log.storage.manager.class.path', 'string', null, 'medium', 'read-only'),
  define('remote.log.storage.manager.impl.prefix', 'string', 'rsm.config.', 'medium', 'read-only', nonEmpty),
  define('remote.log.storage.system.enable', 'boolean', 'false', 'medium', 'read-only'),
];
