// Zstandard (KIP-110): node:zlib where it has it (Node 22.15 and later), else the WASM of @bokuweb/zstd-wasm.
//
// A frame, RFC 8878, as far as it is read here, to know where it ends and how much memory it asks for:
//   0  magic       uint32 little-endian, 0xFD2FB528; 0x184D2A50 to 5F: skippable, uint32 size, bytes
//   4  descriptor  bits 7-6 size of contentSize (0, 2, 4, 8; 0 means 1 with bit 5), 5 single segment,
//                  2 checksum, 1-0 size of the dictionary id (0, 1, 2, 4)
//   .  window      1 byte unless single segment; dictionary id; content size
//   .  blocks      uint24: bit 0 last, 2-1 type (0 stored, 1 one byte repeated, 2 folded), rest the size
//   .  checksum    uint32
//
// Always true: a frame is unfolded piece by piece behind its window, of which no more comes to be than the caller lets
// be held. Where it can only be unfolded as a whole, no frame is whose claim exceeds the limit or what its blocks can
// hold.

import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import type { Inflater } from './inflate.ts';
import { canStream, giveInflater, inflated, inflateWhole, takeInflater } from './inflate.ts';
import type { CompressionError, Pieces, UnfoldOptions } from './types.ts';
import { corrupt, PIECE_BYTES, tooLarge } from './types.ts';

/** One implementation of the codec. */
export type Zstd = {
  compress(bytes: Buffer, level: number | undefined): Buffer;
  /** The content of one frame, at most `maxBytes`, in fresh memory. @throws {CompressionError} */
  unfoldFrame(frame: Buffer, measure: FrameMeasure, maxBytes: number): Buffer;
  /** Whether frames can be unfolded piece by piece. */
  streams(): boolean;
};

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_MAX = 128 * 1024;
/** The level that Kafka's clients use unless told otherwise. */
const DEFAULT_LEVEL = 3;
/** What levels up to 19 ask for. Beyond, memory is not kept for the next frame. */
const USUAL_WINDOW_BYTES = 8 * 1024 * 1024;

/** The implementation of node:zlib, or null before Node 22.15. */
export const nodeZstd: Zstd | null =
  typeof zlib.zstdDecompressSync === 'function'
    ? {
        compress: (bytes, level = DEFAULT_LEVEL) =>
          zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: level } }),
        unfoldFrame: (frame, _measure, maxBytes) => inflateWhole('zstd', frame, maxBytes),
        streams: () => canStream('zstd'),
      }
    : null;

type WasmModule = {
  init(): Promise<void>;
  compress(bytes: Uint8Array, level?: number): Uint8Array;
  decompress(bytes: Uint8Array, options: { defaultHeapSize: number }): Uint8Array;
};

