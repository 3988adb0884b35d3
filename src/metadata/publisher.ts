/**
 * News of the cluster's metadata, carried up to everybody who acts on it.
 *
 * Always true: subscribers are called one after the other in the order in which they were given, and each sees the
 * same pair of images; an image is never published with half a metadata transaction in it. A subscriber that fails
 * is reported and the others still hear the news, as in Kafka (a broker outlives a faulty publisher).
 */
import type { Uuid } from '../../protocol/uuid.ts';
import type { MetadataImage, TopicImage } from './image.ts';
import type { Touched } from './touched.ts';

export interface ChangedTopic {
  readonly previous: TopicImage;
  readonly current: TopicImage;
}

/** What lies between two published images. */
export interface MetadataChange {
  readonly previous: MetadataImage;
  readonly image: MetadataImage;
  /** Topics by what became of their id: a topic that was deleted and made again is in both lists. */
  readonly createdTopics: readonly TopicImage[];
  /** Partitions that did not change are the same objects in both. */
  readonly changedTopics: readonly ChangedTopic[];
  readonly deletedTopics: readonly TopicImage[];
  /** Everything else by name; what is not in the image any more was removed. */
  readonly touched: Touched;
}

export interface MetadataSubscriber {
  readonly name: string;
  publish(change: MetadataChange): void;
}

export type FaultHandler = (subscriberName: string, error: unknown) => void;

export class MetadataPublisher {
  readonly #subscribers: readonly MetadataSubscriber[];
  readonly #onFault: FaultHandler;

  constructor(subscribers: readonly MetadataSubscriber[], onFault: FaultHandler) {
    this.#subscribers = subscribers;
    this.#onFault = onFault;
  }

  publish(change: MetadataChange): void {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber.publish(change);
      } catch (error) {
        this.#onFault(subscriber.name, error);
      }
    }
  }
}

export function describeChange(
  previous: MetadataImage,
  image: MetadataImage,
  touched: Touched,
): MetadataChange {
  const createdTopics: TopicImage[] = [];
  const changedTopics: ChangedTopic[] = [];
  const deletedTopics: TopicImage[] = [];
  for (const id of touched.topics) {
    classifyTopic(previous, image, id, createdTopics, changedTopics, deletedTopics);
  }
  return { previous, image, createdTopics, changedTopics, deletedTopics, touched };
}

function classifyTopic(
  previous: MetadataImage,
  image: MetadataImage,
  id: Uuid,
  created: TopicImage[],
  changed: ChangedTopic[],
  deleted: TopicImage[],
): void {
  const before = previous.topicsById.get(id);
  const after = image.topicsById.get(id);
  if (before === undefined) {
    if (after !== undefined) created.push(after);
  } else if (after === undefined) deleted.push(before);
  else if (before !== after) changed.push({ previous: before, current: after });
}
