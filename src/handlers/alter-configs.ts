/**
 * AlterConfigs (key 33), versions 0 to 2: replaces all settings of a resource at once. v2 flexible. Superseded by
 * IncrementalAlterConfigs, yet it is what `kafka-configs.sh` of 3.7.0 sends for brokers.
 */
import { AlterConfigs } from '../../protocol/messages/alter-configs.ts';
import { handler } from '../server/handler.ts';
import { checkBrokerChange } from './broker-config-change.ts';
import { changeConfigs, refuseConfigChanges } from './config-changes.ts';
import type { Services } from './services.ts';

export const alterConfigs = (services: Services) =>
  handler(AlterConfigs, {
    async run(request, call) {
      const { version, clientId } = call;
      const { principal } = call.connection;
      const responses = await changeConfigs(
        request.resources,
        {
          nodeId: services.config().nodeId,
          mayBeNull: () => false,
          checkBroker: ({ resourceName, configs }) => {
            const settings = new Map(configs.map(({ name, value }) => [name, value ?? '']));
            checkBrokerChange(services, resourceName, settings);
          },
        },
        async (resources) => {
          const context = { version, clientId, principal };
          const forwarded = { ...request, resources };
          return (await services.controller.request(AlterConfigs, forwarded, context)).responses;
        },
      );
      return { throttleTimeMs: 0, responses };
    },
    refuse: refuseConfigChanges,
  });
