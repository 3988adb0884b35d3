/**
 * The order in which java.util.HashMap and HashSet give their keys. The assignors of Apache Kafka walk such maps, so
 * who gets which partition depends on it; following it makes our assignments those of Kafka for the same input.
 *
 * ```
 * bucket = (hash ^ hash >>> 16) & (capacity - 1)      keys by bucket, within a bucket as they were put
 * ```
 *
 * Buckets of eight and more keys, which Java turns into trees, are not followed.
 */
import type { Uuid } from '../../../protocol/uuid.ts';
import { uuidBytes } from '../../../protocol/uuid.ts';
import { javaHashCode } from '../partition-for.ts';

const DEFAULT_CAPACITY = 16;
const LOAD_FACTOR = 0.75;

/** The capacity of a map that grew one key at a time. */
export function grownCapacity(size: number): number {
  let capacity = DEFAULT_CAPACITY;
  while (size > capacity * LOAD_FACTOR) capacity *= 2;
  return capacity;
}

/** The capacity of a set that was made from a collection. */
export function copiedCapacity(size: number): number {
  const wanted = Math.max(Math.floor(size / LOAD_FACTOR) + 1, DEFAULT_CAPACITY);
  let capacity = 1;
  while (capacity < wanted) capacity *= 2;
  return capacity;
}

export function hashOrder<T>(
  items: Iterable<T>,
  hashOf: (item: T) => number,
  capacityOf: (size: number) => number = grownCapacity,
): T[] {
  const all = [...items];
  const mask = capacityOf(all.length) - 1;
  const placed = all.map((item) => {
    const hash = hashOf(item);
    return { item, bucket: (hash ^ (hash >>> 16)) & mask };
  });
  return placed.sort((a, b) => a.bucket - b.bucket).map(({ item }) => item);
}

export const stringOrder = (texts: Iterable<string>): string[] => hashOrder(texts, javaHashCode);

/** Uuid.hashCode of Kafka. */
export function uuidHashCode(uuid: Uuid): number {
  const bytes = uuidBytes(uuid);
  const high = bytes.readInt32BE(0) ^ bytes.readInt32BE(8);
  const low = bytes.readInt32BE(4) ^ bytes.readInt32BE(12);
  return high ^ low;
}

/** Uuid.compareTo of Kafka: two signed longs. */
export function compareUuids(a: Uuid, b: Uuid): number {
  const left = uuidBytes(a);
  const right = uuidBytes(b);
  for (const at of [0, 8]) {
    const difference = left.readBigInt64BE(at) - right.readBigInt64BE(at);
    if (difference !== 0n) return difference < 0n ? -1 : 1;
  }
  return 0;
}

/** The place of each id in their order, so that sorting partitions need not compare ids. */
export function uuidRanks(uuids: Iterable<Uuid>): ReadonlyMap<Uuid, number> {
  return new Map([...uuids].sort(compareUuids).map((uuid, rank) => [uuid, rank]));
}

/** TopicIdPartition.hashCode of Kafka: Objects.hash(topicId, partitionId). */
export function topicPartitionHashCode(topicHashCode: number, partition: number): number {
  return (Math.imul(31, (31 + topicHashCode) | 0) + partition) | 0;
}
