/**
 * A little room on each volume for the day when it is full: for a start, a stop, and the metadata of a deletion.
 *
 *   <log.dir>/.sordini-reserve    up to 1 MiB of nothing; may be deleted at any time
 *
 * Always true: the file is there while there is room for it, and gone while something that must not fail needs its room;
 * it is never read. Nothing else of a directory is touched here.
 */
import type { Disk } from '../../storage/disk.ts';
import { DiskError } from '../../storage/disk.ts';
import { joinPath } from '../../storage/layout.ts';
import { ExitCode, StartupError } from '../startup-error.ts';

const RESERVE_FILE = '.sordini-reserve';
const RESERVE_BYTES = 1024 * 1024;
/** What a start writes at most before it serves, with some hundred partitions to recover. */
const START_BYTES = 512 * 1024;
/** Left to others when the reserve grows. */
const SPARED_BYTES = 64 * 1024;

export class DiskReserve {
  readonly #disk: Disk;
  readonly #directories: readonly string[];

  constructor(disk: Disk, directories: readonly string[]) {
    this.#disk = disk;
    this.#directories = [...new Set(directories)];
  }

  /**
   * Makes room for a start where there is little, before anything is written.
   * @throws {StartupError} when the metadata could not be written all the same
   */
  beforeStart(metadataDir: string): void {
    for (const directory of this.#directories) {
      if (this.#usableBytes(directory) < START_BYTES) this.#remove(directory);
    }
    const usableBytes = this.#usableBytes(metadataDir);
    if (usableBytes >= START_BYTES) return;
    throw new StartupError(
      ExitCode.DIRECTORY_UNUSABLE,
      `The disk of ${metadataDir} is full (${usableBytes} bytes are free, and a start takes up to ${START_BYTES}): make ` +
        'room, or choose another directory with log.dirs. Nothing was changed.',
    );
  }

  /** Gives the room up, for what must be written now. */
  release(): void {
    for (const directory of this.#directories) this.#remove(directory);
  }

  /** Takes the room again, as far as there is some. */
  keep(): void {
    for (const directory of this.#directories) {
      try {
        this.#grow(joinPath(directory, RESERVE_FILE), directory);
      } catch (error) {
        // Somebody was faster, or the directory is broken, which those will tell who need it.
        if (!(error instanceof DiskError)) throw error;
      }
    }
  }

  #grow(path: string, directory: string): void {
    const sizeBytes = this.#disk.status(path)?.sizeBytes ?? 0;
    if (sizeBytes >= RESERVE_BYTES) return;
    const bytes = Math.min(RESERVE_BYTES - sizeBytes, this.#usableBytes(directory) - SPARED_BYTES);
    if (bytes <= 0) return;
    const file = this.#disk.open(path, true);
    try {
      // Zeros may cost a file system nothing.
      file.write([Buffer.alloc(bytes, 'reserve ')], sizeBytes);
    } finally {
      file.close();
    }
  }

  #remove(directory: string): void {
    try {
      this.#disk.removeNow(joinPath(directory, RESERVE_FILE));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }

  #usableBytes(directory: string): number {
    return this.#disk.space(directory).usableBytes;
  }
}
