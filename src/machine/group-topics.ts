/**
 * A metadata image as groups of the consumer protocol look at it: topics with their partitions and racks.
 *
 * What is always true: the same image gives the same view, and what did not change from one image to the next is the
 * same object in both views, so that groups can tell at a glance.
 */
import type { Uuid } from '../../protocol/uuid.ts';
import type { TopicMetadata, TopicsView } from '../group/topics.ts';
import type { BrokerImage, MetadataImage, TopicImage } from '../metadata/image.ts';

interface Described {
  readonly image: TopicImage;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly metadata: TopicMetadata;
}

export class GroupTopics {
  readonly #described = new Map<string, Described>();
  #image: MetadataImage | null = null;
  #view: TopicsView | null = null;
  #names: ReadonlySet<string> = new Set();

  view(image: MetadataImage): TopicsView {
    if (this.#view !== null && this.#isSame(image)) return this.#view;
    this.#image = image;
    let hasCurrentNames = false;
    this.#view = {
      topic: (name) => this.#topic(image, name),
      nameOf: (topicId: Uuid) => image.topicsById.get(topicId)?.name,
      names: () => {
        if (!hasCurrentNames) this.#updateNames(image);
        hasCurrentNames = true;
        return this.#names;
      },
    };
    return this.#view;
  }

  #isSame(image: MetadataImage): boolean {
    return this.#image?.topicsByName === image.topicsByName && this.#image.brokers === image.brokers;
  }

  #updateNames(image: MetadataImage): void {
    const names = new Set<string>();
    let isSame = true;
    for (const name of image.topicsByName.keys()) {
      names.add(name);
      if (!this.#names.has(name)) isSame = false;
    }
    if (!isSame || names.size !== this.#names.size) this.#names = names;
    for (const name of this.#described.keys()) if (!names.has(name)) this.#described.delete(name);
  }

  #topic(image: MetadataImage, name: string): TopicMetadata | undefined {
    const topic = image.topicsByName.get(name);
    if (topic === undefined) {
      this.#described.delete(name);
      return undefined;
    }
    const before = this.#described.get(name);
    if (before !== undefined && before.image === topic && before.brokers === image.brokers)
      return before.metadata;
    let metadata = describeTopic(topic, image.brokers);
    // Most changes, as those of leaders, make no difference here.
    if (before !== undefined && isSame(before.metadata, metadata)) metadata = before.metadata;
    this.#described.set(name, { image: topic, brokers: image.brokers, metadata });
    return metadata;
  }
}

function describeTopic(topic: TopicImage, brokers: ReadonlyMap<number, BrokerImage>): TopicMetadata {
  const racks = new Map<number, readonly string[]>();
  for (const [index, { replicas }] of topic.partitions.entries()) {
    const ofPartition = new Set<string>();
    for (const replica of replicas) {
      const rack = brokers.get(replica)?.rack ?? null;
      if (rack !== null) ofPartition.add(rack);
    }
    if (ofPartition.size > 0) racks.set(index, [...ofPartition]);
  }
  return { topicId: topic.id, name: topic.name, partitionCount: topic.partitions.length, racks };
}

function isSame(a: TopicMetadata, b: TopicMetadata): boolean {
  if (a.topicId !== b.topicId || a.partitionCount !== b.partitionCount || a.racks.size !== b.racks.size)
    return false;
  for (const [partition, racks] of a.racks) {
    if (racks.join() !== b.racks.get(partition)?.join()) return false;
  }
  return true;
}
