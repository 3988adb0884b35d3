/**
 * What a server-side assignor is given and gives back (PartitionAssignor in Kafka).
 *
 * What is always true: the members come in the order of the map in which Kafka would hold them (java-order), and a
 * member that the assignor leaves out has no partitions.
 */
import type { Uuid } from '../../../protocol/uuid.ts';
import type { Partitions } from '../topics.ts';

export interface AssignedMember {
  readonly memberId: string;
  readonly rackId: string | null;
  readonly subscribedTopicIds: ReadonlySet<Uuid>;
  /** What it was to have until now. */
  readonly assigned: Partitions;
}

export interface AssignableTopic {
  readonly topicId: Uuid;
  readonly partitionCount: number;
  readonly racks: ReadonlyMap<number, readonly string[]>;
}

export interface AssignmentSpec {
  readonly members: readonly AssignedMember[];
  /** Every topic that a member is subscribed to is here. */
  readonly topics: ReadonlyMap<Uuid, AssignableTopic>;
}

/** What each member is to have, by member id. */
export type GroupAssignment = Map<string, Map<Uuid, Set<number>>>;

/** The assignor could not do it: PartitionAssignorException. */
export class AssignorError extends Error {}

export interface Assignor {
  readonly name: string;
  /** @throws {AssignorError} */
  assign(spec: AssignmentSpec): GroupAssignment;
}

/** A partition, one object for each, so that sets and maps can hold it. */
export interface TopicPartition {
  readonly topicId: Uuid;
  readonly partition: number;
}

/** One object for every partition of the topics. */
export class PartitionTable {
  readonly #byTopic = new Map<Uuid, readonly TopicPartition[]>();

  constructor(topics: Iterable<AssignableTopic>) {
    for (const { topicId, partitionCount } of topics) {
      const partitions = Array.from({ length: partitionCount }, (_, partition) => ({ topicId, partition }));
      this.#byTopic.set(topicId, partitions);
    }
  }

  /** Undefined for a partition that its topic does not have. */
  find(topicId: Uuid, partition: number): TopicPartition | undefined {
    return this.#byTopic.get(topicId)?.[partition];
  }

  of(topicId: Uuid): readonly TopicPartition[] {
    return this.#byTopic.get(topicId) ?? [];
  }

  all(): TopicPartition[] {
    return [...this.#byTopic.values()].flat();
  }
}
