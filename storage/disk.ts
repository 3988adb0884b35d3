/**
 * The disk port, and its implementation on Node's file system.
 *
 * Everything in storage/ reaches files through `Disk` and `DiskFile`; no other file imports `node:fs`. That lets the
 * same log run on a real directory, in memory (memory-disk.ts), and under a test that cuts the power.
 *
 * Always true:
 * - A write either writes every byte or throws a `DiskError`; after a throw any part of it may be in the file.
 * - Writes and truncations are seen by later reads at once, and survive a power cut only after `sync` of the file.
 *   Creating, renaming and removing survive only after `syncDirectory` of the directory they happened in.
 * - A file closed while an asynchronous call is under way is closed when that call has ended, never under its feet.
 * - An open file of the real disk need not hold a descriptor: there may be more files than a process may open.
 * - Calls ending in `Now` or without a promise block the event loop; the others run on the thread pool.
 */

import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  fsync as fullSync,
  mkdirSync,
  openSync,
  readdirSync,
  read as readFile,
  readFileSync,
  readSync,
  rm as removeTree,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
  writev,
  writevSync,
} from 'node:fs';
import { AssertionError } from '../protocol/assert.ts';
import { withoutFirst } from './chunks.ts';
import type { Releasable } from './open-files.ts';
import { OpenFiles } from './open-files.ts';
import type { DirectoryLanes, Lane } from './pool-lanes.ts';
import { PoolLanes } from './pool-lanes.ts';

/** What went wrong, in the words a caller decides by; `errno` keeps the system's own name. */
export type DiskErrorKind = 'no-space' | 'too-many-files' | 'not-found' | 'io';

/** The disk refused or failed. Not a bug of ours: the log or its directory is judged by it (KIP-112). */
export class DiskError extends Error {
  readonly kind: DiskErrorKind;
  readonly errno: string;
  readonly operation: string;
  readonly path: string;

  constructor(errno: string, operation: string, path: string, cause?: unknown) {
    super(`${operation} failed with ${errno} on ${path}`, cause === undefined ? undefined : { cause });
    this.name = 'DiskError';
    this.errno = errno;
    this.operation = operation;
    this.path = path;
    this.kind = kindOf(errno);
  }
}

const kindOf = (errno: string): DiskErrorKind => {
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return 'no-space';
  if (errno === 'EMFILE' || errno === 'ENFILE') return 'too-many-files';
  if (errno === 'ENOENT') return 'not-found';
  return 'io';
};

/** Want of space or of descriptors: it may end by itself, and nothing is wrong with what is on the disk. */
export const isPassing = (error: unknown): error is DiskError =>
  error instanceof DiskError && (error.kind === 'no-space' || error.kind === 'too-many-files');

