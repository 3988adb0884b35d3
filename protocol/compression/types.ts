// The codecs of record batches, by the number in a batch's attributes, and the one error of this folder.

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
