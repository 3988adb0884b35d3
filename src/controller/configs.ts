/**
 * Dynamic configuration of topics, brokers and client metrics (ConfigurationControlManager).
 *
 * Always true: a resource changes wholly or not at all, and only to values that the rules of its kind accept.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { ConfigResourceType } from '../metadata/image.ts';
import type { CommandContext, CommandResult, Outcome } from './command.ts';
import { atomically, attempt, SUCCESS } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';

/** AlterConfigOp.OpType */
export const ConfigOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export interface ConfigResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

export interface ConfigChange {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

export interface ResourceChanges extends ConfigResource {
  readonly configs: readonly ConfigChange[];
}

export interface ResourceValues extends ConfigResource {
  /** Everything that is to be set. A null value unsets. */
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

/** Changes single keys (KIP-339). One outcome per resource, in order. */
export function incrementalAlterConfigs(
  environment: ControllerEnvironment,
  context: CommandContext,
  resources: readonly ResourceChanges[],
  validateOnly: boolean,
): CommandResult<Outcome[]> {
  return alterResources(environment, context, resources, validateOnly, (resource) =>
    changedValues(environment, context.image, resource),
  );
}

/** Replaces all that is set: what is not named is unset. One outcome per resource, in order. */
export function alterConfigs(
  environment: ControllerEnvironment,
  context: CommandContext,
  resources: readonly ResourceValues[],
  validateOnly: boolean,
): CommandResult<Outcome[]> {
  return alterResources(environment, context, resources, validateOnly, (resource) => {
    const values = new Map<string, string | null>();
    for (const { name, value } of resource.configs) values.set(name, value);
    const current = context.image.configsOf(resource.resourceType, resource.resourceName);
    for (const name of current.keys()) {
      if (!values.has(name)) values.set(name, null);
    }
    return values;
  });
}

function alterResources<R extends ConfigResource>(
  environment: ControllerEnvironment,
  context: CommandContext,
  resources: readonly R[],
  validateOnly: boolean,
  newValues: (resource: R) => ReadonlyMap<string, string | null>,
): CommandResult<Outcome[]> {
  const { image } = context;
  const records: MetadataRecord[] = [];
  const outcomes: Outcome[] = [];
  for (const resource of resources) {
    const changes: MetadataRecord[] = [];
    const outcome = attempt(() => {
      const values = newValues(resource);
      changes.push(...configRecords(image, resource, values));
      validate(environment, image, resource, values);
    });
    if (outcome === SUCCESS) records.push(...changes);
    outcomes.push(outcome);
  }
  return atomically(validateOnly ? [] : records, outcomes);
}

function changedValues(
  environment: ControllerEnvironment,
  image: MetadataImage,
  resource: ResourceChanges,
): Map<string, string | null> {
  const current = image.configsOf(resource.resourceType, resource.resourceName);
  const values = new Map<string, string | null>();
  for (const change of resource.configs) {
    values.set(change.name, changedValue(environment, resource, change, current.get(change.name) ?? null));
  }
  return values;
}

function changedValue(
  environment: ControllerEnvironment,
  resource: ConfigResource,
  change: ConfigChange,
  current: string | null,
): string | null {
  switch (change.configOperation) {
    case ConfigOperation.SET:
      return change.value;
    case ConfigOperation.DELETE:
      return null;
    case ConfigOperation.APPEND:
    case ConfigOperation.SUBTRACT:
      return changedList(environment, resource, change, current);
    default:
      // Here 3.7.0 fails and its controller resigns.
      throw new KafkaError(
        ErrorCode.INVALID_REQUEST,
        `Unknown operation ${change.configOperation} for config ${change.name}`,
      );
  }
}

function changedList(
  environment: ControllerEnvironment,
  resource: ConfigResource,
  change: ConfigChange,
  current: string | null,
): string {
  const { configs } = environment.ports;
  const append = change.configOperation === ConfigOperation.APPEND;
  if (!configs.isList(resource.resourceType, change.name)) {
    throw new KafkaError(
      ErrorCode.INVALID_CONFIG,
      `Can't ${append ? 'APPEND' : 'SUBTRACT'} to key ${change.name} because its type is not LIST.`,
    );
  }
  if (change.value === null) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${change.name}`);
  }
  const text = current ?? configs.defaultText(resource.resourceType, change.name) ?? '';
  const items = text.split(',').filter((item) => item !== '');
  for (const item of change.value.split(',')) {
    const index = items.indexOf(item);
    if (append && index < 0) items.push(item);
    if (!append && index >= 0) items.splice(index, 1);
  }
  return items.join(',');
}

function configRecords(
  image: MetadataImage,
  { resourceType, resourceName }: ConfigResource,
  values: ReadonlyMap<string, string | null>,
): MetadataRecord[] {
  const current = image.configsOf(resourceType, resourceName);
  const records: MetadataRecord[] = [];
  for (const [name, value] of values) {
    // For brokers an unchanged value is written too: it makes them read passwords and key stores anew (KAFKA-14136).
    if ((current.get(name) ?? null) === value && resourceType !== ConfigResourceType.BROKER) continue;
    records.push({ type: 'ConfigRecord', resourceType, resourceName, name, value });
  }
  return records;
}

function validate(
  environment: ControllerEnvironment,
  image: MetadataImage,
  { resourceType, resourceName }: ConfigResource,
  changes: ReadonlyMap<string, string | null>,
): void {
  const values = new Map(image.configsOf(resourceType, resourceName));
  for (const [name, value] of changes) {
    if (value === null) values.delete(name);
    else values.set(name, value);
  }
  environment.ports.configs.validate(resourceType, resourceName, values);
  checkExists(environment, image, resourceType, resourceName);
}

function checkExists(
  environment: ControllerEnvironment,
  image: MetadataImage,
  resourceType: number,
  resourceName: string,
): void {
  if (resourceType === ConfigResourceType.TOPIC) {
    if (image.topic(resourceName) !== undefined) return;
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${resourceName}' does not exist.`);
  }
  if (resourceType !== ConfigResourceType.BROKER || resourceName === '') return;
  if (!/^[+-]?\d+$/.test(resourceName)) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Invalid broker name ${resourceName}`);
  }
  const nodeId = Number(resourceName);
  if (!image.brokers.has(nodeId) && !environment.options.quorumNodeIds.includes(nodeId)) {
    throw new KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, `No node with id ${nodeId} found.`);
  }
}
