/**
 * The disk port in memory: for embedding without files, and for tests that cut the power.
 *
 * With `trackSync` it models what a real disk promises and no more. Always true then:
 * - File content and length survive `powerCut` up to the last `sync` of that file; of the writes and truncations after
 *   it any subset may survive, and the last one kept may be torn.
 * - Names survive up to the last `syncDirectory` of their directory; of the later creations, renames and removals a
 *   prefix survives, as in a journal.
 * - A file whose name survived but whose content was never synced may come back empty.
 * `onOperation` sees every changing call before it happens and may make it fail, or write a part and then fail.
 */

import type { DirectoryEntry, Disk, DiskFile, PathStatus } from './disk.ts';
import { DiskError, parentOf } from './disk.ts';

export type DiskOperation =
  | 'makeDirectory'
  | 'open'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'read';

/** Makes an operation fail with `errno`; of a write, `bytesWritten` bytes reach the file first. */
export interface DiskFault {
  readonly errno: string;
  readonly bytesWritten?: number;
}

export interface MemoryDiskOptions {
  /** Keeps what a power cut needs to know. Costs a copy of every write until it is synced. */
  readonly trackSync?: boolean;
  /** Bytes the volume holds; a write past them fails with ENOSPC. */
  readonly capacityBytes?: number;
  readonly nowMs?: () => number;
}

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly lengthBytes: number };

/** Bytes with a length; what lies between the stored bytes and the length is zeros, as in a sparse file. */
class Content {
  #bytes: Buffer;
  lengthBytes: number;

  constructor(bytes = Buffer.alloc(0), lengthBytes = bytes.length) {
    this.#bytes = bytes;
    this.lengthBytes = lengthBytes;
  }

  get storedBytes(): number {
    return this.#bytes.length;
  }

