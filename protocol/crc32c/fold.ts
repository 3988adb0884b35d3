// Long messages made short for their CRC-32C: 5.3 KiB with the same remainder.
//
// The Castagnoli polynomial divides 1 + x^(8·2751) + x^(8·4508) + x^(8·5275), one of the few sums of four powers as low
// as these that it does divide. So a byte can be left out where it stands when it is added, by exclusive or, to those
// that stand 767, 2524 and 5275 bytes behind it: the remainder stays what it was. A whole message is folded so from its
// beginning, with nothing but loads and exclusive ors of 16 bytes (fold.wat), at three to four times the speed of the
// processor's own instruction for CRC-32C, which waits for its last result each time. The same idea makes CRC-32 fast on
// processors without carry-less multiplication (Russell, "Chorba: A novel CRC32 implementation", 2024).
//
// Always true: the memory is this module's, one message is folded at a time, and what is left of it is good until the
// next. A message is folded in pieces that stay in the processor's nearest caches; between two, the bytes that the next
// takes up are moved before it:
//
//   0       history  the last 5275 bytes of what was folded; zeros at first
//   5275    piece    the message from there on
//
//   5275    zeros    16 bytes, when the message is folded up to its last 5275 to 5338 bytes
//   5291    rest     those, and what is poured into them out of the history

import { FOLD_WASM } from './fold-wasm.ts';

/** Exponents of the sum, in bytes, as distances from the highest: what a byte is added to lies so far behind it. */
const NEAR = 767;
const MIDDLE = 2524;
const FAR = 5275;

const STEP_BYTES = 64;
const POUR_STEP_BYTES = 16;
const PIECE = FAR;
const PIECE_BYTES = 48 * 1024;
const REST = FAR + POUR_STEP_BYTES;

/** Shorter messages are not worth it: what is left of them takes long enough. Both are even at 11 KiB. */
export const MIN_FOLDED_BYTES = 16 * 1024;

type Exports = {
  readonly memory: { readonly buffer: ArrayBuffer };
  fold(from: number, to: number): void;
  pour(to: number, from: number, length: number): void;
};

/** Of the global, which TypeScript's types know only beside a browser's, what is used here. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Folder extends Exports {
  readonly bytes: Buffer;
}

/** Undefined before the first use, null where WebAssembly, or its instructions on 16 bytes, are not to be had. */
let loaded: Folder | null | undefined;

/** Made at the first use, in less than a millisecond. */
function load(): Folder | null {
  try {
    const module = new WebAssembly.Module(Buffer.from(FOLD_WASM, 'base64'));
    const exports = new WebAssembly.Instance(module).exports as Exports;
    const { fold, pour, memory } = exports;
    return { fold, pour, memory, bytes: Buffer.from(memory.buffer) };
  } catch {
    return null;
  }
}

/**
 * Bytes whose CRC-32C, begun with a register of zero in place of the usual ones, is that of `message[start..end)`, which
 * has at least MIN_FOLDED_BYTES; null where it can't be folded. Scratch memory: good until the next call.
 */
export function folded(message: Uint8Array, start: number, end: number): Buffer | null {
  if (loaded === undefined) loaded = load();
  if (loaded === null) return null;
  const { bytes, fold, pour } = loaded;
  const stop = end - FAR - ((end - start - FAR) % STEP_BYTES);
  bytes.fill(0, 0, FAR);
  for (let pos = start; pos < stop; ) {
    const length = Math.min(PIECE_BYTES, stop - pos);
    bytes.set(message.subarray(pos, pos + length), PIECE);
    // A register of ones is one of zeros before a message whose first 32 bits are the other way round.
    if (pos === start) bytes.writeInt32LE(~bytes.readInt32LE(PIECE), PIECE);
    fold(PIECE, PIECE + length);
    bytes.copyWithin(0, length, length + FAR);
    pos += length;
  }
  const length = end - stop;
  // What is poured goes by whole steps: the zeros are what the last of them takes too much.
  bytes.fill(0, PIECE, REST);
  bytes.set(message.subarray(stop, end), REST);
  pour(REST, FAR - NEAR, NEAR);
  pour(REST, FAR - MIDDLE, MIDDLE);
  pour(REST, 0, FAR);
  return bytes.subarray(REST, REST + length);
}
