// Who this node is, and the metadata quorum it belongs to.
// One line per key of Apache Kafka 3.7.0: name, type, default as Kafka prints it, importance, update mode, check.

import type { ConfigDefinition } from '../definition.ts';
import { atLeast, define, internal, listOf, metadataVersionText, quorumVoterList } from '../definition.ts';

export const nodeDefinitions: readonly ConfigDefinition[] = [
  define('broker.heartbeat.interval.ms', 'int', '2000', 'medium', 'read-only'),
  define('broker.id', 'int', '-1', 'high', 'read-only'),
  define('broker.id.generation.enable', 'boolean', 'true', 'medium', 'read-only'),
  define('broker.rack', 'string', null, 'medium', 'read-only'),
  define('broker.session.timeout.ms', 'int', '9000', 'medium', 'read-only'),
  define('controlled.shutdown.enable', 'boolean', 'true', 'medium', 'read-only'),
  define('controller.listener.names', 'string', null, 'high', 'read-only'),
  define('controller.quorum.append.linger.ms', 'int', '25', 'medium', 'read-only'),
  define('controller.quorum.election.backoff.max.ms', 'int', '1000', 'high', 'read-only'),
  define('controller.quorum.election.timeout.ms', 'int', '1000', 'high', 'read-only'),
  define('controller.quorum.fetch.timeout.ms', 'int', '2000', 'high', 'read-only'),
  define('controller.quorum.request.timeout.ms', 'int', '2000', 'medium', 'read-only'),
  define('controller.quorum.retry.backoff.ms', 'int', '20', 'low', 'read-only'),
  define('controller.quorum.voters', 'list', '', 'high', 'read-only', quorumVoterList),
  define('controller.quota.window.num', 'int', '11', 'low', 'read-only', atLeast(1)),
  define('controller.quota.window.size.seconds', 'int', '1', 'low', 'read-only', atLeast(1)),
  define('early.start.listeners', 'string', null, 'high', 'read-only'),
  define('eligible.leader.replicas.enable', 'boolean', 'false', 'high', 'read-only'),
  define('initial.broker.registration.timeout.ms', 'int', '60000', 'medium', 'read-only'),
  define('inter.broker.protocol.version', 'string', '3.7-IV4', 'medium', 'read-only', metadataVersionText),
  define('metadata.log.dir', 'string', null, 'high', 'read-only'),
  define(
    'metadata.log.max.record.bytes.between.snapshots',
    'long',
    '20971520',
    'high',
    'read-only',
    atLeast(1),
  ),
  define('metadata.log.max.snapshot.interval.ms', 'long', '3600000', 'high', 'read-only', atLeast(0)),
  define('metadata.log.segment.bytes', 'int', '1073741824', 'high', 'read-only', atLeast(12)),
  internal(define('metadata.log.segment.min.bytes', 'int', '8388608', 'high', 'read-only', atLeast(12))),
  define('metadata.log.segment.ms', 'long', '604800000', 'high', 'read-only'),
  define('metadata.max.idle.interval.ms', 'int', '500', 'low', 'read-only', atLeast(0)),
  define('metadata.max.retention.bytes', 'long', '104857600', 'high', 'read-only'),
  define('metadata.max.retention.ms', 'long', '604800000', 'high', 'read-only'),
  define('node.id', 'int', '-1', 'high', 'read-only'),
  define('process.roles', 'list', '', 'high', 'read-only', listOf('broker', 'controller')),
  internal(
    define('server.max.startup.time.ms', 'long', '9223372036854775807', 'medium', 'read-only', atLeast(0)),
  ),
  internal(define('unstable.api.versions.enable', 'boolean', 'false', 'high', 'read-only')),
  internal(define('unstable.metadata.versions.enable', 'boolean', 'false', 'high', 'read-only')),
];
