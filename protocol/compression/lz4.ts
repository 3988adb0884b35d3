// LZ4 as Kafka uses it: frames of format version 1 (KIP-57; Kafka's KafkaLZ4BlockInputStream).
//
//   0  magic        uint32 little-endian, 0x184D2204
//   4  FLG          bits 7-6 version 01, 5 blocks independent, 4 block checksums, 3 content size present,
//                   2 content checksum, 1-0 zero (bit 0 would announce a dictionary)
//   5  BD           bits 6-4 block maximum: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB; others zero
//   6  contentSize  uint64, only with bit 3
//   .  HC           second byte of xxh32(FLG … contentSize)
//   .  blocks       uint32 size (top bit: stored as is), data, uint32 xxh32(data) with bit 4
//   .  end mark     uint32 0, then uint32 content checksum with bit 2
//
// Always true: only frames that Java reads are read, so linked blocks are refused; the content checksum and size are
// passed over as in Java. Messages of magic 0 carry a wrong HC (computed from the magic on), which a flag tolerates.

import { lz4Block } from './block-decoder.ts';
import { lz4CompressBound, lz4EncodeBlock } from './lz4-block.ts';
import type { Pieces, UnfoldOptions } from './types.ts';
import { corrupt } from './types.ts';
import { xxh32 } from './xxh32.ts';

const MAGIC = 0x184d2204;
/** Version 1, independent blocks, nothing else; 64 KiB blocks. What Java writes. */
const WRITTEN_FLG = 0x60;
const WRITTEN_BD = 0x40;
const WRITTEN_BLOCK_SIZE = 64 * 1024;

const STORED_BIT = 0x80000000;
const INDEPENDENT_BIT = 0x20;
const BLOCK_CHECKSUM_BIT = 0x10;
const CONTENT_SIZE_BIT = 0x08;
const CONTENT_CHECKSUM_BIT = 0x04;

/** No LZ4 block unfolds to more than this many times its size. */
const MAX_RATIO = 255;

/** One frame that Java reads. With `legacyHeaderChecksum`, the wrong checksum that readers of magic 0 expect. */
export function lz4Compress(bytes: Buffer, legacyHeaderChecksum = false): Buffer {
  const blocks = Math.ceil(bytes.length / WRITTEN_BLOCK_SIZE);
  const out = Buffer.allocUnsafe(11 + blocks * (4 + lz4CompressBound(WRITTEN_BLOCK_SIZE)));
  out.writeUInt32LE(MAGIC, 0);
  out[4] = WRITTEN_FLG;
  out[5] = WRITTEN_BD;
  out[6] = (xxh32(out, legacyHeaderChecksum ? 0 : 4, 6) >>> 8) & 0xff;
  let pos = 7;
  for (let start = 0; start < bytes.length; start += WRITTEN_BLOCK_SIZE) {
    const end = Math.min(start + WRITTEN_BLOCK_SIZE, bytes.length);
    let size = lz4EncodeBlock(bytes, start, end, out, pos + 4) - (pos + 4);
    if (size >= end - start) {
      size = end - start;
      bytes.copy(out, pos + 4, start, end);
      out.writeUInt32LE((size | STORED_BIT) >>> 0, pos);
    } else {
      out.writeUInt32LE(size, pos);
    }
    pos += 4 + size;
  }
  out.writeUInt32LE(0, pos);
  return Buffer.from(out.subarray(0, pos + 4));
}

/** What is read of a frame's header. */
type FrameHeader = { end: number; blockMax: number; blockChecksums: boolean; contentChecksum: boolean };

/** The content of frames, block by block. */
export class Lz4Pieces implements Pieces {
  readonly #options: UnfoldOptions;
  #bytes: Buffer;
  #position = 0;
  /** The frame under way, or null between frames. */
  #frame: FrameHeader | null = null;
  #isOver = false;

