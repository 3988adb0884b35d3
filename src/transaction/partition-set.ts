/**
 * A set of partitions, by topic in the order in which they came.
 *
 * What is always true: no topic is in it without a partition. Names from the network are keys of Maps only.
 */

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export class PartitionSet {
  readonly #topics = new Map<string, Set<number>>();
  #size = 0;

  static of(topics: Iterable<TopicPartitions>): PartitionSet {
    const set = new PartitionSet();
    for (const { topic, partitions } of topics) {
      for (const partition of partitions) set.add(topic, partition);
    }
    return set;
  }

  get size(): number {
    return this.#size;
  }

  has(topic: string, partition: number): boolean {
    return this.#topics.get(topic)?.has(partition) ?? false;
  }

  add(topic: string, partition: number): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = new Set();
      this.#topics.set(topic, partitions);
    }
    if (partitions.has(partition)) return;
    partitions.add(partition);
    this.#size++;
  }

  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    if (!partitions?.delete(partition)) return;
    this.#size--;
    if (partitions.size === 0) this.#topics.delete(topic);
  }

  contains(topics: Iterable<TopicPartitions>): boolean {
    for (const { topic, partitions } of topics) {
      if (!partitions.every((partition) => this.has(topic, partition))) return false;
    }
    return true;
  }

  copy(): PartitionSet {
    return PartitionSet.of(this.topics());
  }

  topics(): TopicPartitions[] {
    return [...this.#topics].map(([topic, partitions]) => ({ topic, partitions: [...partitions] }));
  }
}
