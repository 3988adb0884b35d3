/**
 * Small files, read and replaced whole.
 *
 * Always true: a replacement leaves the old content or the new one, whole, whenever the process dies; which of them a
 * power cut leaves is said at each function.
 */

import type { Disk } from './disk.ts';
import { parentOf } from './disk.ts';

/** Reads a small file whole, or null if it is missing. */
export function readSmallFile(disk: Disk, path: string): Buffer | null {
  const status = disk.status(path);
  if (status === null || status.isDirectory) return null;
  const file = disk.open(path, false);
  try {
    const contents = Buffer.alloc(file.sizeBytes());
    return contents.subarray(0, file.read(contents, 0));
  } finally {
    file.close();
  }
}

/**
 * Replaces a small file so that after a crash at any moment either the old or the new content is there, whole.
 * With `durable` false the replacement is atomic for readers but may be lost, or come back empty, after a power cut:
 * only for content that is synced later or rebuilt.
 */
export function replaceSmallFile(disk: Disk, path: string, contents: Uint8Array, durable = true): void {
  const temporary = `${path}.tmp`;
  const file = disk.open(temporary, true);
  try {
    // An empty file is not truncated: ext4 would write it out at once when it is closed, behind all that is dirty.
    if (file.sizeBytes() > 0) file.truncate(0);
    file.write([contents], 0);
    if (durable) file.syncNow();
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
  if (durable) disk.syncDirectoryNow(parentOf(path));
}

/** Makes the content of a closed file survive a power cut; a missing one is passed over. */
export async function syncFile(disk: Disk, path: string): Promise<void> {
  if (disk.status(path) === null) return;
  const file = disk.open(path, false);
  try {
    await file.sync();
  } finally {
    file.close();
  }
}

/**
 * As a durable `replaceSmallFile`, on the thread pool. A blocking replacement of the same file may come meanwhile, no
 * other; then `isWanted` must say that this one is no longer wanted, and nothing happens.
 */
export async function replaceSmallFileLater(
  disk: Disk,
  path: string,
  contents: Uint8Array,
  isWanted: () => boolean = () => true,
): Promise<void> {
  // Not the name that `replaceSmallFile` uses: what is on its way to this file must not end in that one.
  const temporary = `${path}.next.tmp`;
  const file = disk.open(temporary, true);
  try {
    if (file.sizeBytes() > 0) file.truncate(0);
    await file.writeAsync([contents], 0);
    await file.sync();
  } finally {
    file.close();
  }
  if (!isWanted()) {
    await disk.remove(temporary);
    return;
  }
  disk.rename(temporary, path);
  await disk.syncDirectory(parentOf(path));
}