/** Loads and starts the WASM. Rejects where its package is not installed. */
export async function loadWasmZstd(): Promise<Zstd> {
  const module = createRequire(import.meta.url)('@bokuweb/zstd-wasm') as WasmModule;
  await module.init();
  return {
    compress: (bytes, level = DEFAULT_LEVEL) => asBuffer(module.compress(bytes, level)),
    unfoldFrame: (frame, measure, maxBytes) => wasmFrame(module, frame, measure, maxBytes),
    streams: () => false,
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The WASM allocates its output at once. */
function wasmFrame(module: WasmModule, frame: Buffer, measure: FrameMeasure, maxBytes: number): Buffer {
  const { contentSize, bound } = measure;
  if (contentSize !== null && contentSize > bound) throw damaged();
  if (contentSize !== null && contentSize > maxBytes) throw exceeding();
  const heapBytes = Math.min(contentSize ?? bound, maxBytes);
  try {
    return asBuffer(module.decompress(frame, { defaultHeapSize: Math.max(1, heapBytes) }));
  } catch (error) {
    // The package tells one failure from another by number only; -70 is "destination too small".
    if (heapBytes < bound && String(error).includes('-70')) throw exceeding();
    throw corrupt('zstd data is damaged', { cause: error });
  }
}

/** The content of frames, one after another as Java reads them; frames to be skipped are. */
export class ZstdPieces implements Pieces {
  readonly #zstd: Zstd;
  readonly #maxHeldBytes: number;
  #bytes: Buffer;
  /** Where the frame under way is read on, and ends. */
  #position = 0;
  #end = 0;
  #measure: FrameMeasure | null = null;
  #frameBytes = 0;
  #inflater: Inflater | null = null;
  /** The whole of a frame that could not be streamed, from what was not given yet. */
  #whole: Buffer | null = null;

  constructor(zstd: Zstd, bytes: Buffer, maxBytes: number, options: UnfoldOptions) {
    this.#zstd = zstd;
    this.#bytes = bytes;
    this.#maxHeldBytes = Math.min(options.maxHeldBytes ?? maxBytes, maxBytes);
  }

  next(): Buffer | null {
    for (;;) {
      if (this.#measure === null && !this.#begin()) return null;
      const piece = this.#whole === null ? this.#stream() : this.#cut(this.#whole);
      if (piece !== null) return piece;
      this.#endFrame();
    }
  }

  moveTo(bytes: Buffer): void {
    this.#bytes = bytes;
  }

  close(): void {
    this.#endFrame();
  }

  /** Steps into the next frame with content; false at the end. */
  #begin(): boolean {
    for (;;) {
      this.#position = this.#end;
      if (this.#position === this.#bytes.length) return false;
      const measure = measureFrame(this.#bytes, this.#position);
      this.#end = measure.end;
      if (measure.bound === 0) continue;
      this.#measure = measure;
      this.#frameBytes = 0;
      if (this.#zstd.streams()) {
        this.#inflater = takeInflater('zstd');
      } else {
        const frame = this.#bytes.subarray(this.#position, measure.end);
        this.#whole = this.#zstd.unfoldFrame(frame, measure, this.#maxHeldBytes);
      }
      return true;
    }
  }

  #stream(): Buffer | null {
    while (this.#inflater !== null && this.#position < this.#end) {
      const made = this.#inflater.write(this.#bytes, this.#position, this.#end, inflated);
      const { usedBytes, madeBytes } = made;
      // The frame is whole, by its measure: one that does not come to its end is damaged.
      if (usedBytes === 0 && madeBytes === 0) throw damaged();
      this.#position += usedBytes;
      this.#frameBytes += madeBytes;
      const holds = (this.#measure?.windowBytes ?? 0) > this.#maxHeldBytes;
      if (holds && this.#frameBytes > this.#maxHeldBytes) throw exceeding();
      if (madeBytes > 0) return inflated.subarray(0, madeBytes);
    }
    return null;
  }

  #cut(whole: Buffer): Buffer | null {
    if (whole.length === 0) return null;
    this.#whole = whole.subarray(PIECE_BYTES);
    return whole.subarray(0, PIECE_BYTES);
  }

  #endFrame(): void {
    const isUsual = (this.#measure?.windowBytes ?? 0) <= USUAL_WINDOW_BYTES;
    if (this.#inflater !== null) {
      if (isUsual) giveInflater('zstd', this.#inflater);
      else this.#inflater.close();
    }
    this.#inflater = null;
    this.#measure = null;
    this.#whole = null;
  }
}

export type FrameMeasure = {
  /** Where the frame ends. */
  end: number;
  /** What it claims to hold. */
  contentSize: number | null;
  /** The most that its blocks can hold. */
  bound: number;
  /** How far back it may refer. */
  windowBytes: number;
};

/** What can be said of the frame at `pos` without unfolding it. @throws {CompressionError} */
export function measureFrame(bytes: Buffer, pos: number): FrameMeasure {
  const magic = bytes.length - pos < 8 ? 0 : bytes.readUInt32LE(pos);
  if (magic >= SKIPPABLE_MAGIC && magic < SKIPPABLE_MAGIC + 16) {
    const end = pos + 8 + bytes.readUInt32LE(pos + 4);
    if (end > bytes.length) throw damaged();
    return { end, contentSize: 0, bound: 0, windowBytes: 0 };
  }
  if (magic !== FRAME_MAGIC) throw damaged();
  const descriptor = bytes.readUInt8(pos + 4);
  const single = (descriptor & 0x20) !== 0;
  const dictionaryIdSize = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeCode = descriptor >>> 6;
  const contentSizeSize = sizeCode === 0 ? (single ? 1 : 0) : 1 << sizeCode;
  const contentSizeAt = pos + 5 + (single ? 0 : 1) + dictionaryIdSize;
  let at = contentSizeAt + contentSizeSize;
  if (at > bytes.length) throw damaged();
  let bound = 0;
  for (let last = false; !last; ) {
    if (bytes.length - at < 3) throw damaged();
    const header = bytes.readUIntLE(at, 3);
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    last = (header & 1) !== 0;
    bound += type === 2 ? BLOCK_MAX : size;
    at += 3 + (type === 1 ? 1 : size);
  }
  const end = at + ((descriptor & 4) !== 0 ? 4 : 0);
  if (end > bytes.length) throw damaged();
  const contentSize = readContentSize(bytes, contentSizeAt, contentSizeSize);
  const windowBytes = single ? (contentSize ?? 0) : windowOf(bytes.readUInt8(pos + 5));
  return { end, contentSize, bound, windowBytes };
}

/** A power of two in the upper five bits, and eighths of it in the lower three. */
function windowOf(byte: number): number {
  const base = 2 ** (10 + (byte >>> 3));
  return base + (base / 8) * (byte & 7);
}

function readContentSize(bytes: Buffer, pos: number, size: number): number | null {
  if (size === 0) return null;
  if (size === 8) return bytes.readUInt32LE(pos) + bytes.readUInt32LE(pos + 4) * 2 ** 32;
  return bytes.readUIntLE(pos, size) + (size === 2 ? 256 : 0);
}

function damaged(): CompressionError {
  return corrupt('zstd data is damaged');
}

function exceeding(): CompressionError {
  return tooLarge('zstd data unfolds to more than is allowed');
}