/** One open file. Positions and lengths are bytes from the start of the file. */
export interface DiskFile {
  readonly path: string;
  /**
   * Keeps the open file for calls that this port lacks, whatever becomes of its name, and though it be closed meanwhile;
   * only for a moment, since it holds a descriptor. Missing where files have none. @throws {DiskError}
   */
  readonly pin?: () => PinnedFile;
  sizeBytes(): number;
  /** Writes the chunks one after the other from `position`, which may lie past the end (the gap reads as zeros). */
  write(chunks: readonly Uint8Array[], position: number): void;
  /** As `write`, on the thread pool; the chunks must not change before it ends. For a disk that lets writers wait. */
  writeAsync(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** Fills `target` from `position`; the count is lower than its length only at the end of the file. */
  read(target: Uint8Array, position: number): number;
  /** As `read`, on the thread pool: for data that is unlikely to be in the page cache. */
  readAsync(target: Uint8Array, position: number): Promise<number>;
  /** Cuts the file, or extends it with zeros. */
  truncate(lengthBytes: number): void;
  /** fdatasync on the thread pool: content and length survive a power cut when it resolves. */
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}

const unmade = (): never => {
  throw new AssertionError('A file is made before it is changed.');
};

/** Stands for a file that has not been made yet: there is nothing in it, and nothing may be put into it. */
export const NO_FILE: DiskFile = {
  path: '',
  sizeBytes: () => 0,
  write: unmade,
  writeAsync: unmade,
  read: () => 0,
  readAsync: () => Promise.resolve(0),
  truncate: unmade,
  sync: () => Promise.resolve(),
  syncNow: () => {},
  close: () => {},
};

/** An open file that is needed for a moment longer than its owner may need it. */
export interface PinnedFile {
  /** The system's number for it, good until `release`. */
  readonly descriptor: number;
  /** As DiskFile.read. @throws {DiskError} */
  read(target: Uint8Array, position: number): number;
  /** Lets go of it; harmless a second time. */
  release(): void;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface PathStatus {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly isDirectory: boolean;
}

export interface Disk {
  /** Opens for reading and writing; `create` makes the file if it is missing. @throws {DiskError} ENOENT otherwise. */
  open(path: string, create: boolean): DiskFile;
  /** Entries sorted by name. */
  list(directory: string): DirectoryEntry[];
  status(path: string): PathStatus | null;
  /** Makes the directory and its missing parents. */
  makeDirectory(path: string): void;
  rename(from: string, to: string): void;
  /** Removes a file or a whole tree; a missing path is no error. */
  removeNow(path: string): void;
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  syncDirectoryNow(path: string): void;
  /** Size and free bytes of the volume that holds `path`. */
  space(path: string): { totalBytes: number; usableBytes: number };
}

/** The directory part of a path; both separators are understood, so that Windows paths work. */
export function parentOf(path: string): string {
  const end = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
  if (end < 0) return '.';
  return end === 0 ? '/' : path.slice(0, end);
}

/**
 * The disk of this machine. At most `maxOpenFiles` of its files hold a descriptor at the same time; `lanes` tells how
 * many threads of the pool may work for which directory.
 */
export function openNodeDisk(
  maxOpenFiles = openFileShare(descriptorLimit()),
  lanes: PoolLanes = new PoolLanes([]),
): Disk {
  return new NodeDisk(new OpenFiles(maxOpenFiles), lanes);
}

/** Where the system does not say how many files a process may open. */
const ASSUMED_DESCRIPTORS = 4096;

/** How many descriptors this process may have. Node raises the soft limit to the hard one when it starts. */
export function descriptorLimit(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit === undefined ? ASSUMED_DESCRIPTORS : Number(limit);
  } catch {
    return ASSUMED_DESCRIPTORS;
  }
}

/** Files that are open at a time in all but the largest brokers; one above it is opened again when it is needed. */
const MANY_FILES = 4096;

/**
 * The part of the descriptors that files may hold: half of few, a quarter of many. The rest is for connections, which
 * can't be opened again, and for calls of a moment.
 */
export const openFileShare = (limit: number): number =>
  Math.max(16, Math.min(Math.floor(limit / 2), Math.max(MANY_FILES, Math.floor(limit / 4))));

const errnoOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'EUNKNOWN';
};

const failed = (error: unknown, operation: string, path: string): DiskError =>
  error instanceof DiskError ? error : new DiskError(errnoOf(error), operation, path, error);

/** Runs a system call and gives its failure the type this project decides by. */
function attempt<T>(operation: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw failed(error, operation, path);
  }
}

/** Open or create, keep the content, read and write at positions: Node's flag letters have no such mode. */
const READ_WRITE_CREATE = constants.O_RDWR | constants.O_CREAT;

/** Buffers per writev call; the kernel's limit (IOV_MAX) is 1024. */
const WRITEV_CHUNKS = 512;

class NodeFile implements DiskFile, Releasable {
  readonly path: string;
  wasUsed = true;
  readonly #openFiles: OpenFiles;
  readonly #lanes: DirectoryLanes;
  #descriptor: number | null;
  /** Asked for and not ended; some of them may wait for their turn. */
  #callsUnderWay = 0;
  #callsRunning = 0;
  #closeWanted = false;