  constructor(bytes: Buffer, options: UnfoldOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  next(): Buffer | null {
    while (!this.#isOver) {
      if (this.#frame === null) {
        this.#frame = readFrameHeader(this.#bytes, this.#position, this.#options);
        this.#position = this.#frame.end;
      }
      const piece = this.#nextBlock(this.#frame);
      if (piece !== null && piece.length > 0) return piece;
    }
    return null;
  }

  moveTo(bytes: Buffer): void {
    this.#bytes = bytes;
  }

  close(): void {}

  /** The next block's content, or null at the frame's end. */
  #nextBlock(frame: FrameHeader): Buffer | null {
    const size = readWord(this.#bytes, this.#position);
    this.#position += 4;
    if (size === 0) {
      this.#endFrame(frame);
      return null;
    }
    const piece = readBlock(this.#bytes, this.#position, size, frame);
    this.#position += (size & ~STORED_BIT) + (frame.blockChecksums ? 4 : 0);
    return piece;
  }

  #endFrame(frame: FrameHeader): void {
    if (frame.contentChecksum) this.#position += 4;
    const left = this.#bytes.length - this.#position;
    if (left < 0) throw corrupt('an lz4 frame is cut');
    this.#frame = null;
    const isFollowed = left >= 4 && this.#bytes.readUInt32LE(this.#position) === MAGIC;
    this.#isOver = this.#options.firstFrameOnly === true || !isFollowed;
  }
}

function readFrameHeader(bytes: Buffer, pos: number, options: UnfoldOptions): FrameHeader {
  if (bytes.length - pos < 7) throw corrupt('an lz4 frame is cut');
  if (bytes.readUInt32LE(pos) !== MAGIC) throw corrupt('no lz4 frame begins here');
  const flg = bytes.readUInt8(pos + 4);
  const bd = bytes.readUInt8(pos + 5);
  if (flg >>> 6 !== 1) throw corrupt('an lz4 frame has an unknown version');
  if ((flg & INDEPENDENT_BIT) === 0) throw corrupt('an lz4 frame has linked blocks');
  const sizeCode = bd >>> 4;
  if ((flg & 3) !== 0 || (bd & 15) !== 0 || sizeCode < 4 || sizeCode > 7) {
    throw corrupt('an lz4 frame descriptor has bits that no frame has');
  }
  const checksumAt = pos + 6 + ((flg & CONTENT_SIZE_BIT) !== 0 ? 8 : 0);
  if (checksumAt >= bytes.length) throw corrupt('an lz4 frame is cut');
  const checksum = (xxh32(bytes, pos + 4, checksumAt) >>> 8) & 0xff;
  if (options.ignoreHeaderChecksum !== true && bytes.readUInt8(checksumAt) !== checksum) {
    throw corrupt('an lz4 frame descriptor does not match its checksum');
  }
  return {
    end: checksumAt + 1,
    blockMax: 1 << (8 + 2 * sizeCode),
    blockChecksums: (flg & BLOCK_CHECKSUM_BIT) !== 0,
    contentChecksum: (flg & CONTENT_CHECKSUM_BIT) !== 0,
  };
}

/** One block's content: a view when it is stored, scratch memory when it is folded. */
function readBlock(bytes: Buffer, pos: number, sizeWord: number, frame: FrameHeader): Buffer {
  const size = sizeWord & ~STORED_BIT;
  if (size > frame.blockMax) throw corrupt('an lz4 block is larger than its frame allows');
  if (size > bytes.length - pos) throw corrupt('an lz4 block is cut');
  if (frame.blockChecksums && readWord(bytes, pos + size) !== xxh32(bytes, pos, pos + size)) {
    throw corrupt('an lz4 block does not match its checksum');
  }
  if (sizeWord >= STORED_BIT) return bytes.subarray(pos, pos + size);
  const content = lz4Block(bytes, pos, pos + size, Math.min(frame.blockMax, size * MAX_RATIO));
  if (content === null) throw corrupt('an lz4 block is damaged');
  return content;
}

function readWord(bytes: Buffer, pos: number): number {
  if (pos + 4 > bytes.length) throw corrupt('an lz4 frame is cut');
  return bytes.readUInt32LE(pos);
}
