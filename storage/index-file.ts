/**
 * What the offset index and the time index share: fixed-size entries, appended in order, searched by bisection.
 *
 * Kafka maps its indexes into memory; here the entries of a segment are held in a buffer and written behind, because
 * they can always be rebuilt from the batches. Always true:
 * - The buffer is the truth; the file holds a prefix of it, followed by zeros while the segment is active (the file is
 *   preallocated to `segment.index.bytes`, as Kafka does) and by nothing after `trim`.
 * - An index whose entries are all in the file may drop its buffer (`release`) and reads it again when asked.
 */

import type { Disk, DiskFile } from './disk.ts';
import { readSmallFile, syncFile } from './small-file.ts';

const FIRST_CAPACITY_ENTRIES = 16;

export class IndexFile {
  readonly entrySize: number;
  readonly #disk: Disk;
  #path: string;
  #buffer: Buffer | null;
  #entryCount: number;
  /** Entries that the file holds as the buffer does. */
  #writtenCount: number;
  #fileBytes: number;
  #maxEntries: number;
  /** There is no file yet. */
  #isPlanned = false;
  /** The file still has the entries of an earlier index. */
  #holdsOther = false;

  private constructor(disk: Disk, path: string, entrySize: number, fileBytes: number) {
    this.#disk = disk;
    this.#path = path;
    this.entrySize = entrySize;
    this.#fileBytes = fileBytes;
    this.#maxEntries = Math.floor(fileBytes / entrySize);
    this.#entryCount = this.#maxEntries;
    this.#writtenCount = this.#maxEntries;
    this.#buffer = null;
  }

  /** A new, empty index whose file has room for `maxBytes`. */
  static create(disk: Disk, path: string, entrySize: number, maxBytes: number): IndexFile {
    disk.removeNow(path);
    const index = IndexFile.plan(disk, path, entrySize, maxBytes);
    index.makeFile();
    return index;
  }

  /** A new, empty index whose file is made when something is first written to it; there is no file of that name. */
  static plan(disk: Disk, path: string, entrySize: number, maxBytes: number): IndexFile {
    const fileBytes = Math.floor(maxBytes / entrySize) * entrySize;
    const index = new IndexFile(disk, path, entrySize, fileBytes);
    index.#entryCount = 0;
    index.#writtenCount = 0;
    index.#isPlanned = true;
    return index;
  }

  /**
   * An empty index in the place of the one that the file holds, which is gone with the first `write`, `resize` or `trim`.
   * Until then a crash would bring it back: only where the next start would not believe it.
   */
  static anew(disk: Disk, path: string, entrySize: number, maxBytes: number): IndexFile {
    const index = new IndexFile(disk, path, entrySize, 0);
    index.#maxEntries = Math.floor(maxBytes / entrySize);
    index.#holdsOther = true;
    return index;
  }

  /** An index as a stopped log left it: every whole slot of the file is an entry. Null when there is no file. */
  static load(disk: Disk, path: string, entrySize: number): IndexFile | null {
    const status = disk.status(path);
    return status === null ? null : new IndexFile(disk, path, entrySize, status.sizeBytes);
  }

  get path(): string {
    return this.#path;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  get maxEntries(): number {
    return this.#maxEntries;
  }

  /** Looking at the entries costs no reading. */
  get isLoaded(): boolean {
    return this.#buffer !== null || this.#writtenCount === 0;
  }

  /** Of the entries. */
  get sizeBytes(): number {
    return this.#entryCount * this.entrySize;
  }

  /** Whether the file's length is one that Kafka's own sanity check takes. */
  get hasWholeEntries(): boolean {
    return this.#fileBytes % this.entrySize === 0;
  }

