// The keys of the ZooKeeper mode. A stock `server.properties` carries them; they are checked and then ignored.
// One line per key of Apache Kafka 3.7.0: name, type, default as Kafka prints it, importance, update mode, check.

import type { ConfigDefinition } from '../definition.ts';
import { atLeast, define, internal } from '../definition.ts';

export const zookeeperDefinitions: readonly ConfigDefinition[] = [
  define('control.plane.listener.name', 'string', null, 'high', 'read-only'),
  define('controlled.shutdown.max.retries', 'int', '3', 'medium', 'read-only'),
  define('controlled.shutdown.retry.backoff.ms', 'long', '5000', 'medium', 'read-only'),
  define('controller.socket.timeout.ms', 'int', '30000', 'medium', 'read-only'),
  define('password.encoder.cipher.algorithm', 'string', 'AES/CBC/PKCS5Padding', 'low', 'read-only'),
  define('password.encoder.iterations', 'int', '4096', 'low', 'read-only', atLeast(1024)),
  define('password.encoder.key.length', 'int', '128', 'low', 'read-only', atLeast(8)),
  define('password.encoder.keyfactory.algorithm', 'string', null, 'low', 'read-only'),
  define('password.encoder.old.secret', 'password', null, 'medium', 'read-only'),
  define('password.encoder.secret', 'password', null, 'medium', 'read-only'),
  define('reserved.broker.max.id', 'int', '1000', 'medium', 'read-only', atLeast(0)),
  define('zookeeper.clientCnxnSocket', 'string', null, 'medium', 'read-only'),
  define('zookeeper.connect', 'string', null, 'high', 'read-only'),
  define('zookeeper.connection.timeout.ms', 'int', null, 'high', 'read-only'),
  define('zookeeper.max.in.flight.requests', 'int', '10', 'high', 'read-only', atLeast(1)),
  define('zookeeper.metadata.migration.enable', 'boolean', 'false', 'high', 'read-only'),
  internal(
    define('zookeeper.metadata.migration.min.batch.size', 'int', '200', 'medium', 'read-only', atLeast(1)),
  ),
  define('zookeeper.session.timeout.ms', 'int', '18000', 'high', 'read-only'),
  define('zookeeper.set.acl', 'boolean', 'false', 'high', 'read-only'),
  define('zookeeper.ssl.cipher.suites', 'list', null, 'low', 'read-only'),
  define('zookeeper.ssl.client.enable', 'boolean', 'false', 'medium', 'read-only'),
  define('zookeeper.ssl.crl.enable', 'boolean', 'false', 'low', 'read-only'),
  define('zookeeper.ssl.enabled.protocols', 'list', null, 'low', 'read-only'),
  define('zookeeper.ssl.endpoint.identification.algorithm', 'string', 'HTTPS', 'low', 'read-only'),
  define('zookeeper.ssl.keystore.location', 'string', null, 'medium', 'read-only'),
  define('zookeeper.ssl.keystore.password', 'password', null, 'medium', 'read-only'),
  define('zookeeper.ssl.keystore.type', 'string', null, 'medium', 'read-only'),
  define('zookeeper.ssl.ocsp.enable', 'boolean', 'false', 'low', 'read-only'),
  define('zookeeper.ssl.protocol', 'string', 'TLSv1.2', 'low', 'read-only'),
  define('zookeeper.ssl.truststore.location', 'string', null, 'medium', 'read-only'),
  define('zookeeper.ssl.truststore.password', 'password', null, 'medium', 'read-only'),
  define('zookeeper.ssl.truststore.type', 'string', null, 'medium', 'read-only'),
];
