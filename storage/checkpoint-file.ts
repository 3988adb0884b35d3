/**
 * One offset checkpoint of a log directory, as it is on the disk and as it is about to be.
 *
 * It is replaced on the thread pool where nobody needs it at once, and from the event loop where something may only
 * happen once it says less (a truncation, a roll, a topic made anew). Always true: of two replacements the one that began
 * later wins, because the other gives up before its rename; while one is under way both contents count as what the
 * disk may tell.
 */

import type { OffsetCheckpoint } from './checkpoint.ts';
import { formatOffsets, offsetIn, readOffsetCheckpoint, writeOffsetCheckpoint } from './checkpoint.ts';
import type { Disk } from './disk.ts';
import { replaceSmallFileLater } from './small-file.ts';

export class CheckpointFile {
  readonly #disk: Disk;
  readonly #path: string;
  #onDisk: OffsetCheckpoint = new Map();
  /** What a replacement under way brings. */
  #coming: OffsetCheckpoint | null = null;
  /** Counts replacements. */
  #newest = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Takes what an earlier process left; false when that is damaged, and counts as empty. */
  read(): boolean {
    const read = readOffsetCheckpoint(this.#disk, this.#path);
    this.#onDisk = read.status === 'present' ? read.offsets : new Map();
    return read.status !== 'damaged';
  }

  /** What was last to be written for the partition. */
  offset(topic: string, partition: number): number | undefined {
    return offsetIn(this.#coming ?? this.#onDisk, topic, partition);
  }

  /** The largest offset that a crash now could leave for the partition; undefined if there is none. */
  mayTell(topic: string, partition: number): number | undefined {
    const before = offsetIn(this.#onDisk, topic, partition);
    const after = this.#coming === null ? undefined : offsetIn(this.#coming, topic, partition);
    if (before === undefined || after === undefined) return before ?? after;
    return Math.max(before, after);
  }

  /** Replaces the file, blocking; nothing happens where it says just this. @throws {DiskError} */
  write(offsets: OffsetCheckpoint): void {
    if (this.#coming === null && this.#says(offsets)) return;
    this.#newest++;
    writeOffsetCheckpoint(this.#disk, this.#path, offsets);
    this.#onDisk = offsets;
    this.#coming = null;
  }

  /** As `write`, on the thread pool; the offsets are asked for when earlier ones are through. @throws {DiskError} */
  writeLater(offsetsNow: () => OffsetCheckpoint): Promise<void> {
    const done = this.#writing.then(() => this.#writeLater(offsetsNow()));
    this.#writing = done.catch(() => {});
    return done;
  }

  async #writeLater(offsets: OffsetCheckpoint): Promise<void> {
    if (this.#says(offsets)) return;
    const number = ++this.#newest;
    const isNewest = (): boolean => number === this.#newest;
    this.#coming = offsets;
    try {
      await replaceSmallFileLater(this.#disk, this.#path, formatOffsets(offsets), isNewest);
      if (isNewest()) this.#onDisk = offsets;
    } finally {
      if (isNewest()) this.#coming = null;
    }
  }

  #says(offsets: OffsetCheckpoint): boolean {
    return isSame(offsets, this.#onDisk) && this.#disk.status(this.#path) !== null;
  }
}

function isSame(a: OffsetCheckpoint, b: OffsetCheckpoint): boolean {
  if (a.size !== b.size) return false;
  for (const [topic, partitions] of a) {
    const others = b.get(topic);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const [partition, offset] of partitions) if (others.get(partition) !== offset) return false;
  }
  return true;
}
