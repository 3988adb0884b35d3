/**
 * A compaction on this thread, in slices, for disks that live in memory: the loop gets its turn after every slice, and
 * more of it where the cleaner's rate is bounded.
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
import { Throttle } from './throttle.ts';

const SLICE_MS = 100;

export class SlicedCompaction implements CompactionEngine {
  readonly #disk: Disk;
  readonly #pause: (delayMs: number) => Promise<void>;
  #compaction: Compaction | null = null;
  #throttle: Throttle | null = null;
  #isClosed = false;

  /** `pause` resolves in a later turn of the event loop, after the delay. */
  constructor(disk: Disk, pause: (delayMs: number) => Promise<void>) {
    this.#disk = disk;
    this.#pause = pause;
  }

  begin(job: CompactionJob): Promise<MapSummary> {
    this.#compaction = new Compaction(this.#disk, job);
    this.#throttle = new Throttle(job.share.ioMaxBytesPerSecond, job.share.throttleAccount);
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
      // In pieces, so that `close` need not wait long.
      for (let delayMs = this.#throttle?.delayMs(step.value) ?? 0; !this.#isClosed; delayMs -= SLICE_MS) {
        await this.#pause(Math.max(0, Math.min(delayMs, SLICE_MS)));
        if (delayMs <= SLICE_MS) break;
      }
    }
    (work as Generator<number, T | undefined, void>).return(undefined);
    throw new CompactionAborted();
  }
}
