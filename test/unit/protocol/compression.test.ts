import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { recordsSection } from '../../../protocol/batch.ts';
import {
  compress,
  decompress,
  isCompressionAvailable,
  prepareCompression,
  Unfolding,
} from '../../../protocol/compression/index.ts';
import { CutPieces, canStream, GzipPieces, inflateWhole } from '../../../protocol/compression/inflate.ts';
import { lz4Compress } from '../../../protocol/compression/lz4.ts';
import { lz4CompressBound, lz4EncodeBlock } from '../../../protocol/compression/lz4-block.ts';
import type { CompressionFailure, CompressionType, Pieces } from '../../../protocol/compression/types.ts';
import { CompressionError } from '../../../protocol/compression/types.ts';
import { xxh32 } from '../../../protocol/compression/xxh32.ts';
import type { Zstd } from '../../../protocol/compression/zstd.ts';
import { loadWasmZstd, measureFrame, nodeZstd, ZstdPieces } from '../../../protocol/compression/zstd.ts';
import { batchVector, vectorBytes } from './batch-vectors.ts';

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const MIB = 1024 * 1024;

let wasm: Zstd;

beforeAll(async () => {
  await prepareCompression();
  wasm = await loadWasmZstd();
});

/** By one of the implementations. */
function unfolded(zstd: Zstd, bytes: Buffer, maxBytes: number): Buffer {
  const pieces = new ZstdPieces(zstd, bytes, maxBytes, {});
  const made: Buffer[] = [];
  for (let piece = pieces.next(); piece !== null; piece = pieces.next()) made.push(Buffer.from(piece));
  pieces.close();
  return Buffer.concat(made);
}

/** Why `unfold` refused, or 'sound'. Any other error fails the test. */
function failureOf(unfold: () => unknown): CompressionFailure | 'sound' {
  try {
    unfold();
    return 'sound';
  } catch (error) {
    if (error instanceof CompressionError) return error.failure;
    throw error;
  }
}

