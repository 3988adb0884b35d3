/**
 * AlterConfigs and IncrementalAlterConfigs as they come in: resources of unknown kind, resources given twice, and
 * whether the caller may change them (kafka.server.ControllerApis). The levels of loggers are no metadata: brokers
 * deal with those themselves.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { AlterConfigs } from '../../protocol/messages/alter-configs.ts';
import type { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts';
import type { RequestOf, ResponseOf } from '../../protocol/schema.ts';
import { ConfigResourceType, configKey } from '../metadata/image.ts';
import type { Caller } from './caller.ts';
import { allowsOnCluster } from './caller.ts';
import type { CommandContext, CommandResult, Outcome } from './command.ts';
import { failure, SUCCESS } from './command.ts';
import type { ConfigResource } from './configs.ts';
import { alterConfigs, incrementalAlterConfigs } from './configs.ts';
import type { ControllerEnvironment } from './environment.ts';

type Answer = ResponseOf<typeof AlterConfigs>;
type ResourceAnswer = Answer['responses'][number];

export function serveIncrementalAlterConfigs(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: RequestOf<typeof IncrementalAlterConfigs>,
  caller: Caller,
): CommandResult<ResponseOf<typeof IncrementalAlterConfigs>> {
  return serve(request.resources, caller, (resources) =>
    incrementalAlterConfigs(environment, context, resources, request.validateOnly),
  );
}

export function serveAlterConfigs(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: RequestOf<typeof AlterConfigs>,
  caller: Caller,
): CommandResult<Answer> {
  return serve(request.resources, caller, (resources) =>
    alterConfigs(environment, context, resources, request.validateOnly),
  );
}

function serve<R extends ConfigResource>(
  resources: readonly R[],
  caller: Caller,
  alter: (resources: readonly R[]) => CommandResult<Outcome[]>,
): CommandResult<Answer> {
  const counts = new Map<string, number>();
  for (const { resourceType, resourceName } of resources) {
    const key = configKey(resourceType, resourceName);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const responses: ResourceAnswer[] = [];
  const answered = new Set<string>();
  const accepted: R[] = [];
  for (const resource of resources) {
    const { resourceType, resourceName } = resource;
    const key = configKey(resourceType, resourceName);
    const outcome = refusal(resource, (counts.get(key) ?? 0) > 1, caller);
    if (outcome === SUCCESS) accepted.push(resource);
    else if (!answered.has(key)) responses.push({ resourceType, resourceName, ...outcome });
    answered.add(key);
  }
  const result = alter(accepted);
  for (const [index, { resourceType, resourceName }] of accepted.entries()) {
    responses.push({ resourceType, resourceName, ...(result.response[index] ?? SUCCESS) });
  }
  return { ...result, response: { throttleTimeMs: 0, responses } };
}

function refusal({ resourceType, resourceName }: ConfigResource, repeated: boolean, caller: Caller): Outcome {
  const known = Object.values(ConfigResourceType).some((type) => type === resourceType);
  if (!known || resourceType === ConfigResourceType.UNKNOWN) {
    return failure(ErrorCode.UNSUPPORTED_VERSION, `Unknown resource type ${resourceType}.`);
  }
  if (repeated) return failure(ErrorCode.INVALID_REQUEST, 'Duplicate resource.');
  switch (resourceType) {
    case ConfigResourceType.BROKER:
    case ConfigResourceType.CLIENT_METRICS:
      return allowsOnCluster(caller, 'ALTER_CONFIGS')
        ? SUCCESS
        : failure(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
    case ConfigResourceType.TOPIC:
      return caller.allows('ALTER_CONFIGS', 'TOPIC', resourceName)
        ? SUCCESS
        : failure(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
    default:
      return failure(ErrorCode.INVALID_REQUEST, 'Unexpected resource type BROKER_LOGGER.');
  }
}
