/**
 * Topics made, enlarged and deleted (ReplicationControlManager.createTopics, createPartitions, deleteTopics). The
 * sentences are Kafka's, since its tools print them.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { CreatePartitions } from '../../protocol/messages/create-partitions.ts';
import type { CreateTopics } from '../../protocol/messages/create-topics.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf, ResponseOf } from '../../protocol/schema.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import { makeUuid, ZERO_UUID } from '../../protocol/uuid.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { ConfigResourceType } from '../metadata/image.ts';
import { topicNameProblem } from '../metadata/names.ts';
import type { PartitionImage } from '../metadata/partition-image.ts';
import { LeaderRecoveryState, partitionToRecord } from '../metadata/partition-image.ts';
import type { CommandContext, CommandResult, Outcome } from './command.ts';
import { atomically, attempt, checkRecordCount, failure, outcomeOf, SUCCESS } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';
import { defaultDirectory } from './partition-change.ts';
import type { PlacementSpec } from './placement.ts';
import { placeReplicas, usableBrokers } from './placement.ts';

type CreateRequest = RequestOf<typeof CreateTopics>;
type TopicRequest = CreateRequest['topics'][number];
type CreateResponse = ResponseOf<typeof CreateTopics>;
type TopicAnswer = CreateResponse['topics'][number];
type CreatePartitionsRequest = RequestOf<typeof CreatePartitions>;
type PartitionsRequest = CreatePartitionsRequest['topics'][number];
type PartitionsAnswer = ResponseOf<typeof CreatePartitions>['results'][number];

/** Charges a number of partition changes to the caller's quota; throws THROTTLING_QUOTA_EXCEEDED (KIP-599). */
export type ChargeMutations = (partitionCount: number) => void;

export interface CreateTopicsOptions {
  /** Whether the caller may see the configuration of what it made. */
  readonly maySeeConfigs: (topicName: string) => boolean;
  readonly charge: ChargeMutations;
}

/** The failures of whole topics are in the answer; records of the others go together. */
export function createTopics(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: Pick<CreateRequest, 'topics' | 'validateOnly'>,
  options: CreateTopicsOptions,
): CommandResult<TopicAnswer[]> {
  const records: MetadataRecord[] = [];
  const answers = request.topics.map((topic): TopicAnswer => {
    try {
      const made = createTopic(environment, context.image, topic, options);
      records.push(...made.records);
      checkRecordCount(records.length);
      return made.answer;
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code === ErrorCode.POLICY_VIOLATION) throw error;
      return failedTopic(topic.name, outcomeOf(error));
    }
  });
  return atomically(request.validateOnly ? [] : records, answers);
}

export function failedTopic(name: string, outcome: Outcome): TopicAnswer {
  return {
    name,
    topicId: ZERO_UUID,
    ...outcome,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  };
}

function createTopic(
  environment: ControllerEnvironment,
  image: MetadataImage,
  topic: TopicRequest,
  options: CreateTopicsOptions,
): { readonly answer: TopicAnswer; readonly records: MetadataRecord[] } {
  checkName(image, topic.name);
  const configs = creationConfigs(environment, topic);
  const partitions = newPartitions(environment, image, topic);
  options.charge(partitions.length);
  const topicId = newTopicId(environment, image);
  const records: MetadataRecord[] = [{ type: 'TopicRecord', name: topic.name, topicId }];
  for (const [name, value] of configs) {
    const { TOPIC } = ConfigResourceType;
    records.push({ type: 'ConfigRecord', resourceType: TOPIC, resourceName: topic.name, name, value });
  }
  for (const [partitionId, partition] of partitions.entries()) {
    records.push(partitionToRecord(topicId, partitionId, partition));
  }
  return {
    answer: createdTopic(environment, image, topic.name, topicId, configs, partitions, options),
    records,
  };
}

function createdTopic(
  environment: ControllerEnvironment,
  image: MetadataImage,
  name: string,
  topicId: Uuid,
  configs: ReadonlyMap<string, string>,
  partitions: readonly PartitionImage[],
  options: CreateTopicsOptions,
): TopicAnswer {
  const made: TopicAnswer = { ...failedTopic(name, SUCCESS), topicId };
  if (!options.maySeeConfigs(name)) {
    return { ...made, topicConfigErrorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED };
  }
  const { BROKER } = ConfigResourceType;
  const effective = environment.ports.configs.effectiveTopicConfigs(
    configs,
    image.configsOf(BROKER, String(environment.options.nodeId)),
    image.configsOf(BROKER, ''),
  );
  return {
    ...made,
    numPartitions: partitions.length,
    replicationFactor: partitions[0]?.replicas.length ?? -1,
    configs: effective.map((config) => ({ ...config })),
  };
}

