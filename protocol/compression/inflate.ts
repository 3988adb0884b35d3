/**
 * gzip and zstd of node:zlib, piece by piece into memory of our choice, synchronously.
 *
 * Node unfolds synchronously only as a whole, into fresh memory. What it does that with can do more: the handle of a
 * stream writes into any buffer, as often as it is asked, and can be used again. That it may be called is undocumented
 * but old; `canStream` tries it once per process and codec, and where it fails content is unfolded as a whole and then
 * cut. All knowledge of it is in this file.
 */
import * as zlib from 'node:zlib';
import type { Pieces } from './types.ts';
import { corrupt, PIECE_BYTES, tooLarge } from './types.ts';

export type InflatingCodec = 'gzip' | 'zstd';

/** As node:zlib's own synchronous functions use it. */
interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  reset(): void;
  onerror: (message: string) => void;
}

interface WithHandle {
  readonly _handle: Handle;
  /** Bytes of the output that were left free, bytes of the input that were left, after a write. */
  readonly _writeState: Uint32Array;
  close(): void;
}

/** What one write did. */
export type Inflated = { usedBytes: number; madeBytes: number };

/** One stream, of which only the handle is used. */
export class Inflater {
  readonly #stream: WithHandle;
  readonly #flush: number;
  #problem: string | null = null;
  readonly #inflated: Inflated = { usedBytes: 0, madeBytes: 0 };

