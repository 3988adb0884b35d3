/**
 * Undoing one flipped bit in a record batch.
 *
 * CRC-32C keeps any two batches of our sizes at least four bits apart, so a batch that is one bit away from its checksum
 * has one such bit only, and damage of two bits is never taken for damage of one. What the checksum does not cover
 * (base offset, length, magic) follows from the batches around it: offsets leave no gap here.
 *
 * Always true: what is given back differs from the bytes in exactly one bit, has a right checksum, and begins at the
 * offset that was expected. Only for logs without gaps: a compacted one does not tell which offset comes next.
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
import { crc32c } from '../protocol/crc32c.ts';
import type { DiskFile } from './disk.ts';

/** The longer bytes are, the likelier they look like a batch with one bit flipped without being one. */
export const MAX_MENDED_BYTES = 1024 * 1024;

/** What a disk writes whole. A page that was not written out is zeros up to the end of such a block. */
const BLOCK_BYTES = 512;
const MIN_ZEROS = 32;

/** The Castagnoli polynomial, bit-reversed, as in protocol/crc32c.ts. */
const POLYNOMIAL = 0x82f63b78;
/** Within a batch: length at 8, checksum at 17, and from 21 on what the checksum covers. */
const LENGTH_OFFSET = 8;
const CRC_OFFSET = 17;
const COVERED_OFFSET = 21;

/** The batch at the beginning of `bytes` as it was before one bit of it changed, or null when more is wrong with it. */
export function mendOneBit(bytes: Buffer, expectedBase: number): Buffer | null {
  if (bytes.length < BATCH_HEADER_SIZE) return null;
  return mendContent(bytes, expectedBase) ?? mendHeader(bytes, expectedBase);
}

/**
 * `mendOneBit` of what lies at `position` of a file. A write that the power cut short is not mended: what it was to hold
 * was not promised to anybody.
 */
export function mendInFile(
  file: DiskFile,
  position: number,
  end: number,
  expectedBase: number,
): Buffer | null {
  const bytes = Buffer.alloc(Math.max(0, Math.min(end - position, MAX_MENDED_BYTES)));
  const mended = mendOneBit(bytes.subarray(0, file.read(bytes, position)), expectedBase);
  return mended === null || hasUnwrittenBlock(file, position, position + mended.length) ? null : mended;
}

/** Whether something in between was never written: all of it is zeros, or what stands before the end of a block is. */
export function hasUnwrittenBlock(file: DiskFile, from: number, to: number): boolean {
  for (let end = Math.ceil((from + MIN_ZEROS) / BLOCK_BYTES) * BLOCK_BYTES; end <= to; end += BLOCK_BYTES) {
    if (isZero(file, end - MIN_ZEROS, end)) return true;
  }
  return isZero(file, from, to);
}

function isZero(file: DiskFile, from: number, to: number): boolean {
  for (let at = from; at < to; at += BLOCK_BYTES) {
    const bytes = Buffer.alloc(Math.min(BLOCK_BYTES, to - at));
    file.read(bytes, at);
    if (bytes.some((byte) => byte !== 0)) return false;
  }
  return true;
}

/** The bit is in what the checksum covers, or in the checksum. */
function mendContent(bytes: Buffer, expectedBase: number): Buffer | null {
  const size = sizeInBytes(bytes, 0);
  if (magic(bytes, 0) !== MAGIC_V2 || baseOffset(bytes, 0) !== expectedBase || !isSize(size, bytes))
    return null;
  const batch = Buffer.from(bytes.subarray(0, size));
  const difference = (crc32c(batch, COVERED_OFFSET, size) ^ batch.readUInt32BE(CRC_OFFSET)) >>> 0;
  if (difference === 0) return null;
  if ((difference & (difference - 1)) === 0) {
    batch.writeUInt32BE(crc32c(batch, COVERED_OFFSET, size), CRC_OFFSET);
    return accepted(batch, expectedBase);
  }
  // What a flipped bit does to the checksum depends on its distance from the end alone.
  let effect = POLYNOMIAL;
  for (let at = size - 1; at >= COVERED_OFFSET; at--) {
    for (let bit = 7; bit >= 0; bit--) {
      if (effect === difference) {
        flip(batch, at, bit);
        return accepted(batch, expectedBase);
      }
      effect = ((effect >>> 1) ^ (effect & 1 ? POLYNOMIAL : 0)) >>> 0;
    }
  }
  return null;
}

/** The bit is in the base offset, the length or the magic byte. */
function mendHeader(bytes: Buffer, expectedBase: number): Buffer | null {
  for (let at = 0; at <= MAGIC_OFFSET; at++) {
    // The leader epoch between length and magic says nothing about the batch.
    if (at >= LENGTH_OFFSET + 4 && at < MAGIC_OFFSET) continue;
    for (let bit = 0; bit < 8; bit++) {
      flip(bytes, at, bit);
      const size = sizeInBytes(bytes, 0);
      const isIt =
        baseOffset(bytes, 0) === expectedBase && magic(bytes, 0) === MAGIC_V2 && isSize(size, bytes);
      const mended = isIt ? accepted(Buffer.from(bytes.subarray(0, size)), expectedBase) : null;
      flip(bytes, at, bit);
      if (mended !== null) return mended;
    }
  }
  return null;
}

function flip(bytes: Buffer, at: number, bit: number): void {
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
}

const isSize = (size: number, bytes: Buffer): boolean =>
  size >= BATCH_HEADER_SIZE && size <= Math.min(bytes.length, MAX_MENDED_BYTES);

function accepted(batch: Buffer, expectedBase: number): Buffer | null {
  const isSound =
    isCrcValid(batch, 0) && lastOffset(batch, 0) >= expectedBase && sizeInBytes(batch, 0) === batch.length;
  return isSound ? batch : null;
}
