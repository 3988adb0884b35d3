// LZ4 and snappy blocks unfolded byte by byte, as their formats are drawn: slow, and nothing to get wrong. What the
// broker's own decoder is compared with.

import type { ElementsRead } from '../../protocol/compression/snappy.ts';
import { decodeElements } from '../../protocol/compression/snappy.ts';

/** The content of an lz4 block, at most `maxBytes`; null when it is damaged or larger. */
export function lz4Reference(block: Buffer, maxBytes: number): Buffer | null {
  const out: number[] = [];
  let at = 0;
  const extended = (nibble: number): number => {
    let length = nibble;
    for (let byte = 255; nibble === 15 && byte === 255; length += byte) {
      if (at >= block.length) return Number.NaN;
      byte = block[at++] as number;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++] as number;
    const literals = extended(token >>> 4);
    if (!(literals <= block.length - at && literals <= maxBytes - out.length)) return null;
    for (let i = 0; i < literals; i++) out.push(block[at++] as number);
    if (at === block.length) return Buffer.from(out);
    if (block.length - at < 2) return null;
    const offset = block.readUInt16LE(at);
    at += 2;
    const length = extended(token & 15) + 4;
    if (offset === 0 || offset > out.length || !(length <= maxBytes - out.length)) return null;
    for (let i = 0; i < length; i++) out.push(out[out.length - offset] as number);
  }
  return null;
}

/** The content of snappy's elements, which must make `size` bytes; null when they do not. */
export function snappyReference(elements: Buffer, size: number): Buffer | null {
  const out = Buffer.alloc(size);
  const read: ElementsRead = { position: 0, filled: 0 };
  if (!decodeElements(elements, elements.length, out, read, size)) return null;
  return read.position === elements.length && read.filled === size ? out : null;
}
