/**
 * A compaction on this thread, in slices, for disks that live in memory: the loop gets its turn after every slice.
 *
 * Always true: one compaction at a time; `close` ends the one under way before its next slice, and its files go.
 */

import type { Work } from './compaction.ts';
import { Compaction } from './compaction.ts';
import type {
  CompactionEngine,
  CompactionJob,
  CompactionStatistics,
  MapSummary,
  SourceSegment,
} from './compaction-types.ts';
import { CompactionAborted } from './compaction-types.ts';
import type { Disk } from './disk.ts';

export class SlicedCompaction implements CompactionEngine {
  readonly #disk: Disk;
  readonly #pause: () => Promise<void>;
  #compaction: Compaction | null = null;
  #isClosed = false;

  /** `pause` resolves in a later turn of the event loop. */
  constructor(disk: Disk, pause: () => Promise<void>) {
    this.#disk = disk;
    this.#pause = pause;
  }

  begin(job: CompactionJob): Promise<MapSummary> {
    this.#compaction = new Compaction(this.#disk, job);
    return this.#run(this.#compaction.buildMap());
  }

  cleanGroup(group: readonly SourceSegment[]): Promise<CompactionStatistics> {
    if (this.#compaction === null) throw new CompactionAborted();
    return this.#run(this.#compaction.cleanGroup(group));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#compaction = null;
  }

  async #run<T>(work: Work<T>): Promise<T> {
    for (;;) {
      if (this.#isClosed) break;
      const step = work.next();
      if (step.done === true) return step.value;
      await this.#pause();
    }
    (work as Generator<number, T | undefined, void>).return(undefined);
    throw new CompactionAborted();
  }
}
