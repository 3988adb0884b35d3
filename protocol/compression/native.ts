// Decoders of lz4 and snappy blocks in machine code, where their prebuilt packages are installed: four times as fast as
// ours, which stay the base.
//
// Always true: they are asked for output of a size that was checked before, and what they refuse is put to our own
// decoder, so that what is sound does not hang on what is installed. Both are Rust that checks its bounds. Packages are
// loaded at the first block that is worth it.

import { createRequire } from 'node:module';

/** Below this many folded bytes the call costs more than it saves. */
const SMALLEST_BLOCK_BYTES = 1024;
const PREFIX_BYTES = 4;

type Lz4Package = { uncompressSync(prefixed: Uint8Array): Buffer };
type SnappyPackage = {
  uncompressSync(bytes: Uint8Array, options: { asBuffer: true; copyOutputData: true }): Buffer;
};

const load = (name: string): unknown => {
  try {
    return createRequire(import.meta.url)(name);
  } catch {
    return null;
  }
};

let lz4: Lz4Package | null | undefined;
let snappy: SnappyPackage | null | undefined;
/** A block behind the size of what it may unfold to, as the package wants it. Grows to the largest block, 4 MiB. */
let prefixed = Buffer.alloc(0);

/** The block's content, at most `maxBytes`; null when our own decoder should judge it. */
export function nativeLz4Block(bytes: Buffer, start: number, end: number, maxBytes: number): Buffer | null {
  if (end - start < SMALLEST_BLOCK_BYTES) return null;
  if (lz4 === undefined) lz4 = load('lz4-napi') as Lz4Package | null;
  if (lz4 === null) return null;
  const size = PREFIX_BYTES + end - start;
  if (prefixed.length < size) prefixed = Buffer.allocUnsafeSlow(size);
  prefixed.writeUInt32LE(maxBytes, 0);
  bytes.copy(prefixed, PREFIX_BYTES, start, end);
  try {
    return lz4.uncompressSync(prefixed.subarray(0, size));
  } catch {
    return null;
  }
}

/** The content of raw snappy, whose claimed length was checked; null when our own decoder should judge it. */
export function nativeSnappy(raw: Buffer): Buffer | null {
  if (raw.length < SMALLEST_BLOCK_BYTES) return null;
  if (snappy === undefined) snappy = load('snappy') as SnappyPackage | null;
  if (snappy === null) return null;
  try {
    return snappy.uncompressSync(raw, { asBuffer: true, copyOutputData: true });
  } catch {
    return null;
  }
}
