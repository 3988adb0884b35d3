// The codecs of record batches, by the number in a batch's attributes, how their content is unfolded, and the one error
// of this folder.

/** Index = the number on the wire and on disk. */
export const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export type CompressionType = (typeof COMPRESSION_TYPES)[number];

/**
 * Why bytes could not be unfolded: `corrupt`, they are not what the codec writes; `too-large`, they would exceed the
 * caller's limit; `unknown-codec`; `unavailable`, the codec needs a module that is not loaded (zstd before
 * `prepareCompression`, or where its package is missing).
 */
export type CompressionFailure = 'corrupt' | 'too-large' | 'unknown-codec' | 'unavailable';

/** The only error that compressing and decompressing throw on bad input. */
export class CompressionError extends Error {
  override readonly name = 'CompressionError';
  readonly failure: CompressionFailure;

  constructor(failure: CompressionFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

export function corrupt(message: string, options?: ErrorOptions): CompressionError {
  return new CompressionError('corrupt', message, options);
}

export function tooLarge(message: string): CompressionError {
  return new CompressionError('too-large', message);
}

/** How content should be unfolded. */
export type UnfoldOptions = {
  /** lz4 of magic 0 only: accept the wrong header checksum of old writers, see KIP-57. */
  readonly ignoreHeaderChecksum?: boolean;
  /** lz4: stop behind the first frame, as Java does; otherwise frames that follow are read too. */
  readonly firstFrameOnly?: boolean;
  /**
   * The most content that may be held where a codec needs it to go on: snappy that refers far back, zstd with a huge
   * window. By default all that may come.
   */
  readonly maxHeldBytes?: number;
};

/** Content that comes piece by piece. */
export interface Pieces {
  /**
   * The next piece, never empty; null behind the last. It is scratch memory: good until any pieces are asked for their
   * next. @throws {CompressionError}
   */
  next(): Buffer | null;
  /** The folded bytes lie here from now on, and are the same. */
  moveTo(bytes: Buffer): void;
  /** Gives back what the codec holds. Nothing may be asked afterwards. */
  close(): void;
}

/** The usual size of a piece: with what it is made from it stays in a processor's cache. */
export const PIECE_BYTES = 64 * 1024;
