/**
 * What a run of records named, so that a subscriber looks only at that.
 *
 * Always true: whatever differs between two images is named by the records between them. The reverse does not hold:
 * something touched may be as it was.
 */
import type { Uuid } from '../../protocol/uuid.ts';
import type { MetadataImage } from './image.ts';

export class Touched {
  /** Finalized features, metadata.version and the migration state. */
  features = false;
  producerIds = false;
  readonly brokers = new Set<number>();
  readonly controllers = new Set<number>();
  readonly topics = new Set<Uuid>();
  /** Keys of `configKey`, `quotaKey` and `scramKey`. */
  readonly configs = new Set<string>();
  readonly clientQuotas = new Set<string>();
  readonly scram = new Set<string>();
  readonly acls = new Set<Uuid>();
  readonly delegationTokens = new Set<string>();

  /** Adds what another run named. */
  addAll(other: Touched): void {
    this.features ||= other.features;
    this.producerIds ||= other.producerIds;
    addEach(this.brokers, other.brokers);
    addEach(this.controllers, other.controllers);
    addEach(this.topics, other.topics);
    addEach(this.configs, other.configs);
    addEach(this.clientQuotas, other.clientQuotas);
    addEach(this.scram, other.scram);
    addEach(this.acls, other.acls);
    addEach(this.delegationTokens, other.delegationTokens);
  }

  /** Adds everything in an image: a snapshot replaces it all. */
  addImage(image: MetadataImage): void {
    this.features = true;
    this.producerIds = true;
    addEach(this.brokers, image.brokers.keys());
    addEach(this.controllers, image.controllers.keys());
    addEach(this.topics, image.topicsById.keys());
    addEach(this.configs, image.configs.keys());
    addEach(this.clientQuotas, image.clientQuotas.keys());
    addEach(this.scram, image.scram.keys());
    addEach(this.acls, image.acls.keys());
    addEach(this.delegationTokens, image.delegationTokens.keys());
  }
}

function addEach<T>(target: Set<T>, source: Iterable<T>): void {
  for (const item of source) target.add(item);
}
