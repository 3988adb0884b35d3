// The codecs of record batches: fold bytes, and unfold them piece by piece or as a whole.
//
// Always true: nothing is allocated that bytes merely claim, no more than `maxBytes` comes out, and nothing but
// CompressionError is thrown, whatever the input. Content that is asked for piece by piece takes scratch memory of the
// process and what its codec refers back to, never its whole size. Everything is synchronous; on Node before 22.15 zstd
// works only after `prepareCompression()` has resolved.

import { gzipSync } from 'node:zlib';
import { CutPieces, canStream, GzipPieces, inflateWhole } from './inflate.ts';
import { Lz4Pieces, lz4Compress } from './lz4.ts';
import { SnappyPieces, snappyCompress } from './snappy.ts';
import type { CompressionType, Pieces, UnfoldOptions } from './types.ts';
import { COMPRESSION_TYPES, CompressionError, tooLarge } from './types.ts';
import type { Zstd } from './zstd.ts';
import { loadWasmZstd, nodeZstd, ZstdPieces } from './zstd.ts';

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
 * `bytes` unfolded as a whole, at most `maxBytes` of them, into fresh memory. `type` may be the codec's number.
 *
 * @throws {CompressionError}
 */
export function decompress(
  type: CompressionType | number,
  bytes: Buffer,
  maxBytes: number,
  options: UnfoldOptions = {},
): Buffer {
  if (type === 'none' || type === 0) return bytes;
  const unfolding = new Unfolding(type, bytes, maxBytes, options);
  try {
    let whole: Buffer = Buffer.allocUnsafeSlow(Math.min(bytes.length * USUAL_RATIO, maxBytes));
    let size = 0;
    for (let piece = unfolding.next(); piece !== null; piece = unfolding.next()) {
      if (piece.length > whole.length - size) whole = grown(whole, size, size + piece.length, maxBytes);
      size += piece.copy(whole, size);
    }
    return whole.subarray(0, size);
  } finally {
    unfolding.close();
  }
}

/** What records usually fold to, and some. */
const USUAL_RATIO = 6;

function grown(bytes: Buffer, size: number, atLeast: number, maxBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(atLeast, Math.min(2 * bytes.length, maxBytes)));
  bytes.copy(larger, 0, 0, size);
  return larger;
}

/** The content of `bytes`, piece by piece, at most `maxBytes`. Whoever makes one closes it. */
export class Unfolding {
  readonly #pieces: Pieces;
  #leftBytes: number;

  /** @throws {CompressionError} */
  constructor(type: CompressionType | number, bytes: Buffer, maxBytes: number, options: UnfoldOptions = {}) {
    this.#leftBytes = maxBytes;
    this.#pieces = piecesOf(type, bytes, maxBytes, options);
  }

  /**
   * The next piece, never empty; null behind the last. It is scratch memory: good until anything else is unfolded.
   *
   * @throws {CompressionError}
   */
  next(): Buffer | null {
    const piece = this.#pieces.next();
    if (piece === null) return null;
    this.#leftBytes -= piece.length;
    if (this.#leftBytes < 0) throw tooLarge('the content is larger than is allowed');
    return piece;
  }

  /** The folded bytes lie here from now on, and are the same. */
  moveTo(bytes: Buffer): void {
    this.#pieces.moveTo(bytes);
  }

  /** Nothing may be asked afterwards. */
  close(): void {
    this.#pieces.close();
  }
}

function piecesOf(
  type: CompressionType | number,
  bytes: Buffer,
  maxBytes: number,
  options: UnfoldOptions,
): Pieces {
  const name = typeof type === 'number' ? COMPRESSION_TYPES[type] : type;
  switch (name) {
    case 'none':
      return new CutPieces(bytes);
    case 'gzip':
      if (canStream('gzip')) return new GzipPieces(bytes);
      return new CutPieces(inflateWhole('gzip', bytes, Math.min(maxBytes, options.maxHeldBytes ?? maxBytes)));
    case 'snappy':
      return new SnappyPieces(bytes, maxBytes, options);
    case 'lz4':
      return new Lz4Pieces(bytes, options);
    case 'zstd':
      return new ZstdPieces(availableZstd(), bytes, maxBytes, options);
    default:
      throw new CompressionError('unknown-codec', `no codec has the number ${type}`);
  }
}

function availableZstd(): Zstd {
  if (zstd === null) throw new CompressionError('unavailable', 'zstd is not available on this Node');
  return zstd;
}