function checkName(image: MetadataImage, name: string): void {
  const problem = topicNameProblem(name);
  if (problem !== null) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
  if (image.topic(name) !== undefined) {
    throw new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  }
  const colliding = image.collidingTopic(name);
  if (colliding !== null) {
    throw new KafkaError(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Topic '${name}' collides with existing topic: ${colliding}`,
    );
  }
}

/** The configuration as asked for, the last of repeated keys counting. */
function creationConfigs(environment: ControllerEnvironment, topic: TopicRequest): Map<string, string> {
  const values = new Map<string, string>();
  const withoutValue: string[] = [];
  for (const { name, value } of topic.configs) {
    if (value === null) withoutValue.push(name);
    else values.set(name, value);
  }
  if (withoutValue.length > 0) {
    throw new KafkaError(
      ErrorCode.INVALID_CONFIG,
      `Null value not supported for topic configs: ${withoutValue.join(',')}`,
    );
  }
  if (values.size > 0) {
    environment.ports.configs.validate(ConfigResourceType.TOPIC, topic.name, values);
  }
  return values;
}

function newTopicId(environment: ControllerEnvironment, image: MetadataImage): Uuid {
  for (;;) {
    const id = makeUuid((byteCount) => environment.ports.random.bytes(byteCount));
    if (image.topicById(id) === undefined) return id;
  }
}

function newPartitions(
  environment: ControllerEnvironment,
  image: MetadataImage,
  topic: TopicRequest,
): PartitionImage[] {
  if (topic.assignments.length > 0) return assignedPartitions(image, topic);
  if (topic.replicationFactor < -1 || topic.replicationFactor === 0) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      'Replication factor must be larger than 0, or -1 to use the default value.',
    );
  }
  if (topic.numPartitions < -1 || topic.numPartitions === 0) {
    throw new KafkaError(
      ErrorCode.INVALID_PARTITIONS,
      'Number of partitions was set to an invalid non-positive value.',
    );
  }
  const { options } = environment;
  const partitionCount = topic.numPartitions === -1 ? options.defaultPartitionCount : topic.numPartitions;
  const replicationFactor =
    topic.replicationFactor === -1 ? options.defaultReplicationFactor : topic.replicationFactor;
  const spec = { partitionCount, replicationFactor };
  return placedPartitions(environment, image, spec, unableToReplicate(replicationFactor));
}

function unableToReplicate(replicationFactor: number): string {
  return `Unable to replicate the partition ${replicationFactor} time(s): `;
}

/** `prefix` opens the sentence with which the placer refuses. */
function placedPartitions(
  environment: ControllerEnvironment,
  image: MetadataImage,
  spec: PlacementSpec,
  prefix: string,
): PartitionImage[] {
  // Before the work of placing: what is too much for one operation is refused whatever the placement.
  checkRecordCount(spec.partitionCount);
  let assignments: number[][];
  try {
    assignments = placeReplicas(spec, usableBrokers(image), environment.ports.random);
  } catch (error) {
    if (error instanceof KafkaError) throw new KafkaError(error.code, prefix + error.message);
    throw error;
  }
  return assignments.map((replicas) => {
    const partition = newPartition(image, replicas);
    if (partition !== null) return partition;
    throw new KafkaError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `${unableToReplicate(spec.replicationFactor)}All brokers are currently fenced or in controlled shutdown.`,
    );
  });
}

/** Null when no replica would be in sync. */
function newPartition(image: MetadataImage, replicas: readonly number[]): PartitionImage | null {
  const isr = replicas.filter((replica) => image.isActive(replica));
  const [leader] = isr;
  if (leader === undefined) return null;
  return {
    replicas,
    directories: replicas.map((replica) => defaultDirectory(image, replica)),
    isr,
    removingReplicas: [],
    addingReplicas: [],
    elr: [],
    lastKnownElr: [],
    leader,
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    leaderEpoch: 0,
    partitionEpoch: 0,
  };
}

function assignedPartitions(image: MetadataImage, topic: TopicRequest): PartitionImage[] {
  if (topic.replicationFactor !== -1) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      'A manual partition assignment was specified, but replication factor was not set to -1.',
    );
  }
  if (topic.numPartitions !== -1) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      'A manual partition assignment was specified, but numPartitions was not set to -1.',
    );
  }
  const byId = new Map<number, PartitionImage>();
  let replicationFactor: number | null = null;
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (byId.has(partitionIndex)) {
      refuseAssignment(`Found multiple manual partition assignments for partition ${partitionIndex}`);
    }
    byId.set(partitionIndex, assignedPartition(image, partitionIndex, brokerIds, replicationFactor));
    replicationFactor = brokerIds.length;
  }
  return Array.from({ length: byId.size }, (_, partitionId) => {
    const partition = byId.get(partitionId);
    return partition ?? refuseAssignment('partitions should be a consecutive 0-based integer sequence');
  });
}

function assignedPartition(
  image: MetadataImage,
  partitionId: number,
  brokerIds: readonly number[],
  replicationFactor: number | null,
): PartitionImage {
  checkAssignment(image, brokerIds, replicationFactor);
  const partition = newPartition(image, brokerIds);
  return (
    partition ??
    refuseAssignment(
      `All brokers specified in the manual partition assignment for partition ${partitionId} ` +
        'are fenced or in controlled shutdown.',
    )
  );
}

function refuseAssignment(message: string): never {
  throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
}

/**
 * Checks replicas that a person chose. With a replication factor they must be as many.
 * @throws {KafkaError} INVALID_REPLICA_ASSIGNMENT
 */
export function checkAssignment(
  image: MetadataImage,
  brokerIds: readonly number[],
  replicationFactor: number | null,
): void {
  const includes = 'The manual partition assignment includes';
  if (brokerIds.length === 0) refuseAssignment(`${includes} an empty replica list.`);
  let previousId: number | null = null;
  for (const brokerId of brokerIds.toSorted((left, right) => left - right)) {
    if (!image.brokers.has(brokerId)) {
      refuseAssignment(`${includes} broker ${brokerId}, but no such broker is registered.`);
    }
    if (brokerId === previousId) refuseAssignment(`${includes} the broker ${brokerId} more than once.`);
    previousId = brokerId;
  }
  if (replicationFactor !== null && brokerIds.length !== replicationFactor) {
    refuseAssignment(
      `${includes} a partition with ${brokerIds.length} replica(s), but this is not consistent with ` +
        `previous partitions, which have ${replicationFactor} replica(s).`,
    );
  }
}

export function createPartitions(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: Pick<CreatePartitionsRequest, 'topics' | 'validateOnly'>,
  charge: ChargeMutations,
): CommandResult<PartitionsAnswer[]> {
  const records: MetadataRecord[] = [];
  const answers = request.topics.map((topic): PartitionsAnswer => {
    const outcome = attempt(() => {
      records.push(...addPartitions(environment, context.image, topic, charge));
    });
    checkRecordCount(records.length);
    return { name: topic.name, ...outcome };
  });
  return atomically(request.validateOnly ? [] : records, answers);
}

function addPartitions(
  environment: ControllerEnvironment,
  image: MetadataImage,
  request: PartitionsRequest,
  charge: ChargeMutations,
): MetadataRecord[] {
  const topic = image.topic(request.name);
  if (topic === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const present = topic.partitions.length;
  const additional = request.count - present;
  if (additional === 0) {
    throw new KafkaError(ErrorCode.INVALID_PARTITIONS, `Topic already has ${present} partition(s).`);
  }
  if (additional < 0) {
    throw new KafkaError(
      ErrorCode.INVALID_PARTITIONS,
      `The topic ${request.name} currently has ${present} partition(s); ${request.count} would not be an increase.`,
    );
  }
  const { assignments } = request;
  if (assignments !== null && assignments.length !== additional) {
    refuseAssignment(
      `Attempted to add ${additional} additional partition(s), but only ${assignments.length} ` +
        'assignment(s) were specified.',
    );
  }
  charge(additional);
  const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
  const added =
    assignments === null
      ? placedPartitions(environment, image, { partitionCount: additional, replicationFactor }, '')
      : assignments.map(({ brokerIds }, index) =>
          assignedPartition(image, present + index, brokerIds, replicationFactor),
        );
  return added.map((partition, index) => partitionToRecord(topic.id, present + index, partition));
}

/** Deletes topics by id. Answers what became of each. */
export function deleteTopics(
  context: CommandContext,
  ids: Iterable<Uuid>,
  charge: ChargeMutations,
): CommandResult<Map<Uuid, Outcome>> {
  const records: MetadataRecord[] = [];
  const outcomes = new Map<Uuid, Outcome>();
  for (const topicId of ids) {
    const topic = context.image.topicById(topicId);
    if (topic === undefined) {
      outcomes.set(topicId, { ...failure(ErrorCode.UNKNOWN_TOPIC_ID), errorMessage: null });
      continue;
    }
    const outcome = attempt(() => charge(topic.partitions.length));
    outcomes.set(topicId, outcome);
    if (outcome === SUCCESS) records.push({ type: 'RemoveTopicRecord', topicId });
  }
  return atomically(records, outcomes);
}