/** Bytes with runs, repeats and noise, as a compressor meets them. */
const mixedBytes = fc
  .array(
    fc.oneof(
      fc
        .record({ byte: fc.nat(255), times: fc.nat(400) })
        .map(({ byte, times }) => Buffer.alloc(times, byte)),
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      fc
        .record({ text: fc.uint8Array({ minLength: 1, maxLength: 20 }), times: fc.nat(60) })
        .map(({ text, times }) => Buffer.concat(Array.from({ length: times }, () => text))),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

/** Deterministic bytes that no codec can fold. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 12345;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

describe.each(codecs)('The codec %s', (codec) => {
  test('gives back any bytes', () => {
    fc.assert(
      fc.property(mixedBytes, (bytes) => {
        expect(decompress(codec, compress(codec, bytes), MIB).equals(bytes)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('gives back noise and runs at the edges of its blocks', () => {
    for (const length of [
      1, 12, 13, 14, 16, 32767, 32768, 32769, 65535, 65536, 65537, 262_144, 300_000, 524_288,
    ]) {
      for (const bytes of [
        noise(length),
        Buffer.alloc(length, 7),
        Buffer.alloc(length, 'a phrase that repeats, '),
      ]) {
        expect(decompress(codec, compress(codec, bytes), length).equals(bytes)).toBe(true);
      }
    }
  });

  test('refuses to unfold more than is allowed', () => {
    const folded = compress(codec, Buffer.alloc(MIB));
    expect(folded.length).toBeLessThan(MIB / 15);
    expect(failureOf(() => decompress(codec, folded, MIB))).toBe('sound');
    expect(failureOf(() => decompress(codec, folded, MIB - 1))).toBe('too-large');
    expect(failureOf(() => decompress(codec, folded, 1))).toBe('too-large');
  });

  test('finds every cut, and answers damage with its one error', () => {
    const bytes = Buffer.concat([
      Buffer.alloc(500, 'some text '),
      noise(300),
      Buffer.alloc(500, 'some text '),
    ]);
    const folded = compress(codec, bytes);
    for (let length = 1; length < folded.length; length++) {
      const cut = folded.subarray(0, length);
      // Xerial framing has no end mark, so a cut between its parts goes unseen: the batch's own length tells.
      const unseen = codec === 'snappy' && length === 16;
      expect(failureOf(() => decompress(codec, cut, MIB)) === 'sound').toBe(unseen);
    }
    for (let at = 0; at < folded.length; at++) {
      const damaged = Buffer.from(folded);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at & 7));
      failureOf(() => decompress(codec, damaged, MIB));
    }
  });

  test('answers noise with its one error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, framed) => {
        const head = framed ? compress(codec, Buffer.alloc(40, 'x')).subarray(0, 7) : Buffer.alloc(0);
        failureOf(() => decompress(codec, Buffer.concat([head, bytes]), MIB));
      }),
      { numRuns: 500 },
    );
  });

  test.each(['mixed', 'large', 'log append time'])('reads what Java wrote: %s', (shape) => {
    const plain = recordsSection(
      vectorBytes(batchVector(shape === 'large' ? 'large gzip' : `${shape} none`)),
    );
    expect(recordsSection(vectorBytes(batchVector(`${shape} ${codec}`))).equals(plain)).toBe(true);
  });
});

describe('Decompressing', () => {
  test('passes uncompressed bytes through and refuses codecs that do not exist', () => {
    const bytes = Buffer.from('as they are');
    expect(decompress('none', bytes, 1)).toBe(bytes);
    expect(compress('none', bytes)).toBe(bytes);
    for (const id of [5, 6, 7]) expect(failureOf(() => decompress(id, bytes, MIB))).toBe('unknown-codec');
    expect(codecs.every((codec: CompressionType) => isCompressionAvailable(codec))).toBe(true);
  });

  test('reads gzip of several members', () => {
    const run = Buffer.concat([zlib.gzipSync('one '), zlib.gzipSync('two')]);
    expect(decompress('gzip', run, 100).toString()).toBe('one two');
  });
});

describe('LZ4', () => {
  test('hashes as xxHash32 does', () => {
    expect(xxh32(Buffer.alloc(0))).toBe(0x02cc5d05);
    expect(xxh32(Buffer.from('a'))).toBe(0x550d7456);
    expect(xxh32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f);
  });

  /** A frame with chosen flags around blocks of our own folding. */
  function frame(parts: Buffer[], options: { flg?: number; bd?: number; store?: boolean }): Buffer {
    const flg = options.flg ?? 0x60;
    const header = [flg, options.bd ?? 0x40];
    if (flg & 0x08) header.push(...Buffer.alloc(8, 1));
    const out: Buffer[] = [
      Buffer.from([0x04, 0x22, 0x4d, 0x18, ...header, (xxh32(Buffer.from(header)) >>> 8) & 0xff]),
    ];
    for (const part of parts) {
      const folded = Buffer.alloc(lz4CompressBound(part.length));
      const size = lz4EncodeBlock(part, 0, part.length, folded, 0);
      const block = options.store === true ? part : folded.subarray(0, size);
      const word = Buffer.alloc(4);
      word.writeUInt32LE((block.length | (options.store === true ? 0x80000000 : 0)) >>> 0);
      out.push(word, block);
      if (flg & 0x10) {
        const checksum = Buffer.alloc(4);
        checksum.writeUInt32LE(xxh32(block));
        out.push(checksum);
      }
    }
    out.push(Buffer.alloc(4));
    if (flg & 0x04) out.push(Buffer.alloc(4));
    return Buffer.concat(out);
  }

  test('reads every block size, stored blocks, checksums and a content size', () => {
    const parts = [Buffer.alloc(60_000, 'abcdefg'), noise(1000)];
    const whole = Buffer.concat(parts);
    for (const bd of [0x40, 0x50, 0x60, 0x70]) {
      expect(decompress('lz4', frame(parts, { bd }), MIB).equals(whole)).toBe(true);
    }
    for (const flg of [0x70, 0x68, 0x64, 0x7c]) {
      expect(decompress('lz4', frame(parts, { flg }), MIB).equals(whole)).toBe(true);
      expect(decompress('lz4', frame(parts, { flg, store: true }), MIB).equals(whole)).toBe(true);
    }
  });

  test('refuses what Java refuses: linked blocks, dictionaries, other versions and block sizes', () => {
    for (const flg of [0x40, 0x61, 0x62, 0x20, 0xa0]) {
      expect(failureOf(() => decompress('lz4', frame([noise(10)], { flg }), MIB))).toBe('corrupt');
    }
    for (const bd of [0x30, 0x41, 0xc0]) {
      expect(failureOf(() => decompress('lz4', frame([noise(10)], { bd }), MIB))).toBe('corrupt');
    }
  });

  test('reads frames one after another, or only the first as Java does', () => {
    const run = Buffer.concat([lz4Compress(Buffer.from('one ')), lz4Compress(Buffer.from('two'))]);
    expect(decompress('lz4', run, 100).toString()).toBe('one two');
    expect(decompress('lz4', run, 100, { firstFrameOnly: true }).toString()).toBe('one ');
  });

  test('tolerates the wrong header checksum of magic 0 only when told to', () => {
    const legacy = lz4Compress(Buffer.from('old'), true);
    expect(failureOf(() => decompress('lz4', legacy, 100))).toBe('corrupt');
    expect(decompress('lz4', legacy, 100, { ignoreHeaderChecksum: true }).toString()).toBe('old');
  });

  test('writes frames as Java does: independent blocks of 64 KiB, no checksums', () => {
    expect(lz4Compress(Buffer.alloc(100, 'x')).subarray(0, 7).toString('hex')).toBe('04224d18604082');
  });
});

