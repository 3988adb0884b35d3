/**
 * What the second group protocol knows of topics, and sets of partitions by topic id.
 *
 * What is always true: nothing here changes once it is made; a new set is made instead. `TopicsView` stands for one
 * metadata image, which is an argument of the commands that need it: the machine never asks for the present.
 */
import type { Uuid } from '../../protocol/uuid.ts';

export interface TopicMetadata {
  readonly topicId: Uuid;
  readonly name: string;
  readonly partitionCount: number;
  /** The racks that have a replica, by partition; no entry where none is known. */
  readonly racks: ReadonlyMap<number, readonly string[]>;
}

/** The topics of one metadata image. */
export interface TopicsView {
  /** The same object for as long as nothing of the topic has changed. */
  topic(name: string): TopicMetadata | undefined;
  nameOf(topicId: Uuid): string | undefined;
  /** All names; the same set for as long as no topic came or went. */
  names(): ReadonlySet<string>;
}

/** By name. */
export type SubscriptionMetadata = ReadonlyMap<string, TopicMetadata>;

export const NO_TOPICS: TopicsView = {
  topic: () => undefined,
  nameOf: () => undefined,
  names: () => new Set(),
};

/** Partitions by topic id. No topic has an empty set. */
export type Partitions = ReadonlyMap<Uuid, ReadonlySet<number>>;

export const NO_PARTITIONS: Partitions = new Map();

export interface TopicPartitionsData {
  readonly topicId: Uuid;
  readonly partitions: readonly number[];
}

export function partitionsFrom(data: readonly TopicPartitionsData[]): Partitions {
  const all = new Map<Uuid, Set<number>>();
  for (const { topicId, partitions } of data) {
    for (const partition of partitions) addPartition(all, topicId, partition);
  }
  return all;
}

/** As records and answers list them: partitions in ascending order. */
export function partitionsData(all: Partitions): { topicId: Uuid; partitions: number[] }[] {
  return [...all].map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions].sort((a, b) => a - b),
  }));
}

export function addPartition(all: Map<Uuid, Set<number>>, topicId: Uuid, partition: number): void {
  const partitions = all.get(topicId);
  if (partitions === undefined) all.set(topicId, new Set([partition]));
  else partitions.add(partition);
}

export function hasPartition(all: Partitions, topicId: Uuid, partition: number): boolean {
  return all.get(topicId)?.has(partition) ?? false;
}

export function samePartitions(a: Partitions, b: Partitions): boolean {
  return a === b || (a.size === b.size && isSubset(a, b) && isSubset(b, a));
}

/** Whether all of `some` are in `all`. */
export function isSubset(some: Partitions, all: Partitions): boolean {
  for (const [topicId, partitions] of some) {
    const others = all.get(topicId);
    if (others === undefined) return false;
    for (const partition of partitions) if (!others.has(partition)) return false;
  }
  return true;
}

export function sameSubscriptionMetadata(a: SubscriptionMetadata, b: SubscriptionMetadata): boolean {
  if (a.size !== b.size) return false;
  for (const [name, topic] of a) {
    const other = b.get(name);
    if (other === undefined || !sameTopic(topic, other)) return false;
  }
  return true;
}

function sameTopic(a: TopicMetadata, b: TopicMetadata): boolean {
  if (a === b) return true;
  if (a.topicId !== b.topicId || a.partitionCount !== b.partitionCount || a.racks.size !== b.racks.size)
    return false;
  for (const [partition, racks] of a.racks) {
    const others = b.racks.get(partition);
    if (others === undefined || others.length !== racks.length) return false;
    if (!racks.every((rack) => others.includes(rack))) return false;
  }
  return true;
}
