// Zstandard (KIP-110): node:zlib where it has it (Node 22.15 and later), else the WASM of @bokuweb/zstd-wasm.
//
// A frame, RFC 8878, as far as it is read here to know how large its content may get:
//   0  magic       uint32 little-endian, 0xFD2FB528; 0x184D2A50 to 5F: skippable, uint32 size, bytes
//   4  descriptor  bits 7-6 size of contentSize (0, 2, 4, 8; 0 means 1 with bit 5), 5 single segment,
//                  2 checksum, 1-0 size of the dictionary id (0, 1, 2, 4)
//   .  window      1 byte unless single segment; dictionary id; content size
//   .  blocks      uint24: bit 0 last, 2-1 type (0 stored, 1 one byte repeated, 2 folded), rest the size
//   .  checksum    uint32
//
// Always true: the WASM allocates its output at once, so it is given no frame whose claim exceeds the limit or what
// its blocks can hold.

import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import { CompressionError, unfoldOptions } from './types.ts';

/** One implementation of the codec. */
export type Zstd = {
  compress(bytes: Buffer, level: number | undefined): Buffer;
  /** @throws {CompressionError} */
  decompress(bytes: Buffer, maxBytes: number): Buffer;
};

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_MAX = 128 * 1024;
/** The level that Kafka's clients use unless told otherwise. */
const DEFAULT_LEVEL = 3;

/** The implementation of node:zlib, or null before Node 22.15. */
export const nodeZstd: Zstd | null =
  typeof zlib.zstdDecompressSync === 'function'
    ? { compress: nodeCompress, decompress: nodeDecompress }
    : null;

function nodeCompress(bytes: Buffer, level = DEFAULT_LEVEL): Buffer {
  return zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: level } });
}

function nodeDecompress(bytes: Buffer, maxBytes: number): Buffer {
  try {
    return zlib.zstdDecompressSync(bytes, unfoldOptions(bytes, maxBytes));
  } catch (error) {
    if (isTooLarge(error)) throw tooLarge();
    throw new CompressionError('corrupt', 'zstd data is damaged', { cause: error });
  }
}

/** node:zlib's way to say that `maxOutputLength` was reached. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
}

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
    decompress: (bytes, maxBytes) => wasmDecompress(module, bytes, maxBytes),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Frame by frame, since the WASM takes the first frame's content size for the whole. */
function wasmDecompress(module: WasmModule, bytes: Buffer, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let pos = 0; pos < bytes.length; ) {
    const frame = measureFrame(bytes, pos);
    const room = maxBytes - total;
    if (frame.contentSize !== null && frame.contentSize > frame.bound) throw corrupt();
    if (frame.contentSize !== null && frame.contentSize > room) throw tooLarge();
    const heapBytes = Math.min(frame.contentSize ?? frame.bound, room);
    if (frame.bound > 0)
      chunks.push(wasmFrame(module, bytes.subarray(pos, frame.end), heapBytes, heapBytes < frame.bound));
    total += chunks.at(-1)?.length ?? 0;
    pos = frame.end;
  }
  return Buffer.concat(chunks);
}

function wasmFrame(module: WasmModule, frame: Buffer, heapBytes: number, limited: boolean): Buffer {
  try {
    return asBuffer(module.decompress(frame, { defaultHeapSize: Math.max(1, heapBytes) }));
  } catch (error) {
    // The package tells one failure from another by number only; -70 is "destination too small".
    if (limited && String(error).includes('-70')) throw tooLarge();
    throw new CompressionError('corrupt', 'zstd data is damaged', { cause: error });
  }
}

type FrameMeasure = { end: number; contentSize: number | null; bound: number };

/** Where the frame at `pos` ends, what it claims to hold, and the most that its blocks can hold. */
export function measureFrame(bytes: Buffer, pos: number): FrameMeasure {
  const magic = bytes.length - pos < 8 ? 0 : bytes.readUInt32LE(pos);
  if (magic >= SKIPPABLE_MAGIC && magic < SKIPPABLE_MAGIC + 16) {
    const end = pos + 8 + bytes.readUInt32LE(pos + 4);
    if (end > bytes.length) throw corrupt();
    return { end, contentSize: 0, bound: 0 };
  }
  if (magic !== FRAME_MAGIC) throw corrupt();
  const descriptor = bytes.readUInt8(pos + 4);
  const single = (descriptor & 0x20) !== 0;
  const dictionaryIdSize = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeCode = descriptor >>> 6;
  const contentSizeSize = sizeCode === 0 ? (single ? 1 : 0) : 1 << sizeCode;
  const contentSizeAt = pos + 5 + (single ? 0 : 1) + dictionaryIdSize;
  let at = contentSizeAt + contentSizeSize;
  if (at > bytes.length) throw corrupt();
  let bound = 0;
  for (let last = false; !last; ) {
    if (bytes.length - at < 3) throw corrupt();
    const header = bytes.readUIntLE(at, 3);
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    last = (header & 1) !== 0;
    bound += type === 2 ? BLOCK_MAX : size;
    at += 3 + (type === 1 ? 1 : size);
  }
  const end = at + ((descriptor & 4) !== 0 ? 4 : 0);
  if (end > bytes.length) throw corrupt();
  return { end, contentSize: readContentSize(bytes, contentSizeAt, contentSizeSize), bound };
}

function readContentSize(bytes: Buffer, pos: number, size: number): number | null {
  if (size === 0) return null;
  if (size === 8) return bytes.readUInt32LE(pos) + bytes.readUInt32LE(pos + 4) * 2 ** 32;
  return bytes.readUIntLE(pos, size) + (size === 2 ? 256 : 0);
}

function corrupt(): CompressionError {
  return new CompressionError('corrupt', 'zstd data is damaged');
}

function tooLarge(): CompressionError {
  return new CompressionError('too-large', 'zstd data unfolds to more than is allowed');
}
