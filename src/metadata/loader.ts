/**
 * Committed metadata on its way from the log to the publisher (org.apache.kafka.image.loader.MetadataLoader).
 *
 * Always true: one call of `load` publishes at most once, however many batches it brings, and inside a metadata
 * transaction not at all. The first image that is published has everything that was committed when the node started: a
 * snapshot, or the beginning of the log, is the past, and who acted on it would delete the log of a topic that was made
 * anew since (MetadataLoader.stillNeedToCatchUp). After a batch could not be applied nothing more is: `faulty` stays set, the last good image
 * stays published, and no snapshot may be written from here any more (KAFKA-14203).
 */
import type { MetadataImage } from './image.ts';
import type { MetadataPublisher } from './publisher.ts';
import { describeChange } from './publisher.ts';
import type { CommittedBatch, LoadedSnapshot } from './replayer.ts';
import { MetadataReplayer } from './replayer.ts';

export class MetadataLoader {
  readonly #publisher: MetadataPublisher;
  readonly #onFault: (error: unknown) => void;
  readonly #replayer = new MetadataReplayer();
  #published: MetadataImage;
  #isCatchingUp = true;
  #faulty = false;

  constructor(publisher: MetadataPublisher, onFault: (error: unknown) => void) {
    this.#publisher = publisher;
    this.#onFault = onFault;
    this.#published = this.#replayer.settle();
  }

  /** The image that was published last. */
  get image(): MetadataImage {
    return this.#published;
  }

  /** Highest offset that was read, published or not: what a broker reports in its heartbeats. */
  get lastOffset(): number {
    return this.#replayer.lastOffset;
  }

  /** Whether a metadata transaction was begun and not ended: what it holds is in no image. */
  get inTransaction(): boolean {
    return this.#replayer.transactionStartOffset >= 0;
  }

  get faulty(): boolean {
    return this.#faulty;
  }

  /** `highWatermark` is where what is committed ends; 0 where nothing more is known than these batches. */
  load(batches: Iterable<CommittedBatch>, highWatermark = 0): void {
    this.#run(
      () => {
        for (const batch of batches) this.#replayer.apply(batch);
      },
      () => this.#replayer.lastOffset + 1 >= highWatermark,
    );
  }

  /** The record with which a leader begins follows every snapshot: it says whether anything is still to come. */
  loadSnapshot(snapshot: LoadedSnapshot): void {
    this.#run(
      () => this.#replayer.reset(snapshot),
      () => false,
    );
  }

  #run(apply: () => void, isUpToDate: () => boolean): void {
    if (this.#faulty) return;
    let image: MetadataImage;
    try {
      apply();
      if (this.#isCatchingUp && !isUpToDate()) return;
      this.#isCatchingUp = false;
      image = this.#replayer.settle();
    } catch (error) {
      this.#faulty = true;
      this.#onFault(error);
      return;
    }
    if (image === this.#published) return;
    const previous = this.#published;
    this.#published = image;
    this.#publisher.publish(describeChange(previous, image, this.#replayer.takeTouched()));
  }
}
