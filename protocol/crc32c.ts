// CRC-32C (Castagnoli), the checksum of record batches v2, producer snapshots and Raft snapshots.
//
// Two implementations give equal results: the native one of the optional package @node-rs/crc32, and ours in
// JavaScript (slicing by sixteen). A call into native code costs about 200 ns, so short ranges always take ours;
// longer ranges take the native one when it has loaded. Long ones are folded to a short one first, in WebAssembly
// (crc32c/fold.ts), which is faster than either. Always true: the result is an unsigned 32-bit number.

import { createRequire } from 'node:module';
import { folded, MIN_FOLDED_BYTES } from './crc32c/fold.ts';

/** Below this length the call into native code costs more than it saves (measured: break-even at 300-600 bytes). */
const NATIVE_MIN_BYTES = 512;

/** The Castagnoli polynomial, bit-reversed. */
const POLYNOMIAL = 0x82f63b78;

/** Sixteen tables of 256 entries: table k advances a byte's contribution by k further zero bytes. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(16 * 256);
  const at = (index: number): number => tables[index] as number;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let k = 1; k < 16; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const previous = at((k - 1) * 256 + byte);
      tables[k * 256 + byte] = (previous >>> 8) ^ at(previous & 0xff);
    }
  }
  return tables;
}

type NativeCrc32c = (input: Uint8Array, initial?: number) => number;

/** The native function, or null where its platform package is not installed. */
const native: NativeCrc32c | null = loadNative();

function loadNative(): NativeCrc32c | null {
  try {
    const loaded: unknown = createRequire(import.meta.url)('@node-rs/crc32');
    const candidate = (loaded as { crc32c?: unknown }).crc32c;
    if (typeof candidate !== 'function') return null;
    const fn = candidate as NativeCrc32c;
    // The check value of the CRC catalogue, so that a broken build of the package is never believed.
    return fn(Buffer.from('123456789')) >>> 0 === 0xe3069283 ? fn : null;
  } catch {
    return null;
  }
}

/** True where long ranges go to native code. */
export const crc32cIsNative = native !== null;

/** The CRC-32C of `buf[start..end)`, unsigned. Cost of a byte: 0.06 ns folded, 0.14 ns native, 0.6 ns otherwise. */
export function crc32c(buf: Uint8Array, start = 0, end = buf.length): number {
  if (end - start < MIN_FOLDED_BYTES) return crc32cUnfolded(buf, start, end);
  const rest = folded(buf, start, end);
  if (rest === null) return crc32cUnfolded(buf, start, end);
  return native !== null ? native(rest, 0xffffffff) >>> 0 : crc32cJs(rest, 0, rest.length, 0);
}

/** The same without folding. */
export function crc32cUnfolded(buf: Uint8Array, start = 0, end = buf.length): number {
  if (native !== null && end - start >= NATIVE_MIN_BYTES) return native(buf.subarray(start, end)) >>> 0;
  return crc32cJs(buf, start, end);
}

/** The same in plain JavaScript, from a `register` that is all ones when a checksum begins. */
export function crc32cJs(buf: Uint8Array, start = 0, end = buf.length, register = -1): number {
  const t = TABLES;
  let crc = register;
  let pos = start;
  const lastBlock = end - 16;
  while (pos <= lastBlock) {
    crc ^= word(buf, pos);
    const b = word(buf, pos + 4);
    const c = word(buf, pos + 8);
    const d = word(buf, pos + 12);
    crc =
      entry(t, 3840 + (crc & 0xff)) ^
      entry(t, 3584 + ((crc >>> 8) & 0xff)) ^
      entry(t, 3328 + ((crc >>> 16) & 0xff)) ^
      entry(t, 3072 + (crc >>> 24)) ^
      entry(t, 2816 + (b & 0xff)) ^
      entry(t, 2560 + ((b >>> 8) & 0xff)) ^
      entry(t, 2304 + ((b >>> 16) & 0xff)) ^
      entry(t, 2048 + (b >>> 24)) ^
      entry(t, 1792 + (c & 0xff)) ^
      entry(t, 1536 + ((c >>> 8) & 0xff)) ^
      entry(t, 1280 + ((c >>> 16) & 0xff)) ^
      entry(t, 1024 + (c >>> 24)) ^
      entry(t, 768 + (d & 0xff)) ^
      entry(t, 512 + ((d >>> 8) & 0xff)) ^
      entry(t, 256 + ((d >>> 16) & 0xff)) ^
      entry(t, d >>> 24);
    pos += 16;
  }
  while (pos < end) crc = (crc >>> 8) ^ entry(t, (crc ^ byteAt(buf, pos++)) & 0xff);
  return ~crc >>> 0;
}

/** Little-endian 32-bit word at `pos`. */
function word(buf: Uint8Array, pos: number): number {
  return (
    byteAt(buf, pos) |
    (byteAt(buf, pos + 1) << 8) |
    (byteAt(buf, pos + 2) << 16) |
    (byteAt(buf, pos + 3) << 24)
  );
}

// Two accessors and not one, so that each sees a single array type and stays a plain load when compiled.
// The callers' loops keep the bounds.
function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

function entry(table: Int32Array, index: number): number {
  return table[index] as number;
}
