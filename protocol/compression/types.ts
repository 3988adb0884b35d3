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

/** How content should be unfolded. */
export type UnfoldOptions = {
  /** lz4 of magic 0 only: accept the wrong header checksum of old writers, see KIP-57. */
  readonly ignoreHeaderChecksum?: boolean;
  /** lz4: stop behind the first frame, as Java does; otherwise frames that follow are read too. */
  readonly firstFrameOnly?: boolean;
  /** The result is needed only until the next call. */
  readonly isTransient?: boolean;
};

const SMALLEST_CHUNK_BYTES = 16 * 1024;
const LARGEST_CHUNK_BYTES = 1024 * 1024;
/** What records usually fold to, and some. */
const USUAL_RATIO = 8;

/**
 * How node:zlib should unfold `bytes`: into pieces large enough that there are few, since each is made anew, and small
 * enough that a small batch does not pay for a large one.
 */
export function unfoldOptions(
  bytes: Buffer,
  maxBytes: number,
): { maxOutputLength: number; chunkSize: number } {
  const expected = Math.min(bytes.length * USUAL_RATIO, LARGEST_CHUNK_BYTES, maxBytes);
  return { maxOutputLength: Math.max(1, maxBytes), chunkSize: Math.max(SMALLEST_CHUNK_BYTES, expected) };
}

const LARGEST_SCRATCH_BYTES = 4 * 1024 * 1024;
/** For content that is looked at and forgotten: fresh memory for a megabyte costs as much as a copy of it. */
let scratch = Buffer.alloc(0);

/** The chunks end to end. With `isTransient` the result may be overwritten by the next call of any codec. */
export function joinChunks(chunks: readonly Buffer[], totalBytes: number, isTransient: boolean): Buffer {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return first;
  if (!isTransient || totalBytes > LARGEST_SCRATCH_BYTES) return Buffer.concat(chunks, totalBytes);
  if (scratch.length < totalBytes) scratch = Buffer.allocUnsafeSlow(totalBytes);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(scratch, at);
  return scratch.subarray(0, totalBytes);
}