  constructor(codec: InflatingCodec) {
    const stream = codec === 'gzip' ? zlib.createGunzip() : zlib.createZstdDecompress();
    this.#stream = stream as unknown as WithHandle;
    this.#flush = codec === 'gzip' ? zlib.constants.Z_FINISH : zlib.constants.ZSTD_e_end;
    this.#stream._handle.onerror = (message) => {
      this.#problem = message;
    };
  }

  /** Unfolds from `input[start..end)` until that is used up or `output` is full. The result is good until the next write. */
  write(input: Buffer, start: number, end: number, output: Buffer): Inflated {
    const { _handle, _writeState } = this.#stream;
    _handle.writeSync(this.#flush, input, start, end - start, output, 0, output.length);
    if (this.#problem !== null) {
      throw corrupt('what should unfold is damaged', { cause: new Error(this.#problem) });
    }
    const inflated = this.#inflated;
    inflated.madeBytes = output.length - (_writeState[0] as number);
    inflated.usedBytes = end - start - (_writeState[1] as number);
    return inflated;
  }

  /** Met damage: that of zstd then finds it in whatever comes. */
  get isSpent(): boolean {
    return this.#problem !== null;
  }

  /** Ready for other input, unless it is spent. */
  reset(): void {
    this.#stream._handle.reset();
  }

  close(): void {
    this.#stream.close();
  }
}

/** Inflaters that nobody uses: making one costs more than unfolding a small batch. */
const idle: Record<InflatingCodec, Inflater[]> = { gzip: [], zstd: [] };
const MOST_IDLE = 2;

/** An inflater that stands at a beginning. */
export function takeInflater(codec: InflatingCodec): Inflater {
  return idle[codec].pop() ?? new Inflater(codec);
}

export function giveInflater(codec: InflatingCodec, inflater: Inflater): void {
  if (inflater.isSpent || idle[codec].length >= MOST_IDLE) {
    inflater.close();
    return;
  }
  inflater.reset();
  idle[codec].push(inflater);
}

/** Where pieces of both codecs are put. gzip keeps its window anew at the end of each, which larger ones spare it. */
export const inflated = Buffer.allocUnsafeSlow(4 * PIECE_BYTES);

const tried = new Map<InflatingCodec, boolean>();

/** Whether handles do in this process what is expected of them. */
export function canStream(codec: InflatingCodec): boolean {
  let can = tried.get(codec);
  if (can === undefined) {
    can = tryStreaming(codec);
    tried.set(codec, can);
  }
  return can;
}

/** Sound bytes in pieces, the last of which is not full; bytes left in the middle, and sound ones once more; damage. */
function tryStreaming(codec: InflatingCodec): boolean {
  try {
    const content = Buffer.alloc(330, 'pieces of what is tried, ');
    const folded = codec === 'gzip' ? zlib.gzipSync(content) : zlib.zstdCompressSync(content);
    const cut = folded.subarray(0, -6);
    const damaged = Buffer.from(folded);
    damaged.fill(0xff, damaged.length >> 1);
    const inflater = new Inflater(codec);
    const isSound = unfolds(inflater, folded, content);
    inflater.reset();
    inflater.write(folded, 0, folded.length, Buffer.alloc(100));
    inflater.reset();
    const isSoundAgain = unfolds(inflater, folded, content);
    inflater.close();
    return isSound && isSoundAgain && isRefused(codec, cut) && isRefused(codec, damaged);
  } catch {
    return false;
  }
}

function unfolds(inflater: Inflater, folded: Buffer, content: Buffer): boolean {
  const output = Buffer.alloc(100);
  const made: Buffer[] = [];
  for (let at = 0; made.length < content.length / output.length; ) {
    const { usedBytes, madeBytes } = inflater.write(folded, at, folded.length, output);
    if (usedBytes < 0 || madeBytes < 0) return false;
    at += usedBytes;
    made.push(Buffer.from(output.subarray(0, madeBytes)));
  }
  return Buffer.concat(made).equals(content);
}

function isRefused(codec: InflatingCodec, bytes: Buffer): boolean {
  const inflater = new Inflater(codec);
  try {
    inflater.write(bytes, 0, bytes.length, Buffer.alloc(1000));
    return false;
  } catch {
    return inflater.isSpent;
  } finally {
    inflater.close();
  }
}

/** All members of a gzip run, as Java reads them; zeros behind the last are passed over. */
export class GzipPieces implements Pieces {
  #bytes: Buffer;
  #position = 0;
  #inflater: Inflater | null;
  #isOver = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#inflater = takeInflater('gzip');
  }

  next(): Buffer | null {
    const inflater = this.#inflater;
    if (this.#isOver || inflater === null) return null;
    const { usedBytes, madeBytes } = inflater.write(
      this.#bytes,
      this.#position,
      this.#bytes.length,
      inflated,
    );
    this.#position += usedBytes;
    this.#isOver = madeBytes < inflated.length;
    return madeBytes === 0 ? null : inflated.subarray(0, madeBytes);
  }

  moveTo(bytes: Buffer): void {
    this.#bytes = bytes;
  }

  close(): void {
    if (this.#inflater !== null) giveInflater('gzip', this.#inflater);
    this.#inflater = null;
  }
}

/** The content of `bytes` in one piece of fresh memory, as node:zlib documents it. */
export function inflateWhole(codec: InflatingCodec, bytes: Buffer, maxBytes: number): Buffer {
  const options = { maxOutputLength: Math.max(1, maxBytes) };
  try {
    return codec === 'gzip' ? zlib.gunzipSync(bytes, options) : zlib.zstdDecompressSync(bytes, options);
  } catch (error) {
    if (isTooLarge(error)) throw tooLarge(`${codec} data unfolds to more than is allowed`);
    throw corrupt(`${codec} data is damaged`, { cause: error });
  }
}

/** node:zlib's way to say that `maxOutputLength` was reached. */
function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
}

/** Content that came as a whole, cut into pieces. */
export class CutPieces implements Pieces {
  readonly #content: Buffer;
  #given = 0;

  constructor(content: Buffer) {
    this.#content = content;
  }

  next(): Buffer | null {
    const piece = this.#content.subarray(this.#given, this.#given + PIECE_BYTES);
    this.#given += piece.length;
    return piece.length === 0 ? null : piece;
  }

  moveTo(): void {}

  close(): void {}
}