  copy(): Content {
    return new Content(Buffer.from(this.#bytes), this.lengthBytes);
  }

  write(chunk: Uint8Array, position: number): void {
    const end = position + chunk.length;
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(
        Math.max(end, Math.min(this.#bytes.length * 2, this.#bytes.length + (1 << 24))),
      );
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, position);
    if (end > this.lengthBytes) this.lengthBytes = end;
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.lengthBytes - position));
    const stored = Math.max(0, Math.min(count, this.#bytes.length - position));
    if (stored > 0) target.set(this.#bytes.subarray(position, position + stored), 0);
    target.fill(0, stored, count);
    return count;
  }

  truncate(lengthBytes: number): void {
    if (lengthBytes < this.#bytes.length) this.#bytes = Buffer.from(this.#bytes.subarray(0, lengthBytes));
    this.lengthBytes = lengthBytes;
  }

  apply(change: Change): void {
    if (change.kind === 'write') this.write(change.bytes, change.position);
    else this.truncate(change.lengthBytes);
  }
}

class FileNode {
  readonly isDirectory = false;
  content = new Content();
  durable = new Content();
  unsynced: Change[] = [];
  /** Changes made durable so far. */
  settledCount = 0;
  modifiedMs = 0;
}

type Entries = Map<string, FileNode | DirectoryNode>;

class DirectoryNode {
  readonly isDirectory = true;
  readonly entries: Entries = new Map();
  durable: Entries = new Map();
  /** States of `entries` after each change since the last sync: a power cut picks one of them or `durable`. */
  unsynced: Entries[] = [];
}

export class MemoryDisk implements Disk {
  /** Called before each changing operation (and each read); an answer makes it fail. */
  onOperation: ((operation: DiskOperation, path: string) => DiskFault | undefined) | undefined = undefined;

  readonly #root: DirectoryNode;
  readonly #options: MemoryDiskOptions;
  #usedBytes = 0;

  constructor(options: MemoryDiskOptions = {}, root: DirectoryNode = new DirectoryNode()) {
    this.#options = options;
    this.#root = root;
  }

  open(path: string, create: boolean): DiskFile {
    this.fail('open', path);
    let node = this.#find(path);
    if (node === undefined) {
      if (!create) throw new DiskError('ENOENT', 'open', path);
      node = new FileNode();
      node.modifiedMs = this.nowMs();
      const parent = this.#directory(parentOf(path), 'open');
      parent.entries.set(nameOf(path), node);
      this.#changed(parent);
    }
    if (node.isDirectory) throw new DiskError('EISDIR', 'open', path);
    return new MemoryFile(this, node, path);
  }

  list(directory: string): DirectoryEntry[] {
    return [...this.#directory(directory, 'list').entries]
      .map(([name, node]) => ({ name, isDirectory: node.isDirectory }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  status(path: string): PathStatus | null {
    const node = this.#find(path);
    if (node === undefined) return null;
    if (node.isDirectory) return { sizeBytes: 0, modifiedMs: 0, isDirectory: true };
    return { sizeBytes: node.content.lengthBytes, modifiedMs: node.modifiedMs, isDirectory: false };
  }

  makeDirectory(path: string): void {
    this.fail('makeDirectory', path);
    let node = this.#root;
    for (const part of partsOf(path)) {
      let next = node.entries.get(part);
      if (next === undefined) {
        next = new DirectoryNode();
        node.entries.set(part, next);
        this.#changed(node);
      }
      if (!next.isDirectory) throw new DiskError('ENOTDIR', 'mkdir', path);
      node = next;
    }
  }

  rename(from: string, to: string): void {
    this.fail('rename', from);
    const source = this.#directory(parentOf(from), 'rename');
    const target = this.#directory(parentOf(to), 'rename');
    const node = source.entries.get(nameOf(from));
    if (node === undefined) throw new DiskError('ENOENT', 'rename', from);
    source.entries.delete(nameOf(from));
    const replaced = target.entries.get(nameOf(to));
    if (replaced?.isDirectory && replaced.entries.size > 0) throw new DiskError('ENOTEMPTY', 'rename', to);
    target.entries.set(nameOf(to), node);
    this.#changed(target);
    if (source !== target) this.#changed(source);
  }

  removeNow(path: string): void {
    this.fail('remove', path);
    const parent = this.#find(parentOf(path));
    if (parent === undefined || !parent.isDirectory) return;
    const node = parent.entries.get(nameOf(path));
    if (node === undefined) return;
    this.#usedBytes -= storedBytesOf(node);
    parent.entries.delete(nameOf(path));
    this.#changed(parent);
  }

  async remove(path: string): Promise<void> {
    this.removeNow(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.syncDirectoryNow(path);
  }

  syncDirectoryNow(path: string): void {
    this.fail('syncDirectory', path);
    const node = this.#directory(path, 'fsync');
    node.durable = new Map(node.entries);
    node.unsynced = [];
  }

  space(): { totalBytes: number; usableBytes: number } {
    const totalBytes = this.#options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
    return { totalBytes, usableBytes: Math.max(0, totalBytes - this.#usedBytes) };
  }

  /**
   * The disk as the machine may find it after losing power now. `random` gives numbers in [0, 1) and decides which
   * unsynced changes survived. This disk itself stays as it is.
   */
  powerCut(random: () => number): MemoryDisk {
    assertTracked(this.#options.trackSync);
    return new MemoryDisk(this.#options, survivingDirectory(this.#root, random));
  }

  /** For MemoryFile: whether sync is tracked, the clock, faults and the account of used bytes. */
  get tracksSync(): boolean {
    return this.#options.trackSync ?? false;
  }

  nowMs(): number {
    return this.#options.nowMs?.() ?? 0;
  }

  fail(operation: DiskOperation, path: string): void {
    const fault = this.onOperation?.(operation, path);
    if (fault !== undefined) throw new DiskError(fault.errno, operation, path);
  }

  /** Bytes of `wanted` that still fit on the volume. */
  room(wanted: number): number {
    return Math.min(wanted, this.space().usableBytes);
  }

  use(bytes: number): void {
    this.#usedBytes += bytes;
  }

  #find(path: string): FileNode | DirectoryNode | undefined {
    let node: FileNode | DirectoryNode | undefined = this.#root;
    for (const part of partsOf(path)) {
      if (node === undefined || !node.isDirectory) return undefined;
      node = node.entries.get(part);
    }
    return node;
  }

  #directory(path: string, operation: string): DirectoryNode {
    const node = this.#find(path);
    if (node === undefined) throw new DiskError('ENOENT', operation, path);
    if (!node.isDirectory) throw new DiskError('ENOTDIR', operation, path);
    return node;
  }

  #changed(directory: DirectoryNode): void {
    if (this.tracksSync) directory.unsynced.push(new Map(directory.entries));
  }
}

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #disk: MemoryDisk;
  readonly #node: FileNode;
  #open = true;

  constructor(disk: MemoryDisk, node: FileNode, path: string) {
    this.#disk = disk;
    this.#node = node;
    this.path = path;
  }

  sizeBytes(): number {
    return this.#node.content.lengthBytes;
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#check('write');
    this.#write(chunks, position);
  }

  /** Takes effect a turn later, as on a real disk, whatever happens to the file meanwhile. */
  async writeAsync(chunks: readonly Uint8Array[], position: number): Promise<void> {
    this.#check('write');
    await Promise.resolve();
    this.#write(chunks, position);
  }

  #write(chunks: readonly Uint8Array[], position: number): void {
    const fault = this.#disk.onOperation?.('write', this.path);
    const wanted = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const growth = Math.max(0, position + wanted - this.#node.content.storedBytes);
    const missing = growth - this.#disk.room(growth);
    const allowed = fault === undefined ? wanted - missing : (fault.bytesWritten ?? 0);
    let left = Math.max(0, allowed);
    let at = position;
    for (const chunk of chunks) {
      const part = chunk.subarray(0, left);
      if (part.length > 0) this.#change({ kind: 'write', position: at, bytes: Buffer.from(part) });
      at += part.length;
      left -= part.length;
    }
    if (fault !== undefined) throw new DiskError(fault.errno, 'write', this.path);
    if (missing > 0) throw new DiskError('ENOSPC', 'write', this.path);
  }

  read(target: Uint8Array, position: number): number {
    this.#check('read');
    this.#disk.fail('read', this.path);
    return this.#node.content.read(target, position);
  }

  async readAsync(target: Uint8Array, position: number): Promise<number> {
    return this.read(target, position);
  }

  truncate(lengthBytes: number): void {
    this.#check('truncate');
    this.#disk.fail('truncate', this.path);
    this.#change({ kind: 'truncate', lengthBytes });
  }

  /** Takes effect a turn later, as on a real disk: what is written meanwhile is not covered. */
  async sync(): Promise<void> {
    this.#check('sync');
    const covered = this.#node.settledCount + this.#node.unsynced.length;
    await Promise.resolve();
    this.#disk.fail('sync', this.path);
    this.#settle(covered - this.#node.settledCount);
  }

  syncNow(): void {
    this.#check('sync');
    this.#disk.fail('sync', this.path);
    this.#settle(this.#node.unsynced.length);
  }

  close(): void {
    this.#open = false;
  }

  #settle(count: number): void {
    if (count <= 0) return;
    this.#node.settledCount += count;
    for (const change of this.#node.unsynced.splice(0, count)) this.#node.durable.apply(change);
  }

  #change(change: Change): void {
    const before = this.#node.content.storedBytes;
    this.#node.content.apply(change);
    this.#node.modifiedMs = this.#disk.nowMs();
    if (this.#disk.tracksSync) this.#node.unsynced.push(change);
    this.#disk.use(this.#node.content.storedBytes - before);
  }

  #check(operation: string): void {
    if (!this.#open) throw new DiskError('EBADF', operation, this.path);
  }
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

const nameOf = (path: string): string => partsOf(path).at(-1) ?? '';

function storedBytesOf(node: FileNode | DirectoryNode): number {
  if (!node.isDirectory) return node.content.storedBytes;
  let sum = 0;
  for (const entry of node.entries.values()) sum += storedBytesOf(entry);
  return sum;
}

function assertTracked(trackSync: boolean | undefined): void {
  if (trackSync !== true) throw new Error('a power cut needs a disk made with trackSync');
}

function survivingDirectory(directory: DirectoryNode, random: () => number): DirectoryNode {
  const states = [directory.durable, ...directory.unsynced];
  const state =
    states[Math.min(states.length - 1, Math.floor(random() * states.length))] ?? directory.durable;
  const survivor = new DirectoryNode();
  for (const [name, node] of state) {
    survivor.entries.set(
      name,
      node.isDirectory ? survivingDirectory(node, random) : survivingFile(node, random),
    );
  }
  survivor.durable = new Map(survivor.entries);
  return survivor;
}

/** How the unsynced changes of a file fare: none, all, a prefix with a torn end, or each by its own luck. */
function survivingFile(file: FileNode, random: () => number): FileNode {
  const survivor = new FileNode();
  survivor.modifiedMs = file.modifiedMs;
  const content = file.durable.copy();
  const fate = random();
  const kept =
    fate < 0.15 ? 0 : fate < 0.3 ? file.unsynced.length : Math.floor(random() * (file.unsynced.length + 1));
  const scattered = fate > 0.7;
  file.unsynced.forEach((change, index) => {
    const survives = scattered ? random() < 0.5 : index < kept;
    if (survives) content.apply(change);
    else if (!scattered && index === kept && change.kind === 'write') {
      const torn = change.bytes.subarray(0, Math.floor(random() * change.bytes.length));
      content.apply({ kind: 'write', position: change.position, bytes: torn });
    }
  });
  survivor.content = content;
  survivor.durable = content.copy();
  return survivor;
}
