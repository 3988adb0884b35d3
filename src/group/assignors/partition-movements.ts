/**
 * The moves of one balancing, so that two partitions of a topic are not swapped where none need have moved
 * (PartitionMovements in GeneralUniformAssignmentBuilder, as in the sticky assignor of the clients).
 *
 * What is always true: a partition that moved is under the pair of its first and its present owner, and not at all
 * when it is back.
 */
import type { Uuid } from '../../../protocol/uuid.ts';
import type { TopicPartition } from './assignor.ts';
import { AssignorError } from './assignor.ts';

interface Move {
  readonly from: string;
  readonly to: string;
}

/** The moves of a topic: from, to, partitions. */
type MovesOfTopic = Map<string, Map<string, Set<TopicPartition>>>;

export class PartitionMovements {
  readonly #byTopic = new Map<Uuid, MovesOfTopic>();
  readonly #byPartition = new Map<TopicPartition, Move>();

  move(partition: TopicPartition, from: string, to: string): void {
    const before = this.#byPartition.get(partition);
    if (before === undefined) {
      this.#add(partition, { from, to });
      return;
    }
    this.#remove(partition, before);
    if (before.to !== from) throw new AssignorError('A partition is moved away from where it was moved to.');
    if (before.from !== to) this.#add(partition, { from: before.from, to });
  }

  /** The partition to move instead: one of the topic that went the other way, if there is such. */
  actualPartition(partition: TopicPartition, owner: string, to: string): TopicPartition {
    const from = this.#byPartition.get(partition)?.from ?? owner;
    const reverse = this.#byTopic.get(partition.topicId)?.get(to)?.get(from);
    return reverse?.values().next().value ?? partition;
  }

  #add(partition: TopicPartition, { from, to }: Move): void {
    this.#byPartition.set(partition, { from, to });
    const ofTopic: MovesOfTopic = this.#byTopic.get(partition.topicId) ?? new Map();
    this.#byTopic.set(partition.topicId, ofTopic);
    const byTarget = ofTopic.get(from) ?? new Map<string, Set<TopicPartition>>();
    ofTopic.set(from, byTarget);
    const partitions = byTarget.get(to);
    if (partitions === undefined) byTarget.set(to, new Set([partition]));
    else partitions.add(partition);
  }

  #remove(partition: TopicPartition, { from, to }: Move): void {
    this.#byPartition.delete(partition);
    this.#byTopic.get(partition.topicId)?.get(from)?.get(to)?.delete(partition);
  }
}