describe('Snappy', () => {
  test('is read raw, as librdkafka writes it', () => {
    // 'abcdabcdabcdX': a literal of four, a copy of eight from four back, a literal of one.
    const raw = Buffer.from([13, 3 << 2, 0x61, 0x62, 0x63, 0x64, 1 | (4 << 2), 4, 0, 0x58]);
    expect(decompress('snappy', raw, 100).toString()).toBe('abcdabcdabcdX');
    const far = Buffer.from([8, 3 << 2, 0x61, 0x62, 0x63, 0x64, 3 | (3 << 2), 4, 0, 0, 0]);
    expect(decompress('snappy', far, 100).toString()).toBe('abcdabcd');
  });

  test('with a claim beyond its bytes or the limit is refused before allocation', () => {
    const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
    expect(failureOf(() => decompress('snappy', claim, 2 ** 33))).toBe('corrupt');
    expect(failureOf(() => decompress('snappy', Buffer.from([50, 0xfe, 1, 0, 0]), 49))).toBe('too-large');
  });

  test('is written in the framing that Java reads, and chained framings are read', () => {
    const folded = compress('snappy', Buffer.from('payload'));
    expect(folded.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001');
    expect(decompress('snappy', Buffer.concat([folded, folded]), 100).toString()).toBe('payloadpayload');
  });
});

describe('Zstandard in WASM', () => {
  test('reads Java and Node, and Node reads it', () => {
    const section = vectorBytes(batchVector('large zstd')).subarray(61);
    const plain = recordsSection(vectorBytes(batchVector('large gzip')));
    expect(unfolded(wasm, section, MIB).equals(plain)).toBe(true);
    const folded = wasm.compress(plain, undefined);
    expect(unfolded(nodeZstd ?? wasm, folded, MIB).equals(plain)).toBe(true);
    expect(unfolded(wasm, (nodeZstd ?? wasm).compress(plain, 1), MIB).equals(plain)).toBe(true);
  });

  test('reads several frames, and frames to be skipped', () => {
    const skipped = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
    const run = Buffer.concat([
      wasm.compress(Buffer.from('one '), 3),
      skipped,
      vectorBytes(batchVector('mixed zstd')).subarray(61),
      wasm.compress(Buffer.from('two'), 3),
    ]);
    const text = unfolded(wasm, run, MIB).toString();
    expect(text.startsWith('one ')).toBe(true);
    expect(text.endsWith('two')).toBe(true);
  });

  test('bounds what it allocates by the limit, with and without a content size', () => {
    const folded = wasm.compress(Buffer.alloc(MIB), 3);
    expect(measureFrame(folded, 0).contentSize).toBe(MIB);
    expect(failureOf(() => unfolded(wasm, folded, MIB - 1))).toBe('too-large');
    const unsized = vectorBytes(batchVector('large zstd')).subarray(61);
    expect(measureFrame(unsized, 0).contentSize).toBe(null);
    expect(failureOf(() => unfolded(wasm, unsized, 60_000))).toBe('too-large');
    expect(failureOf(() => unfolded(wasm, unsized, 90_000))).toBe('sound');
  });

  test('answers damage with its one error', () => {
    const folded = wasm.compress(Buffer.alloc(500, 'some text '), 3);
    for (let at = 0; at < folded.length; at++) {
      const damaged = Buffer.from(folded);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      failureOf(() => unfolded(wasm, damaged, MIB));
      failureOf(() => unfolded(wasm, folded.subarray(0, at), MIB));
    }
  });
});

describe('What node:zlib unfolds', () => {
  const content = Buffer.concat([noise(200_000), Buffer.alloc(300_000, 'some text ')]);
  const joined = (pieces: Pieces): Buffer => {
    const made: Buffer[] = [];
    for (let piece = pieces.next(); piece !== null; piece = pieces.next()) made.push(Buffer.from(piece));
    pieces.close();
    return Buffer.concat(made);
  };

  test('comes piece by piece from the handles of this Node', () => {
    expect(canStream('gzip')).toBe(true);
    expect(joined(new GzipPieces(compress('gzip', content))).equals(content)).toBe(true);
  });

  test('is the same where the handles are not what is expected', () => {
    const whole = inflateWhole('gzip', compress('gzip', content), content.length);
    expect(joined(new CutPieces(whole)).equals(content)).toBe(true);
    const frames = Buffer.concat([compress('zstd', content), compress('zstd', content)]);
    const twice = Buffer.concat([content, content]);
    for (const zstd of [{ ...(nodeZstd ?? wasm), streams: () => false }, nodeZstd ?? wasm]) {
      expect(joined(new ZstdPieces(zstd, frames, 2 * content.length, {})).equals(twice)).toBe(true);
    }
    expect(failureOf(() => inflateWhole('gzip', compress('gzip', content), 1000))).toBe('too-large');
    expect(failureOf(() => inflateWhole('gzip', Buffer.from('no gzip'), 1000))).toBe('corrupt');
  });

  test('does not hang on what the handle met before: damage, or a batch that was left in the middle', () => {
    for (const codec of ['gzip', 'zstd'] as const) {
      const folded = compress(codec, content);
      const damaged = Buffer.from(folded).fill(0xff, 1000);
      for (let round = 0; round < 6; round++) {
        failureOf(() => decompress(codec, damaged, MIB));
        const left = new Unfolding(codec, folded, MIB);
        left.next();
        left.close();
        expect(decompress(codec, folded, MIB).equals(content)).toBe(true);
      }
    }
  });

  test('of a zstd frame that refers back through more than may be held is refused there', () => {
    if (nodeZstd === null) return;
    const params = { [zlib.constants.ZSTD_c_windowLog]: 24, [zlib.constants.ZSTD_c_contentSizeFlag]: 0 };
    const large = Buffer.alloc(10 * MIB, 'some text ');
    const folded = zlib.zstdCompressSync(large, { params });
    // The pledged size makes the window smaller: here is what a stream of unknown length would ask for.
    folded[5] = 14 << 3;
    expect(measureFrame(folded, 0).windowBytes).toBe(16 * MIB);
    expect(decompress('zstd', folded, large.length).equals(large)).toBe(true);
    const held = { maxHeldBytes: 9 * MIB };
    expect(failureOf(() => decompress('zstd', folded, large.length, held))).toBe('too-large');
    const enough = { maxHeldBytes: 16 * MIB };
    expect(failureOf(() => decompress('zstd', folded, large.length, enough))).toBe('sound');
  });
});
