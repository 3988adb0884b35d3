/**
 * ConsumerGroupHeartbeat (key 68), versions 0 and 1 (KIP-848): v1 expressions, and member ids of the client's making.
 *
 * Without `consumer` in group.coordinator.rebalance.protocols it is listed in version 0 and refused, as Apache Kafka
 * 3.7.0 does: clients that would rather use it then fall back.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { ConsumerGroupHeartbeat } from '../../protocol/messages/consumer-group-heartbeat.ts';
import { GroupTopics } from '../machine/group-topics.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const isConsumerProtocolOn = (services: Services): boolean =>
  services.config().group.rebalanceProtocols.includes('consumer');

export function consumerGroupHeartbeat(services: Services) {
  const isOn = isConsumerProtocolOn(services);
  const topics = new GroupTopics();
  return handler(ConsumerGroupHeartbeat, {
    versions: isOn ? ConsumerGroupHeartbeat.versions : [0, 0],
    run(request, call) {
      if (!isOn) throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
      const client = { clientId: call.clientId ?? '', clientHost: call.connection.clientHost };
      const view = topics.view(services.image());
      return services.groups.consumerGroupHeartbeat(request, call.version, client, view);
    },
    refuse: (_request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      memberId: null,
      memberEpoch: 0,
      heartbeatIntervalMs: 0,
    }),
  });
}
