/** How this node's broker and controller present themselves to the active controller. */
import type { Uuid } from '../../protocol/uuid.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import type { LogManager } from '../../storage/log-manager.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Endpoint, SecurityProtocol } from '../config/endpoint.ts';
import { SUPPORTED_FEATURES } from '../controller/features.ts';
import { BrokerLifecycle } from '../machine/broker-lifecycle.ts';
import type { NodeIdentity } from './directories.ts';
import type { Listeners } from './listeners.ts';
import type { MetadataPlane } from './metadata-plane.ts';

/** Numbers of org.apache.kafka.common.security.auth.SecurityProtocol. */
const SECURITY_PROTOCOL_IDS: Readonly<Record<SecurityProtocol, number>> = {
  PLAINTEXT: 0,
  SSL: 1,
  SASL_PLAINTEXT: 2,
  SASL_SSL: 3,
};

/** An endpoint as registrations of brokers and controllers tell it. */
export const registered = ({ listenerName, host, port, securityProtocol }: Endpoint) => ({
  name: listenerName,
  host,
  port,
  securityProtocol: SECURITY_PROTOCOL_IDS[securityProtocol],
});

export function registration(parts: {
  config: BrokerConfig;
  identity: NodeIdentity;
  incarnationId: Uuid;
  logs: LogManager;
  metadata: MetadataPlane;
  listeners: Listeners;
  clock: Clock;
  timer: Timer;
}): BrokerLifecycle {
  const { config, identity, incarnationId, logs, metadata, listeners, clock, timer } = parts;
  const directoryIdOf = (path: string): Uuid[] => {
    const id = identity.directoryIds.get(path);
    return id === undefined ? [] : [id];
  };
  return new BrokerLifecycle({
    nodeId: identity.nodeId,
    clusterId: identity.clusterId,
    incarnationId,
    listeners: listeners.advertisedEndpoints().map(registered),
    features: SUPPORTED_FEATURES,
    rack: config.rack,
    logDirs: [...identity.directoryIds.values()],
    previousBrokerEpoch: previousEpoch(logs),
    heartbeatIntervalMs: config.quorum.brokerHeartbeatIntervalMs,
    registrationTimeoutMs: config.quorum.initialBrokerRegistrationTimeoutMs,
    channel: metadata.controller,
    clock,
    timer,
    metadataOffset: () => metadata.appliedOffset,
    offlineLogDirs: () =>
      logs.directories.filter(({ isOnline }) => !isOnline).flatMap(({ path }) => directoryIdOf(path)),
  });
}

/** Known only when every directory was left clean (KIP-966). */
function previousEpoch({ directories }: LogManager): number {
  const isClean = directories.every(({ hadCleanShutdown }) => hadCleanShutdown);
  return isClean ? Math.min(...directories.map(({ previousBrokerEpoch }) => previousBrokerEpoch)) : -1;
}
