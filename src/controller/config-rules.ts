/**
 * The rules for dynamic configuration as the controller applies them, made of the definitions of this node
 * (kafka.server.ControllerConfigurationValidator, org.apache.kafka.metadata.KafkaConfigSchema).
 *
 * Always true: broker settings are checked for the shape of the resource's name only. Their values are judged by the
 * broker that they concern, before it forwards the request.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { ConfigError } from '../config/config-error.ts';
import { brokerDefinitions, topicConfigDefinitions } from '../config/definitions/index.ts';
import { describeTopicConfigs, isListConfig } from '../config/describe.ts';
import { applyDynamicConfigs } from '../config/dynamic.ts';
import { validateTopicConfigs } from '../config/topic-config.ts';
import { ConfigResourceType } from '../metadata/image.ts';
import { topicNameProblem } from '../metadata/names.ts';
import type { ConfigRules } from './ports.ts';

type Texts = ReadonlyMap<string, string>;

const INT_MAX = 2 ** 31 - 1;

export function configRulesOf(config: BrokerConfig): ConfigRules {
  const effective = effectiveConfigOf(config);
  return {
    validate(resourceType, resourceName, values) {
      validateResource(config, resourceType, resourceName, values);
    },
    isList(resourceType, name) {
      const kind = kindOf(resourceType);
      return kind !== null && isListConfig(kind, name) === true;
    },
    defaultText(resourceType, name) {
      const definitions =
        resourceType === ConfigResourceType.TOPIC ? topicConfigDefinitions : brokerDefinitions;
      return definitions.get(name)?.defaultText ?? null;
    },
    effectiveTopicConfigs(topicConfigs, nodeConfigs, clusterConfigs) {
      const options = { includeSynonyms: false, includeDocumentation: false, keys: null };
      return describeTopicConfigs(effective(nodeConfigs, clusterConfigs), topicConfigs, options).map(
        ({ name, value, readOnly, configSource, isSensitive }) => ({
          name,
          value,
          readOnly,
          configSource,
          isSensitive,
        }),
      );
    },
  };
}

function kindOf(resourceType: number): 'topic' | 'broker' | null {
  if (resourceType === ConfigResourceType.TOPIC) return 'topic';
  return resourceType === ConfigResourceType.BROKER ? 'broker' : null;
}

/** The node's configuration under dynamic values. The last one is kept: images share what did not change. */
function effectiveConfigOf(config: BrokerConfig): (node: Texts, cluster: Texts) => BrokerConfig {
  let last: { readonly node: Texts; readonly cluster: Texts; readonly config: BrokerConfig } | null = null;
  return (node, cluster) => {
    if (node.size === 0 && cluster.size === 0) return config;
    if (last === null || last.node !== node || last.cluster !== cluster) {
      last = { node, cluster, config: applyDynamicConfigs(config, cluster, node).config };
    }
    return last.config;
  };
}

function validateResource(
  config: BrokerConfig,
  resourceType: number,
  resourceName: string,
  values: Texts,
): void {
  switch (resourceType) {
    case ConfigResourceType.TOPIC:
      validateTopic(config, resourceName, values);
      return;
    case ConfigResourceType.BROKER:
      validateBrokerName(resourceName);
      return;
    case ConfigResourceType.CLIENT_METRICS:
      validateClientMetrics(resourceName, values);
      return;
    default:
      invalidRequest(`Unknown resource type ${resourceType}`);
  }
}

function invalidRequest(message: string): never {
  throw new KafkaError(ErrorCode.INVALID_REQUEST, message);
}

function invalidConfig(message: string): never {
  throw new KafkaError(ErrorCode.INVALID_CONFIG, message);
}

function validateTopic(config: BrokerConfig, name: string, values: Texts): void {
  if (name === '') invalidRequest('Default topic resources are not allowed.');
  const problem = topicNameProblem(name);
  if (problem !== null) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
  try {
    validateTopicConfigs(config.topics.defaultTexts, values);
  } catch (error) {
    if (error instanceof ConfigError) invalidConfig(error.message);
    throw error;
  }
}

function validateBrokerName(name: string): void {
  if (name === '') return;
  if (!/^[+-]?\d+$/.test(name) || Math.abs(Number(name)) > INT_MAX) {
    invalidRequest('Unable to parse broker name as a base 10 number.');
  }
  if (Number(name) < 0) invalidRequest('Invalid negative broker ID.');
}

/** Keys of a client metrics subscription (KIP-714, ClientMetricsConfigs). */
const METRICS_KEYS: readonly string[] = ['metrics', 'interval.ms', 'match'];
const MATCH_PARAMETERS: readonly string[] = [
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
];
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;

function validateClientMetrics(name: string, values: Texts): void {
  if (name === '') invalidRequest("Subscription name can't be empty");
  for (const key of values.keys()) {
    if (!METRICS_KEYS.includes(key)) invalidRequest(`Unknown client metrics configuration: ${key}`);
  }
  const interval = values.get('interval.ms');
  if (interval !== undefined) {
    const intervalMs = /^[+-]?\d+$/.test(interval) ? Number(interval) : Number.NaN;
    if (!(intervalMs >= MIN_INTERVAL_MS && intervalMs <= MAX_INTERVAL_MS)) {
      invalidRequest(
        `Invalid value ${interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)`,
      );
    }
  }
  for (const pattern of values.get('match')?.split(',') ?? []) {
    if (!isMatchPattern(pattern)) invalidConfig(`Illegal client matching pattern: ${pattern}`);
  }
}

function isMatchPattern(pattern: string): boolean {
  const [parameter, expression, ...rest] = pattern.split('=');
  if (parameter === undefined || expression === undefined || expression === '' || rest.length > 0) {
    return false;
  }
  if (!MATCH_PARAMETERS.includes(parameter.trim())) return false;
  try {
    return new RegExp(expression.trim()) instanceof RegExp;
  } catch {
    return false;
  }
}