  /** Where the next entry's bytes go; the caller writes exactly `entrySize` of them at `slotStart(entryCount - 1)`. */
  grow(): Buffer {
    const needed = (this.#entryCount + 1) * this.entrySize;
    let buffer = this.buffer();
    if (buffer.length < needed) {
      const grown = Buffer.alloc(
        Math.max(needed, buffer.length * 2, FIRST_CAPACITY_ENTRIES * this.entrySize),
      );
      buffer.copy(grown);
      buffer = grown;
      this.#buffer = grown;
    }
    this.#entryCount++;
    return buffer;
  }

  /** The entries; valid until the next `grow`. */
  buffer(): Buffer {
    if (this.#buffer === null) {
      const contents = this.#writtenCount === 0 ? Buffer.alloc(0) : readSmallFile(this.#disk, this.#path);
      const wanted = this.#writtenCount * this.entrySize;
      // A file shorter than it was has lost entries that the batches can give back; zeros fail every check of them.
      this.#buffer = Buffer.alloc(wanted);
      contents?.copy(this.#buffer, 0, 0, wanted);
    }
    return this.#buffer;
  }

  slotStart(slot: number): number {
    return slot * this.entrySize;
  }

  truncateEntries(count: number): void {
    if (count >= this.#entryCount) return;
    this.buffer();
    this.#entryCount = count;
    if (this.#writtenCount <= count) return;
    // What the file holds past its entries must be zeros, or nothing: entries that come back after a crash would lie.
    this.#withFile((file) => {
      file.truncate(count * this.entrySize);
      file.truncate(this.#fileBytes);
    });
    this.#writtenCount = count;
  }

  /** Makes the file if it is only planned. @throws {DiskError} */
  makeFile(): void {
    if (this.#isPlanned) this.#withFile(() => {});
  }

  /** Writes the entries that the file lacks. */
  write(): void {
    if (this.#isWritten) return;
    this.#withFile((file) => this.#writeEntries(file));
  }

  /** Gives the file room for `maxBytes`, rounded down to whole entries, but never less than its entries. */
  resize(maxBytes: number): void {
    const rounded = Math.floor(maxBytes / this.entrySize) * this.entrySize;
    const fileBytes = Math.max(rounded, this.#entryCount * this.entrySize);
    this.#maxEntries = Math.floor(fileBytes / this.entrySize);
    if (fileBytes === this.#fileBytes && this.#isWritten) return;
    this.#withFile((file) => {
      this.#writeEntries(file);
      file.truncate(fileBytes);
    });
    this.#fileBytes = fileBytes;
  }

  /** Cuts the file to its entries: the form of a segment that is no longer written to. */
  trim(): void {
    this.resize(0);
  }

  syncNow(): void {
    this.#withFile((file) => {
      this.#writeEntries(file);
      file.syncNow();
    });
  }

  /**
   * Syncs what has been written; the entries written behind it are not covered. The file may have gone with its segment
   * meanwhile: then it must not come back.
   */
  async sync(): Promise<void> {
    await syncFile(this.#disk, this.#path);
  }

  /** Forgets the buffer if the file has it all. */
  release(): void {
    if (this.#writtenCount === this.#entryCount) this.#buffer = null;
  }

  movedTo(path: string): void {
    this.#path = path;
  }

  get #isWritten(): boolean {
    return this.#writtenCount === this.#entryCount && !this.#holdsOther;
  }

  #writeEntries(file: DiskFile): void {
    if (this.#isWritten) return;
    const from = this.#writtenCount * this.entrySize;
    const to = this.#entryCount * this.entrySize;
    if (to > from) file.write([this.buffer().subarray(from, to)], from);
    // Only now: ext4 would write a file that was empty in between out at once.
    if (this.#holdsOther) file.truncate(to);
    this.#holdsOther = false;
    this.#writtenCount = this.#entryCount;
    this.#fileBytes = Math.max(this.#fileBytes, to);
  }

  #withFile(use: (file: DiskFile) => void): void {
    const file = this.#disk.open(this.#path, true);
    try {
      if (this.#isPlanned) file.truncate(this.#fileBytes);
      this.#isPlanned = false;
      use(file);
    } finally {
      file.close();
    }
  }
}