  constructor(path: string, descriptor: number, openFiles: OpenFiles, lanes: DirectoryLanes) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#openFiles = openFiles;
    this.#lanes = lanes;
  }

  get isBusy(): boolean {
    // A closed one keeps its descriptor for calls that wait: it could not be had again.
    return this.#callsRunning > 0 || (this.#closeWanted && this.#callsUnderWay > 0);
  }

  /** An error that the kernel has not reported yet is reported to the next fsync through another descriptor, too. */
  release(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = null;
    if (descriptor !== null) attempt('close', this.path, () => closeSync(descriptor));
  }

  get #fd(): number {
    this.wasUsed = true;
    if (this.#descriptor !== null) return this.#descriptor;
    this.#openFiles.add(this);
    try {
      this.#descriptor = openDescriptor(this.path, 'r+', this.#openFiles);
    } catch (error) {
      this.#openFiles.remove(this);
      throw error;
    }
    return this.#descriptor;
  }

  pin(): PinnedFile {
    this.#assertOpen('open');
    const descriptor = this.#fd;
    // As a call under way does: it keeps the descriptor from others, and a close waits for it.
    this.#callsUnderWay++;
    this.#callsRunning++;
    let isPinned = true;
    return {
      descriptor,
      read: (target, position) => {
        // The number may be another file's by now.
        if (!isPinned) throw new DiskError('EBADF', 'read', this.path);
        return this.#readFrom(descriptor, target, position);
      },
      release: () => {
        if (!isPinned) return;
        isPinned = false;
        this.#callsRunning--;
        this.#callsUnderWay--;
        if (this.#closeWanted) this.close();
      },
    };
  }

  sizeBytes(): number {
    this.#assertOpen('stat');
    return attempt('stat', this.path, () => fstatSync(this.#fd).size);
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#assertOpen('write');
    try {
      const first = chunks[0];
      if (chunks.length === 1 && first !== undefined) {
        this.#writeOne(first, 0, position);
        return;
      }
      let at = position;
      for (let from = 0; from < chunks.length; from += WRITEV_CHUNKS) {
        at = this.#writeGroup(chunks.slice(from, from + WRITEV_CHUNKS), at);
      }
    } catch (error) {
      throw failed(error, 'write', this.path);
    }
  }

  #writeOne(chunk: Uint8Array, from: number, position: number): void {
    let done = from;
    while (done < chunk.length) {
      // A short write is not an error to the system; the next attempt tells the reason if there is one.
      const count = writeSync(this.#fd, chunk, done, chunk.length - done, position + done - from);
      if (count === 0) throw new DiskError('ENOSPC', 'write', this.path);
      done += count;
    }
  }

  #writeGroup(group: readonly Uint8Array[], position: number): number {
    let written = writevSync(this.#fd, group, position);
    let end = position;
    for (const chunk of group) {
      if (written >= chunk.length) {
        written -= chunk.length;
      } else {
        this.#writeOne(chunk, written, end + written);
        written = 0;
      }
      end += chunk.length;
    }
    return end;
  }

  writeAsync(chunks: readonly Uint8Array[], position: number): Promise<void> {
    return this.#underWay('write', async () => {
      let at = position;
      for (let left = chunks; left.length > 0; ) {
        const group = left.slice(0, WRITEV_CHUNKS);
        const count = await this.#onPool<number>('write', this.#lanes.write, (fd, end) =>
          writev(fd, group, at, end),
        );
        at += count;
        left = withoutFirst(left, count);
        if (count === 0 && left.length > 0) throw new DiskError('ENOSPC', 'write', this.path);
      }
    });
  }

  read(target: Uint8Array, position: number): number {
    this.#assertOpen('read');
    return this.#readFrom(this.#fd, target, position);
  }

  #readFrom(descriptor: number, target: Uint8Array, position: number): number {
    try {
      let done = 0;
      while (done < target.length) {
        const count = readSync(descriptor, target, done, target.length - done, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    } catch (error) {
      throw failed(error, 'read', this.path);
    }
  }

  readAsync(target: Uint8Array, position: number): Promise<number> {
    return this.#underWay('read', async () => {
      let done = 0;
      while (done < target.length) {
        const count = await this.#onPool<number>('read', this.#lanes.read, (fd, end) =>
          readFile(fd, target, done, target.length - done, position + done, end),
        );
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  truncate(lengthBytes: number): void {
    this.#assertOpen('truncate');
    attempt('truncate', this.path, () => ftruncateSync(this.#fd, lengthBytes));
  }

  sync(): Promise<void> {
    return this.#underWay('fdatasync', () =>
      this.#onPool<void>('fdatasync', this.#lanes.sync, (fd, end) => fdatasync(fd, end)),
    );
  }

  syncNow(): void {
    this.#assertOpen('fdatasync');
    attempt('fdatasync', this.path, () => fdatasyncSync(this.#fd));
  }

  close(): void {
    this.#closeWanted = true;
    if (this.#callsUnderWay > 0) return;
    this.#openFiles.remove(this);
    this.release();
  }

  /** A close waits for `call` as a whole, however many turns on the pool it takes. */
  async #underWay<T>(operation: string, call: () => Promise<T>): Promise<T> {
    this.#assertOpen(operation);
    this.#callsUnderWay++;
    try {
      return await call();
    } finally {
      this.#callsUnderWay--;
      if (this.#closeWanted) this.close();
    }
  }

  #onPool<T>(
    operation: string,
    lane: Lane,
    call: (fd: number, end: (error: Error | null, value?: T) => void) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = (error: unknown, value?: T): void => {
        this.#callsRunning--;
        this.#openFiles.endCall();
        lane.leave();
        if (error === null || error === undefined) resolve(value as T);
        else reject(failed(error, operation, this.path));
      };
      const begin = (): void => {
        this.#callsRunning++;
        try {
          // Closed, it can't be opened again to be written: its name may be another file's by now.
          if (operation === 'write' && this.#descriptor === null) this.#assertOpen(operation);
          call(this.#fd, end);
        } catch (error) {
          end(error);
        }
      };
      lane.enter(() => this.#openFiles.beginCall(begin));
    });
  }

  #assertOpen(operation: string): void {
    if (this.#closeWanted) throw new DiskError('EBADF', operation, this.path);
  }
}

/** Opens a file; where descriptors are used up, others let go of theirs first. */
function openDescriptor(path: string, flags: string | number, openFiles: OpenFiles): number {
  return withRoom('open', path, openFiles, () => openSync(path, flags));
}

/** Descriptors that are freed at once when they are used up: a call may need more than one. */
const FREED_AT_ONCE = 8;

function withRoom<T>(operation: string, path: string, openFiles: OpenFiles, call: () => T): T {
  try {
    return attempt(operation, path, call);
  } catch (error) {
    if (!(error instanceof DiskError) || error.kind !== 'too-many-files' || !openFiles.releaseOne())
      throw error;
    for (let freed = 1; freed < FREED_AT_ONCE && openFiles.releaseOne(); freed++);
    return attempt(operation, path, call);
  }
}

class NodeDisk implements Disk {
  readonly #openFiles: OpenFiles;
  readonly #lanes: PoolLanes;

  constructor(openFiles: OpenFiles, lanes: PoolLanes) {
    this.#openFiles = openFiles;
    this.#lanes = lanes;
  }

  open(path: string, create: boolean): DiskFile {
    const descriptor = openDescriptor(path, create ? READ_WRITE_CREATE : 'r+', this.#openFiles);
    const file = new NodeFile(path, descriptor, this.#openFiles, this.#lanes.of(path));
    this.#openFiles.add(file);
    return file;
  }

  list(directory: string): DirectoryEntry[] {
    return withRoom('list', directory, this.#openFiles, () =>
      readdirSync(directory, { withFileTypes: true })
        .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
  }

  status(path: string): PathStatus | null {
    return attempt('stat', path, () => {
      const status = statSync(path, { throwIfNoEntry: false });
      if (status === undefined) return null;
      return { sizeBytes: status.size, modifiedMs: status.mtimeMs, isDirectory: status.isDirectory() };
    });
  }

  makeDirectory(path: string): void {
    attempt('mkdir', path, () => mkdirSync(path, { recursive: true }));
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => renameSync(from, to));
  }

  removeNow(path: string): void {
    attempt('remove', path, () => rmSync(path, { recursive: true, force: true }));
  }

  remove(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      removeTree(path, { recursive: true, force: true }, (error) => {
        if (error === null) resolve();
        else reject(failed(error, 'remove', path));
      });
    });
  }

  syncDirectory(path: string): Promise<void> {
    const { sync: lane } = this.#lanes.of(path);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#openFiles.endCall();
        lane.leave();
      };
      const run = (): void => {
        const fd = openDescriptor(path, 'r', this.#openFiles);
        fullSync(fd, (error) => {
          closeSync(fd);
          end();
          if (error === null || error === undefined || isUnsupported(error)) resolve();
          else reject(failed(error, 'fsync', path));
        });
      };
      const begin = (): void => {
        try {
          run();
        } catch (error) {
          end();
          reject(failed(error, 'fsync', path));
        }
      };
      lane.enter(() => this.#openFiles.beginCall(begin));
    });
  }

  syncDirectoryNow(path: string): void {
    const fd = openDescriptor(path, 'r', this.#openFiles);
    try {
      fsyncSync(fd);
    } catch (error) {
      if (!isUnsupported(error)) throw failed(error, 'fsync', path);
    } finally {
      closeSync(fd);
    }
  }

  space(path: string): { totalBytes: number; usableBytes: number } {
    return attempt('statfs', path, () => {
      const volume = statfsSync(path);
      return { totalBytes: volume.blocks * volume.bsize, usableBytes: volume.bavail * volume.bsize };
    });
  }
}

/** Windows has no directory fsync and says so; every other refusal is a failure. */
const isUnsupported = (error: unknown): boolean =>
  process.platform === 'win32' && ['EPERM', 'EISDIR', 'EINVAL'].includes(errnoOf(error));
