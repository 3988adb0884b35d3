/** A disk on which writes of the thread pool wait until a test lets them go, or fail as it says. */

import type { DirectoryEntry, Disk, DiskFile, PathStatus } from '../../../storage/disk.ts';
import { DiskError } from '../../../storage/disk.ts';
import type { MemoryDisk } from '../../../storage/memory-disk.ts';

export class HeldWrite {
  readonly path: string;
  readonly bytes: number;
  readonly done: Promise<void>;
  readonly #write: (bytes: number) => void;
  #settle: { resolve: () => void; reject: (cause: DiskError) => void } | null = null;

  constructor(path: string, bytes: number, write: (bytes: number) => void) {
    this.path = path;
    this.bytes = bytes;
    this.#write = write;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  async release(): Promise<void> {
    this.#write(this.bytes);
    this.#settle?.resolve();
    await settled();
  }

  /** Fails after so many bytes reached the file. */
  async fail(errno: string, bytesWritten = 0): Promise<void> {
    this.#write(bytesWritten);
    this.#settle?.reject(new DiskError(errno, 'write', this.path));
    await settled();
  }
}

/** Lets what promises have set going come to its end. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class HeldDisk implements Disk {
  /** The writes under way, in their order. */
  readonly writes: HeldWrite[] = [];
  readonly #disk: MemoryDisk;

  readonly #isHeld: (path: string) => boolean;

  /** By default only segments are held, not the small files beside them. */
  constructor(disk: MemoryDisk, isHeld = (path: string) => path.endsWith('.log')) {
    this.#disk = disk;
    this.#isHeld = isHeld;
  }

  /** The oldest write under way, which is then no longer among them. */
  next(): HeldWrite {
    const write = this.writes.shift();
    if (write === undefined) throw new Error('no write is under way');
    return write;
  }

  open(path: string, create: boolean): DiskFile {
    const file = this.#disk.open(path, create);
    return {
      path,
      sizeBytes: () => file.sizeBytes(),
      write: (chunks, position) => file.write(chunks, position),
      writeAsync: (chunks, position) =>
        this.#isHeld(path) ? this.#hold(path, chunks, position) : file.writeAsync(chunks, position),
      read: (target, position) => file.read(target, position),
      readAsync: (target, position) => file.readAsync(target, position),
      truncate: (lengthBytes) => file.truncate(lengthBytes),
      sync: () => file.sync(),
      syncNow: () => file.syncNow(),
      close: () => file.close(),
    };
  }

  #hold(path: string, chunks: readonly Uint8Array[], position: number): Promise<void> {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    // The file of this moment, whatever its name is when the write ends.
    const file = this.#disk.open(path, false);
    const write = new HeldWrite(path, bytes, (count) => {
      // Now, not before: memory that was given to a write must be left alone until it has ended.
      if (count > 0) file.write([Buffer.concat(chunks).subarray(0, count)], position);
    });
    this.writes.push(write);
    return write.done;
  }

  list(directory: string): DirectoryEntry[] {
    return this.#disk.list(directory);
  }

  status(path: string): PathStatus | null {
    return this.#disk.status(path);
  }

  makeDirectory(path: string): void {
    this.#disk.makeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.#disk.rename(from, to);
  }

  removeNow(path: string): void {
    this.#disk.removeNow(path);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path);
  }

  syncDirectoryNow(path: string): void {
    this.#disk.syncDirectoryNow(path);
  }

  space(): { totalBytes: number; usableBytes: number } {
    return this.#disk.space();
  }
}
