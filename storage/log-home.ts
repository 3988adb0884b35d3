/**
 * The directory of one log: when it comes into being, and whether what is named in it would survive a power cut.
 *
 * Always true: `exists` is false only while nothing was ever made on the disk. A new directory's own name, and the topic
 * id in it, are synced with the first names in it.
 */

import type { Disk } from './disk.ts';
import { parentOf } from './disk.ts';
import { createPartitionMetadata, joinPath, PARTITION_METADATA_FILE } from './layout.ts';
import { syncFile } from './small-file.ts';

export class LogHome {
  readonly #disk: Disk;
  #path: string;
  #exists: boolean;
  #isUnsynced: boolean;
  /** The directory itself, and the topic id in it, survive a power cut. */
  #isBirthSynced: boolean;

  /** With `isUnsynced` nothing is known of how much of an existing directory is on the disk. */
  constructor(disk: Disk, path: string, exists: boolean, isUnsynced: boolean) {
    this.#disk = disk;
    this.#path = path;
    this.#exists = exists;
    this.#isUnsynced = isUnsynced;
    this.#isBirthSynced = exists && !isUnsynced;
  }

  get path(): string {
    return this.#path;
  }

  get exists(): boolean {
    return this.#exists;
  }

  /** Names were made or removed that a power cut could still take back. */
  get isUnsynced(): boolean {
    return this.#isUnsynced;
  }

  movedTo(path: string): void {
    this.#path = path;
  }

  /** Makes the directory with the id of its topic; harmless a second time. @throws {DiskError} */
  make(topicId: string): void {
    this.#disk.makeDirectory(this.#path);
    this.#exists = true;
    this.#isUnsynced = true;
    createPartitionMetadata(this.#disk, this.#path, topicId);
  }

  /** A name in it was made or removed. */
  changed(): void {
    this.#isUnsynced = true;
  }

  /** Syncs all names that were made or removed before the call. @throws {DiskError} */
  async sync(): Promise<void> {
    if (!this.#isUnsynced) return;
    this.#isUnsynced = false;
    await this.#disk.syncDirectory(this.#path);
    if (this.#isBirthSynced) return;
    await syncFile(this.#disk, joinPath(this.#path, PARTITION_METADATA_FILE));
    await this.#disk.syncDirectory(parentOf(this.#path));
    this.#isBirthSynced = true;
  }

  /** As `sync`, blocking. @throws {DiskError} */
  syncNow(): void {
    if (!this.#isUnsynced) return;
    this.#disk.syncDirectoryNow(this.#path);
    if (!this.#isBirthSynced) {
      const metadata = joinPath(this.#path, PARTITION_METADATA_FILE);
      if (this.#disk.status(metadata) !== null) {
        const file = this.#disk.open(metadata, false);
        file.syncNow();
        file.close();
      }
      this.#disk.syncDirectoryNow(parentOf(this.#path));
      this.#isBirthSynced = true;
    }
    this.#isUnsynced = false;
  }
}
