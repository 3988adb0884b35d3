/**
 * A map from topic and partition to a value, in the order in which topics and then partitions were first put.
 *
 * Maps all the way down: a topic may be named `__proto__`.
 */
export class PartitionMap<V> {
  /** Null while there is nothing in it: of a million idle groups each has some of these. */
  #topics: Map<string, Map<number, V>> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: string, partition: number): V | undefined {
    return this.#topics?.get(topic)?.get(partition);
  }

  has(topic: string, partition: number): boolean {
    return this.#topics?.get(topic)?.has(partition) ?? false;
  }

  set(topic: string, partition: number, value: V): void {
    this.#topics ??= new Map();
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#topics.set(topic, partitions);
    }
    if (!partitions.has(partition)) this.#size++;
    partitions.set(partition, value);
  }

  delete(topic: string, partition: number): boolean {
    const partitions = this.#topics?.get(topic);
    if (!partitions?.delete(partition)) return false;
    this.#size--;
    if (this.#size === 0) this.#topics = null;
    else if (partitions.size === 0) this.#topics?.delete(topic);
    return true;
  }

  /** Topic by topic, with its partitions. */
  topics(): IterableIterator<[string, ReadonlyMap<number, V>]> {
    return (this.#topics ?? new Map<string, ReadonlyMap<number, V>>()).entries();
  }

  *entries(): Generator<[topic: string, partition: number, value: V]> {
    if (this.#topics === null) return;
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, value] of partitions) yield [topic, partition, value];
    }
  }
}
