// The codecs of record batches behind two functions.
//
// Always true: `decompress` never allocates what bytes merely claim, never returns more than `maxBytes`, and throws
// nothing but CompressionError, whatever its input. Both functions are synchronous; on Node before 22.15 zstd works
// only after `prepareCompression()` has resolved.

import { gunzipSync, gzipSync } from 'node:zlib';
import { lz4Compress, lz4Decompress } from './lz4.ts';
import { snappyCompress, snappyDecompress } from './snappy.ts';
import type { CompressionType, UnfoldOptions } from './types.ts';
import { COMPRESSION_TYPES, CompressionError, unfoldOptions } from './types.ts';
import type { Zstd } from './zstd.ts';
import { isTooLarge, loadWasmZstd, nodeZstd } from './zstd.ts';

let zstd: Zstd | null = nodeZstd;

/**
 * Makes zstd available where Node has none of its own. Await it once before serving; it resolves to whether every
 * codec is available.
 */
export async function prepareCompression(): Promise<boolean> {
  if (zstd !== null) return true;
  try {
    zstd = await loadWasmZstd();
    return true;
  } catch {
    return false;
  }
}

/** Whether the codec can be used now. */
export function isCompressionAvailable(type: CompressionType): boolean {
  return type !== 'zstd' || zstd !== null;
}

/** `bytes` folded by the codec ('none' gives back `bytes` itself). `level` is for gzip and zstd. */
export function compress(type: CompressionType, bytes: Buffer, level?: number): Buffer {
  switch (type) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzipSync(bytes, level === undefined ? {} : { level });
    case 'snappy':
      return snappyCompress(bytes);
    case 'lz4':
      return lz4Compress(bytes);
    case 'zstd':
      return availableZstd().compress(bytes, level);
  }
}

/**
 * `bytes` unfolded, at most `maxBytes` of them. `type` may be the codec's number. The result may be a view of
 * `bytes` where the codec stored them as they were.
 *
 * @throws {CompressionError}
 */
export function decompress(
  type: CompressionType | number,
  bytes: Buffer,
  maxBytes: number,
  options?: UnfoldOptions,
): Buffer {
  const name = typeof type === 'number' ? COMPRESSION_TYPES[type] : type;
  switch (name) {
    case 'none':
      return bytes;
    case 'gzip':
      return gunzip(bytes, maxBytes);
    case 'snappy':
      return snappyDecompress(bytes, maxBytes, options?.isTransient);
    case 'lz4':
      return lz4Decompress(bytes, maxBytes, options);
    case 'zstd':
      return availableZstd().decompress(bytes, maxBytes);
    default:
      throw new CompressionError('unknown-codec', `no codec has the number ${type}`);
  }
}

/** All members of a gzip run, as Java reads them; what follows the last member is passed over. */
function gunzip(bytes: Buffer, maxBytes: number): Buffer {
  try {
    return gunzipSync(bytes, unfoldOptions(bytes, maxBytes));
  } catch (error) {
    if (isTooLarge(error))
      throw new CompressionError('too-large', 'gzip data unfolds to more than is allowed');
    throw new CompressionError('corrupt', 'gzip data is damaged', { cause: error });
  }
}

function availableZstd(): Zstd {
  if (zstd === null) throw new CompressionError('unavailable', 'zstd is not available on this Node');
  return zstd;
}
