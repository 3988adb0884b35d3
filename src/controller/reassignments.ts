/**
 * Moving replicas between brokers (KIP-455; ReplicationControlManager, PartitionReassignmentReplicas).
 *
 * A reassignment goes: the target replicas are added in front of those to be removed; when all targets are in the ISR
 * the others leave. Both ends are one record each, and a mere change of order needs only one.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { AlterPartitionReassignments } from '../../protocol/messages/alter-partition-reassignments.ts';
import type { ListPartitionReassignments } from '../../protocol/messages/list-partition-reassignments.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf, ResponseOf } from '../../protocol/schema.ts';
import type { MetadataImage, TopicImage } from '../metadata/image.ts';
import type { PartitionChangeRecord } from '../metadata/partition-image.ts';
import { isReassigning } from '../metadata/partition-image.ts';
import type { CommandContext, CommandResult } from './command.ts';
import { atomically, attempt } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';
import { partitionChange } from './partition-change.ts';
import type { LocatedPartition } from './partitions.ts';
import { uncleanElectionPolicy } from './partitions.ts';
import { checkAssignment } from './topics.ts';

type AlterRequest = RequestOf<typeof AlterPartitionReassignments>;
type AlterResponse = ResponseOf<typeof AlterPartitionReassignments>;
type ListRequest = RequestOf<typeof ListPartitionReassignments>;
type ListResponse = ResponseOf<typeof ListPartitionReassignments>;
type OngoingTopic = ListResponse['topics'][number];

/**
 * Codes per partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS.
 */
export function alterPartitionReassignments(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: AlterRequest,
): CommandResult<AlterResponse> {
  const { image } = context;
  const records: MetadataRecord[] = [];
  const responses = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, replicas }) => {
      const outcome = attempt(() => {
        const located = locate(image, name, partitionIndex);
        const record =
          replicas === null ? cancel(environment, image, located) : reassign(image, located, replicas);
        if (record !== null) records.push(record);
      });
      return { partitionIndex, ...outcome };
    }),
  }));
  const response = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, responses };
  return atomically(records, response);
}

function locate(image: MetadataImage, name: string, partitionId: number): LocatedPartition {
  const topic = image.topic(name);
  if (topic === undefined) {
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${name}.`);
  }
  const partition = topic.partitions[partitionId];
  if (partition === undefined) {
    throw new KafkaError(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      `Unable to find partition ${name}:${partitionId}.`,
    );
  }
  return { topic, partitionId, partition };
}

/** `target` is what the replicas shall be, in order of preference. A running reassignment is replaced. */
function reassign(
  image: MetadataImage,
  located: LocatedPartition,
  target: readonly number[],
): PartitionChangeRecord | null {
  checkAssignment(image, target, null);
  const current = located.partition.replicas;
  const removing = sorted(current.filter((replica) => !target.includes(replica)));
  const adding = sorted(target.filter((replica) => !current.includes(replica)));
  // A replica that a running reassignment was adding stays "adding" as long as it is wanted, so that a cancel
  // still knows what was there before.
  const stillAdding = located.partition.addingReplicas.filter((replica) => target.includes(replica));
  return partitionChange({
    image,
    ...located,
    replicas: [...target, ...removing],
    removing,
    adding: sorted([...new Set([...stillAdding, ...adding])]),
  });
}

function sorted(ids: readonly number[]): number[] {
  return ids.toSorted((left, right) => left - right);
}

/** Goes back to the replicas as they were before. */
function cancel(
  environment: ControllerEnvironment,
  image: MetadataImage,
  located: LocatedPartition,
): PartitionChangeRecord | null {
  const { topic, partitionId, partition } = located;
  if (!isReassigning(partition)) throw new KafkaError(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  const wasThere = (replica: number) => !partition.addingReplicas.includes(replica);
  const replicas = partition.replicas.filter(wasThere);
  const [first] = replicas;
  if (first === undefined) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      'Invalid replica assignment: addingReplicas contains all replicas.',
    );
  }
  const unclean = uncleanElectionPolicy(environment, image)(topic.name);
  const isr = partition.isr.filter(wasThere);
  if (isr.length === 0 && !unclean) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `Unable to revert partition assignment for ${topic.name}:${partitionId} because it would require an ` +
        'unclean leader election.',
    );
  }
  return partitionChange({
    image,
    ...located,
    election: unclean ? 'unclean' : 'online',
    isr: isr.length === 0 ? [first] : isr,
    replicas,
    removing: [],
    adding: [],
  });
}

export function listPartitionReassignments(context: CommandContext, request: ListRequest): ListResponse {
  const { image } = context;
  const topics: OngoingTopic[] = [];
  if (request.topics === null) {
    for (const topic of image.topicsById.values()) addOngoing(topics, topic, topic.partitions.keys());
  } else {
    for (const { name, partitionIndexes } of request.topics) {
      const topic = image.topic(name);
      if (topic !== undefined) addOngoing(topics, topic, partitionIndexes);
    }
  }
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, topics };
}

function addOngoing(topics: OngoingTopic[], topic: TopicImage, partitionIds: Iterable<number>): void {
  const partitions: OngoingTopic['partitions'][number][] = [];
  for (const partitionIndex of partitionIds) {
    const partition = topic.partitions[partitionIndex];
    if (partition === undefined || !isReassigning(partition)) continue;
    partitions.push({
      partitionIndex,
      replicas: partition.replicas,
      addingReplicas: partition.addingReplicas,
      removingReplicas: partition.removingReplicas,
    });
  }
  if (partitions.length > 0) topics.push({ name: topic.name, partitions });
}
