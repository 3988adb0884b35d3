/**
 * DescribeConfigs (key 32), versions 0 to 4: the settings of topics, brokers and client-metrics subscriptions.
 *
 * v1 sources and synonyms; v3 types and documentation; v4 flexible.
 * Observed on 3.7.0: an empty list of keys means all of them, and the message of a success is empty, not null.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { DescribeConfigs } from '../../protocol/messages/describe-configs.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { DescribedConfig, DescribeOptions } from '../config/describe.ts';
import {
  ConfigSource,
  describeBrokerConfigs,
  describeClusterDefaults,
  describeTopicConfigs,
} from '../config/describe.ts';
import { ConfigResourceType } from '../metadata/image.ts';
import { topicNameProblem } from '../metadata/names.ts';
import { handler } from '../server/handler.ts';
import { integerOf } from './config-changes.ts';
import type { Services } from './services.ts';

type Resource = RequestOf<typeof DescribeConfigs>['resources'][number];
type Result = ResponseInput<typeof DescribeConfigs>['results'][number];

export const describeConfigs = (services: Services) =>
  handler(DescribeConfigs, {
    run: (request) => ({
      throttleTimeMs: 0,
      results: request.resources.map((resource) => {
        const result = describe(services, resource, {
          includeSynonyms: request.includeSynonyms,
          includeDocumentation: request.includeDocumentation,
          keys: resource.configurationKeys,
        });
        return withoutDefaults(result);
      }),
    }),
    refuse: (request, code, message) => ({
      throttleTimeMs: 0,
      results: request.resources.map((resource) => failed(resource, code, message)),
    }),
  });

/** Observed on 3.7.0: version 0 has a field for it, which is never set; later ones tell the source instead. */
const withoutDefaults = (result: Result): Result => ({
  ...result,
  configs: result.configs.map((config) => ({ ...config, isDefault: false })),
});

function failed(resource: Resource, errorCode: number, message: string | null): Result {
  const { resourceType, resourceName } = resource;
  return { errorCode, errorMessage: message, resourceType, resourceName, configs: [] };
}

function describe(services: Services, resource: Resource, options: DescribeOptions): Result {
  const { resourceType, resourceName } = resource;
  try {
    const configs = configsOf(services, resource, options);
    return { errorCode: ErrorCode.NONE, errorMessage: '', resourceType, resourceName, configs };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return failed(resource, error.code, error.message);
  }
}

function configsOf(services: Services, resource: Resource, options: DescribeOptions): DescribedConfig[] {
  const { resourceName: name } = resource;
  switch (resource.resourceType) {
    case ConfigResourceType.TOPIC:
      return topicConfigs(services, name, options);
    case ConfigResourceType.BROKER:
      if (name === '') return describeClusterDefaults(services.config(), options);
      checkBrokerId(name, services.config().nodeId);
      return describeBrokerConfigs(services.config(), options);
    case ConfigResourceType.CLIENT_METRICS:
      return clientMetricsConfigs(services, name, options);
    default:
      throw new KafkaError(ErrorCode.INVALID_REQUEST);
  }
}

function topicConfigs(services: Services, topic: string, options: DescribeOptions): DescribedConfig[] {
  const problem = topicNameProblem(topic);
  if (problem !== null) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
  const image = services.image();
  if (image.topic(topic) === undefined) {
    // Observed on 3.7.0: this error alone comes without a message.
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, '');
  }
  return describeTopicConfigs(services.config(), image.topicConfigs(topic), options);
}

/** See ConfigHelper.resourceNameToBrokerId. */
function checkBrokerId(name: string, nodeId: number): void {
  const id = integerOf(name);
  if (id === null) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${name}`);
  }
  if (id === nodeId) return;
  throw new KafkaError(
    ErrorCode.INVALID_REQUEST,
    `Unexpected broker id, expected ${nodeId} or empty string, but received ${name}`,
  );
}

function clientMetricsConfigs(services: Services, name: string, options: DescribeOptions): DescribedConfig[] {
  if (name === '') {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Client metrics subscription name must not be empty');
  }
  const values = services.image().configsOf(ConfigResourceType.CLIENT_METRICS, name);
  const isWanted = (key: string): boolean => !options.keys?.length || options.keys.includes(key);
  return [...values]
    .filter(([key]) => isWanted(key))
    .map(([key, value]) => ({
      name: key,
      value,
      readOnly: false,
      isDefault: false,
      configSource: ConfigSource.CLIENT_METRICS_CONFIG,
      isSensitive: false,
      synonyms: [],
      configType: 0,
      documentation: null,
    }));
}
