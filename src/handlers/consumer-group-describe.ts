/**
 * ConsumerGroupDescribe (key 69), versions 0 and 1 (KIP-848): v1 types of members (KIP-1099).
 *
 * Served only with `consumer` in group.coordinator.rebalance.protocols: in Apache Kafka 3.7.0 it is unstable and not
 * listed.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { ConsumerGroupDescribe } from '../../protocol/messages/consumer-group-describe.ts';
import { GroupTopics } from '../machine/group-topics.ts';
import type { Handler } from '../server/handler.ts';
import { handler } from '../server/handler.ts';
import { ALL_GROUP_OPERATIONS, NOT_ASKED } from './authorized-operations.ts';
import { isConsumerProtocolOn } from './consumer-group-heartbeat.ts';
import type { Services } from './services.ts';

/** None when the protocol is off. */
export function consumerGroupDescribe(services: Services): readonly Handler[] {
  if (!isConsumerProtocolOn(services)) return [];
  const topics = new GroupTopics();
  return [
    handler(ConsumerGroupDescribe, {
      async run(request) {
        const view = topics.view(services.image());
        const groups = await services.groups.describeConsumerGroups(request.groupIds, view);
        return {
          throttleTimeMs: 0,
          groups: groups.map((group) => ({
            ...group,
            authorizedOperations:
              request.includeAuthorizedOperations && group.errorCode === ErrorCode.NONE
                ? ALL_GROUP_OPERATIONS
                : NOT_ASKED,
          })),
        };
      },
      refuse: (request, errorCode, errorMessage) => ({
        throttleTimeMs: 0,
        groups: request.groupIds.map((groupId) => ({
          errorCode,
          errorMessage,
          groupId,
          groupState: '',
          groupEpoch: 0,
          assignmentEpoch: 0,
          assignorName: '',
          members: [],
        })),
      }),
    }),
  ];
}
