// Listeners, sockets, request limits and threads.
// One line per key of Apache Kafka 3.7.0: name, type, default as Kafka prints it, importance, update mode, check.

import type { ConfigDefinition } from '../definition.ts';
import { atLeast, define } from '../definition.ts';

export const networkDefinitions: readonly ConfigDefinition[] = [
  define('advertised.listeners', 'string', null, 'high', 'per-broker'),
  define('background.threads', 'int', '10', 'high', 'cluster-wide', atLeast(1)),
  define('connection.failed.authentication.delay.ms', 'int', '100', 'low', 'read-only', atLeast(0)),
  define('connections.max.idle.ms', 'long', '600000', 'medium', 'read-only'),
  define('delete.records.purgatory.purge.interval.requests', 'int', '1', 'medium', 'read-only'),
  define('fetch.max.bytes', 'int', '57671680', 'medium', 'read-only', atLeast(1024)),
  define('fetch.purgatory.purge.interval.requests', 'int', '1000', 'medium', 'read-only'),
  define('inter.broker.listener.name', 'string', null, 'medium', 'read-only'),
  define(
    'listener.security.protocol.map',
    'string',
    'PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
    'low',
    'per-broker',
  ),
  define('listeners', 'string', 'PLAINTEXT://:9092', 'high', 'per-broker'),
  define('max.connection.creation.rate', 'int', '2147483647', 'medium', 'cluster-wide', atLeast(0)),
  define('max.connections', 'int', '2147483647', 'medium', 'cluster-wide', atLeast(0)),
  define('max.connections.per.ip', 'int', '2147483647', 'medium', 'cluster-wide', atLeast(0)),
  define('max.connections.per.ip.overrides', 'string', '', 'medium', 'cluster-wide'),
  define('max.incremental.fetch.session.cache.slots', 'int', '1000', 'medium', 'read-only', atLeast(0)),
  define('num.io.threads', 'int', '8', 'high', 'cluster-wide', atLeast(1)),
  define('num.network.threads', 'int', '3', 'high', 'cluster-wide', atLeast(1)),
  define('producer.purgatory.purge.interval.requests', 'int', '1000', 'medium', 'read-only'),
  define('queued.max.request.bytes', 'long', '-1', 'medium', 'read-only'),
  define('queued.max.requests', 'int', '500', 'high', 'read-only', atLeast(1)),
  define('request.timeout.ms', 'int', '30000', 'high', 'read-only'),
  define('socket.connection.setup.timeout.max.ms', 'long', '30000', 'medium', 'read-only'),
  define('socket.connection.setup.timeout.ms', 'long', '10000', 'medium', 'read-only'),
  define('socket.listen.backlog.size', 'int', '50', 'medium', 'read-only', atLeast(1)),
  define('socket.receive.buffer.bytes', 'int', '102400', 'high', 'read-only'),
  define('socket.request.max.bytes', 'int', '104857600', 'high', 'read-only', atLeast(1)),
  define('socket.send.buffer.bytes', 'int', '102400', 'high', 'read-only'),
];
