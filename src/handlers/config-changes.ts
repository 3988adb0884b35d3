/**
 * What a broker checks of configuration changes before it hands them to the controller; see
 * ConfigAdminManager.preprocess. Each resource succeeds or fails on its own.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { ConfigResourceType } from '../metadata/image.ts';

export interface ChangedResource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: ReadonlyArray<{ readonly name: string; readonly value: string | null }>;
}

export interface ChangeResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

/**
 * Hands the resources that pass to `forward` and merges its answers with the refusals, in the order of the request.
 * `mayBeNull` says which values may be null (those of deletions); `checkBroker` throws for a change of a broker's
 * configuration that can't be made.
 */
export async function changeConfigs<R extends ChangedResource>(
  resources: readonly R[],
  checks: {
    nodeId: number;
    mayBeNull: (config: R['configs'][number]) => boolean;
    checkBroker: (resource: R) => void;
  },
  forward: (resources: readonly R[]) => Promise<readonly ChangeResult[]>,
): Promise<ChangeResult[]> {
  const counts = new Map<string, number>();
  for (const resource of resources) counts.set(keyOf(resource), (counts.get(keyOf(resource)) ?? 0) + 1);
  const refusals = resources.map((resource): ChangeResult | null => {
    try {
      if ((counts.get(keyOf(resource)) ?? 0) > 1) {
        throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.');
      }
      checkResource(resource, checks);
      return null;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const { resourceType, resourceName } = resource;
      return { errorCode: error.code, errorMessage: error.message, resourceType, resourceName };
    }
  });
  const passed = resources.filter((_resource, index) => refusals[index] === null);
  const answers = passed.length === 0 ? [] : await forward(passed);
  const byKey = new Map(answers.map((answer) => [keyOf(answer), answer]));
  return resources.map((resource, index) => {
    const answer = refusals[index] ?? byKey.get(keyOf(resource));
    const { resourceType, resourceName } = resource;
    return (
      answer ?? { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage: null, resourceType, resourceName }
    );
  });
}

const keyOf = (resource: { resourceType: number; resourceName: string }): string =>
  `${resource.resourceType}/${resource.resourceName}`;

function checkResource<R extends ChangedResource>(
  resource: R,
  checks: {
    nodeId: number;
    mayBeNull: (config: R['configs'][number]) => boolean;
    checkBroker: (resource: R) => void;
  },
): void {
  const names = new Set(resource.configs.map(({ name }) => name));
  if (names.size < resource.configs.length) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys');
  }
  const nulls = resource.configs.filter((config) => config.value === null && !checks.mayBeNull(config));
  if (nulls.length > 0) {
    const list = nulls.map(({ name }) => name).join(', ');
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${list}`);
  }
  switch (resource.resourceType) {
    case ConfigResourceType.BROKER:
      if (resource.resourceName !== '') checkNodeId(resource.resourceName, checks.nodeId);
      checks.checkBroker(resource);
      break;
    case ConfigResourceType.TOPIC:
    case ConfigResourceType.CLIENT_METRICS:
      break;
    default:
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resource.resourceType}`);
  }
}

/** The number that a resource's name stands for, read as Java reads an int; null when it is none. */
export function integerOf(name: string): number | null {
  return /^[+-]?\d{1,10}$/.test(name) ? Number(name) : null;
}

function checkNodeId(name: string, nodeId: number): void {
  const id = integerOf(name);
  if (id === null) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Node id must be an integer, but it is: ${name}`);
  }
  if (id === nodeId) return;
  throw new KafkaError(
    ErrorCode.INVALID_REQUEST,
    `Unexpected broker id, expected ${nodeId}, but received ${name}`,
  );
}

/** The refusal of a whole request to change configurations, for both APIs that do. */
export const refuseConfigChanges = (
  request: { readonly resources: readonly ChangedResource[] },
  errorCode: number,
  errorMessage: string | null,
): { throttleTimeMs: number; responses: ChangeResult[] } => ({
  throttleTimeMs: 0,
  responses: request.resources.map(({ resourceType, resourceName }) => ({
    errorCode,
    errorMessage,
    resourceType,
    resourceName,
  })),
});
