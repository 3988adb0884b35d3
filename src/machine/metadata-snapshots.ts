/**
 * When to write a snapshot of the metadata (org.apache.kafka.image.publisher.SnapshotGenerator).
 *
 * Always true: a snapshot is of a published image, so it holds no half transaction; at most one is being written; a
 * loader that failed writes none any more (KAFKA-14203).
 */
import type { Clock } from '../../storage/clock.ts';
import type { MetadataImage } from '../metadata/image.ts';
import type { CommittedBatch } from '../metadata/replayer.ts';

export interface SnapshotSettings {
  /** metadata.log.max.record.bytes.between.snapshots */
  readonly maxBytesBetween: number;
  /** metadata.log.max.snapshot.interval.ms; 0 for no limit. */
  readonly maxIntervalMs: number;
}

export interface SnapshotParts {
  readonly settings: SnapshotSettings;
  readonly clock: Clock;
  /** Writes `image.records()` as the snapshot that ends with `image.offset`; resolves when it is on disk. */
  readonly write: (image: MetadataImage) => Promise<void>;
  readonly onFault: (error: unknown) => void;
}

export class MetadataSnapshots {
  readonly #parts: SnapshotParts;
  #bytesSinceLast = 0;
  #lastMs: number;
  #lastOffset = -1;
  #writing = false;
  #isWanted = false;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    this.#lastMs = parts.clock.monotonicMs();
  }

  /** A snapshot is missing: the next image is written as one. */
  want(): void {
    this.#isWanted = true;
  }

  /** A snapshot was loaded: counting begins anew. */
  loaded(lastContainedOffset: number): void {
    this.#begin(lastContainedOffset);
  }

  /** Committed batches were loaded, and `image` is what is published now. */
  advanced(batches: Iterable<CommittedBatch>, image: MetadataImage): void {
    for (const batch of batches) this.#bytesSinceLast += batch.sizeInBytes;
    const { settings, clock } = this.#parts;
    const intervalOver =
      settings.maxIntervalMs > 0 && clock.monotonicMs() - this.#lastMs >= settings.maxIntervalMs;
    const due = this.#isWanted || this.#bytesSinceLast >= settings.maxBytesBetween || intervalOver;
    if (!due || this.#writing || image.offset <= this.#lastOffset) return;
    this.#begin(image.offset);
    this.#isWanted = false;
    this.#writing = true;
    this.#parts.write(image).then(
      () => {
        this.#writing = false;
      },
      (error: unknown) => {
        this.#writing = false;
        this.#parts.onFault(error);
      },
    );
  }

  #begin(offset: number): void {
    this.#bytesSinceLast = 0;
    this.#lastMs = this.#parts.clock.monotonicMs();
    this.#lastOffset = offset;
  }
}
