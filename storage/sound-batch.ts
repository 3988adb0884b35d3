/**
 * Finding a batch among bytes that may have been damaged since they were written.
 *
 * The CRC covers neither the base offset nor the length, and a flipped bit in a length hides all that follows. Always
 * true: a batch that is found has the right CRC, begins no earlier than the one before it ended, and ends before the one
 * after it begins. Where that chain is broken the search goes on at the next bytes that are a batch of such offsets.
 */

import {
  BATCH_HEADER_SIZE,
  baseOffset,
  isCrcValid,
  lastOffset,
  MAGIC_OFFSET,
  MAGIC_V2,
  magic,
  sizeInBytes,
} from '../protocol/batch.ts';
import { HEADER_CHUNK_BYTES } from './batch-scanner.ts';
import type { DiskFile } from './disk.ts';

export interface SearchedFile {
  readonly file: DiskFile;
  /** Bytes of the file that are batches. */
  readonly end: number;
  /** From here on this process wrote or checked the bytes itself. */
  readonly trustedFrom: number;
  /** No batch begins below it. */
  readonly firstOffset: number;
  /** Every batch ends below it. */
  readonly boundOffset: number;
}

interface Found {
  readonly position: number;
  readonly base: number;
  readonly last: number;
  readonly size: number;
}

/**
 * The position of the batch that holds `offset` or is the first after it, searched from `start`, where a batch begins;
 * null when there is none, 'damaged' when it was where the bytes are damaged.
 */
export function findSound(searched: SearchedFile, start: number, offset: number): number | 'damaged' | null {
  let position = start;
  let floor = searched.firstOffset;
  let previous: Found | null = null;
  while (searched.end - position >= BATCH_HEADER_SIZE) {
    if (position >= searched.trustedFrom) return position;
    const batch = headerAt(searched, position, floor);
    if (batch !== null && batch.last < offset) {
      previous = batch;
      floor = batch.last + 1;
      position += batch.size;
      continue;
    }
    if (batch !== null && isIntact(searched, batch)) {
      const rival = rivalOf(searched, batch);
      if (rival === null) return batch.last < searched.boundOffset ? position : 'damaged';
      // The one after it says that this one's offsets are not its own.
      if (rival.base > offset) return 'damaged';
      ({ position, base: floor } = rival);
      previous = null;
      continue;
    }
    // Here the chain breaks: by what stands here, or by the length or offsets of the batch before.
    const guilty: Found | null = previous !== null && !isIntact(searched, previous) ? previous : null;
    const next = nextSound(searched, (guilty?.position ?? position) + 1, guilty?.base ?? floor);
    if (next === null || next.base > offset) return 'damaged';
    ({ position, base: floor } = next);
    previous = null;
  }
  return null;
}

function headerAt({ file, end }: SearchedFile, position: number, floor: number): Found | null {
  const header = Buffer.allocUnsafe(BATCH_HEADER_SIZE);
  if (file.read(header, position) < BATCH_HEADER_SIZE) return null;
  return foundIn(header, 0, position, end, floor);
}

function foundIn(buffer: Buffer, at: number, position: number, end: number, floor: number): Found | null {
  const found = {
    position,
    base: baseOffset(buffer, at),
    last: lastOffset(buffer, at),
    size: sizeInBytes(buffer, at),
  };
  const isPossible =
    magic(buffer, at) === MAGIC_V2 &&
    found.size >= BATCH_HEADER_SIZE &&
    position + found.size <= end &&
    found.base >= floor &&
    found.last >= found.base;
  return isPossible ? found : null;
}

function isIntact({ file }: SearchedFile, { position, size }: Found): boolean {
  const bytes = Buffer.allocUnsafe(size);
  return file.read(bytes, position) === size && isCrcValid(bytes, 0);
}

/**
 * The intact batch right after `batch` that begins within it, if there is one and it is in the right: the offset at
 * which the third one begins tells which of the two has the wrong offsets.
 */
function rivalOf(searched: SearchedFile, batch: Found): Found | null {
  const position = batch.position + batch.size;
  const next = headerAt(searched, position, searched.firstOffset);
  if (next === null || next.base > batch.last || !isIntact(searched, next)) return null;
  const third = headerAt(searched, position + next.size, searched.firstOffset);
  const thirdBase = third?.base ?? searched.boundOffset;
  return thirdBase - (next.last - next.base) - 1 === batch.last + 1 ? null : next;
}

export interface EndOfBatches {
  /** The offset after the last batch. */
  readonly nextOffset: number;
  /** False when the last batch, or its offsets, are in doubt: then only what lies below `certainOffset` is known. */
  readonly isCertain: boolean;
  readonly certainOffset: number;
}

/** Where the batches from `start` on end. Damage in their midst is passed over. */
export function endOfBatches(searched: SearchedFile, start: number): EndOfBatches {
  let position = start;
  let floor = searched.firstOffset;
  let isFirst = start > 0;
  let certainOffset = floor;
  let isCertain = true;
  while (searched.end - position >= BATCH_HEADER_SIZE) {
    const batch = headerAt(searched, position, floor);
    if (batch !== null && isIntact(searched, batch)) {
      // Compaction leaves offsets out, too; then the doubt is without consequence.
      isCertain = isFirst || batch.base === floor;
      floor = isCertain ? batch.last + 1 : Math.max(floor, batch.last + 1);
      if (isCertain) certainOffset = floor;
      isFirst = false;
      position += batch.size;
      continue;
    }
    isCertain = false;
    const next = nextSound(searched, position + 1, certainOffset);
    if (next === null) {
      floor = Math.max(floor, (batch?.last ?? -1) + 1);
      break;
    }
    ({ position, base: floor } = next);
    isFirst = true;
  }
  return { nextOffset: floor, isCertain, certainOffset };
}

/** As `nextSound`, for whoever walks the batches himself. */
export function soundAfter(
  searched: SearchedFile,
  position: number,
  floor: number,
): { readonly position: number; readonly base: number } | null {
  return nextSound(searched, position + 1, floor);
}

/** The first intact batch at or after `from` whose offsets are not below `floor`. Cost: one look at each byte. */
function nextSound(searched: SearchedFile, from: number, floor: number): Found | null {
  const { file, end, boundOffset } = searched;
  for (let start = from; start + BATCH_HEADER_SIZE <= end; start += HEADER_CHUNK_BYTES) {
    const chunk = Buffer.allocUnsafe(Math.min(HEADER_CHUNK_BYTES + BATCH_HEADER_SIZE, end - start));
    const filled = file.read(chunk, start);
    const last = Math.min(HEADER_CHUNK_BYTES - 1, filled - BATCH_HEADER_SIZE);
    for (let at = 0; at <= last; at++) {
      if (chunk[at + MAGIC_OFFSET] !== MAGIC_V2) continue;
      const found = foundIn(chunk, at, start + at, end, floor);
      if (found === null || found.last >= boundOffset) continue;
      if (isIntact(searched, found)) return found;
    }
  }
  return null;
}
