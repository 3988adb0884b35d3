/**
 * The files of a segment by their names: all four bear its base offset, and a marker behind their suffix while they
 * are not part of the log (`.cleaned`, `.swap`, `.deleted`).
 */
import type { Disk } from './disk.ts';
import {
  joinPath,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  segmentFileName,
  TIME_INDEX_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from './layout.ts';

const SUFFIXES = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX];

/**
 * Renames the files of the segment at `baseOffset` that exist with the marker `from` behind their names ('' for none);
 * gives their new paths.
 */
export function renameSegmentFiles(
  disk: Disk,
  directory: string,
  baseOffset: number,
  from: string,
  to: string,
): string[] {
  const renamed: string[] = [];
  for (const suffix of SUFFIXES) {
    const path = joinPath(directory, segmentFileName(baseOffset, suffix));
    if (disk.status(path + from) === null) continue;
    disk.rename(path + from, path + to);
    renamed.push(path + to);
  }
  return renamed;
}
