/**
 * IncrementalAlterConfigs (key 44), versions 0 and 1: sets, deletes, appends to and subtracts from single settings
 * (KIP-339). v1 flexible.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import { isListConfig } from '../config/describe.ts';
import { ConfigResourceType } from '../metadata/image.ts';
import { handler } from '../server/handler.ts';
import { checkBrokerChange } from './broker-config-change.ts';
import { changeConfigs, refuseConfigChanges } from './config-changes.ts';
import type { Services } from './services.ts';

type Resource = RequestOf<typeof IncrementalAlterConfigs>['resources'][number];

const Operation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export const incrementalAlterConfigs = (services: Services) =>
  handler(IncrementalAlterConfigs, {
    async run(request, call) {
      const { version, clientId } = call;
      const { principal } = call.connection;
      const responses = await changeConfigs<Resource>(
        request.resources,
        {
          nodeId: services.config().nodeId,
          mayBeNull: (config) => config.configOperation === Operation.DELETE,
          checkBroker: (resource) => checkBroker(services, resource),
        },
        async (resources) => {
          const context = { version, clientId, principal };
          const forwarded = { ...request, resources };
          return (await services.controller.request(IncrementalAlterConfigs, forwarded, context)).responses;
        },
      );
      return { throttleTimeMs: 0, responses };
    },
    refuse: refuseConfigChanges,
  });

function checkBroker(services: Services, resource: Resource): void {
  const current = services.image().configsOf(ConfigResourceType.BROKER, resource.resourceName);
  const settings = new Map(current);
  for (const { name, configOperation, value } of resource.configs) {
    changeSetting(services, settings, name, configOperation, value ?? '');
  }
  checkBrokerChange(services, resource.resourceName, settings);
}

function changeSetting(
  services: Services,
  settings: Map<string, string>,
  name: string,
  operation: number,
  value: string,
): void {
  switch (operation) {
    case Operation.SET:
      settings.set(name, value);
      break;
    case Operation.DELETE:
      settings.delete(name);
      break;
    case Operation.APPEND:
    case Operation.SUBTRACT: {
      if (isListConfig('broker', name) !== true) {
        throw new KafkaError(
          ErrorCode.INVALID_CONFIG,
          `Config value ${operation === Operation.APPEND ? 'append' : 'subtract'} is not allowed for config key: ${name}`,
        );
      }
      const items = (settings.get(name) ?? services.config().settings.textOrNull(name) ?? '')
        .split(',')
        .filter((item) => item !== '');
      const named = value.split(',');
      const others = items.filter((item) => !named.includes(item));
      settings.set(name, (operation === Operation.APPEND ? [...others, ...named] : others).join(','));
      break;
    }
    default:
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown operation type ${operation}.`);
  }
}
