/**
 * The changes to topics and partitions on top of an image (org.apache.kafka.image.TopicsDelta).
 *
 * Always true: a topic whose partitions change is copied once per delta, however many of them change.
 */
import { assert } from '../../protocol/assert.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { MetadataImage, TopicImage } from './image.ts';
import { hasCollisionChars, unifyCollisionChars } from './names.ts';
import type { PartitionChangeRecord, PartitionImage, PartitionRecord } from './partition-image.ts';
import { changedPartition, partitionFromRecord } from './partition-image.ts';
import type { PersistentMap } from './persistent-map.ts';

interface TopicDraft {
  readonly name: string;
  readonly id: Uuid;
  readonly partitions: PartitionImage[];
  /** How many of `partitions` are there: a log may name them in any order. */
  partitionCount: number;
}

export interface TopicMaps {
  readonly topicsById: PersistentMap<Uuid, TopicImage>;
  readonly topicsByName: PersistentMap<string, TopicImage>;
  readonly collidingNames: PersistentMap<string, readonly string[]>;
}

export class TopicsDelta {
  readonly #base: MetadataImage;
  readonly #byId = new Map<Uuid, TopicDraft | undefined>();
  readonly #idByName = new Map<string, Uuid | undefined>();

  constructor(base: MetadataImage) {
    this.#base = base;
  }

  create(name: string, id: Uuid): void {
    assert(this.#idOf(name) === undefined, 'A topic is created under a name that no topic has.');
    assert(this.#topic(id) === undefined, 'A topic is created with an id of its own.');
    this.#byId.set(id, { name, id, partitions: [], partitionCount: 0 });
    this.#idByName.set(name, id);
  }

  /** Returns the name that the topic had. */
  remove(id: Uuid): string {
    const topic = this.#topic(id);
    assert(topic !== undefined, 'A topic that is removed exists.');
    this.#byId.set(id, undefined);
    this.#idByName.set(topic.name, undefined);
    return topic.name;
  }

  putPartition(record: PartitionRecord): void {
    const draft = this.#draft(record.topicId);
    assert(record.partitionId >= 0, 'A partition has a number from 0 on.');
    if (draft.partitions[record.partitionId] === undefined) draft.partitionCount += 1;
    draft.partitions[record.partitionId] = partitionFromRecord(record);
  }

  changePartition(record: PartitionChangeRecord): void {
    const draft = this.#draft(record.topicId);
    const partition = draft.partitions[record.partitionId];
    assert(partition !== undefined, 'A partition that changes exists.');
    draft.partitions[record.partitionId] = changedPartition(partition, record);
  }

  build(): TopicMaps {
    const topicsById = new Map<Uuid, TopicImage | undefined>();
    const topicsByName = new Map<string, TopicImage | undefined>();
    for (const [id, draft] of this.#byId) {
      if (draft === undefined) {
        topicsById.set(id, undefined);
        continue;
      }
      assert(
        draft.partitionCount === draft.partitions.length,
        'The partitions of a topic are numbered from 0 on.',
      );
      const topic: TopicImage = { name: draft.name, id, partitions: [...draft.partitions] };
      topicsById.set(id, topic);
      topicsByName.set(topic.name, topic);
    }
    for (const [name, id] of this.#idByName) {
      if (id === undefined) topicsByName.set(name, undefined);
    }
    return {
      topicsById: this.#base.topicsById.with(topicsById),
      topicsByName: this.#base.topicsByName.with(topicsByName),
      collidingNames: this.#base.collidingNames.with(this.#collidingNames()),
    };
  }

  #collidingNames(): Map<string, readonly string[] | undefined> {
    const changes = new Map<string, readonly string[] | undefined>();
    for (const [name, id] of this.#idByName) {
      if (!hasCollisionChars(name)) continue;
      const unified = unifyCollisionChars(name);
      const names = changes.has(unified) ? changes.get(unified) : this.#base.collidingNames.get(unified);
      const others = (names ?? []).filter((other) => other !== name);
      const left = id === undefined ? others : [...others, name];
      changes.set(unified, left.length === 0 ? undefined : left);
    }
    return changes;
  }

  #idOf(name: string): Uuid | undefined {
    return this.#idByName.has(name) ? this.#idByName.get(name) : this.#base.topicsByName.get(name)?.id;
  }

  #topic(id: Uuid): { readonly name: string } | undefined {
    return this.#byId.has(id) ? this.#byId.get(id) : this.#base.topicsById.get(id);
  }

  #draft(id: Uuid): TopicDraft {
    const draft = this.#byId.get(id);
    if (draft !== undefined) return draft;
    const topic = this.#byId.has(id) ? undefined : this.#base.topicsById.get(id);
    assert(topic !== undefined, 'A partition belongs to a topic that exists.');
    const { name, partitions } = topic;
    const copy: TopicDraft = { name, id, partitions: [...partitions], partitionCount: partitions.length };
    this.#byId.set(id, copy);
    return copy;
  }
}
