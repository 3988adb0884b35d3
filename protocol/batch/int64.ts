// Big-endian int64 as a JavaScript number, for record batches.
//
// Always true: exact for safe integers; beyond 2^53 reading is lossy but monotone, and writing saturates, so that
// Long.MAX read as a number is never written back as Long.MIN.

const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;

/** The int64 at `pos`. Two 32-bit halves are faster than a bigint and allocate nothing. */
export function readInt64(buf: Buffer, pos: number): number {
  return buf.readInt32BE(pos) * TWO_32 + buf.readUInt32BE(pos + 4);
}

/** Writes an int64 at `pos`, saturated to the range of int64. */
export function writeInt64(buf: Buffer, pos: number, value: number): void {
  if (value >= TWO_63) {
    buf.writeInt32BE(0x7fffffff, pos);
    buf.writeUInt32BE(0xffffffff, pos + 4);
    return;
  }
  const clamped = Math.max(value, -TWO_63);
  const high = Math.floor(clamped / TWO_32);
  buf.writeInt32BE(high, pos);
  buf.writeUInt32BE(clamped - high * TWO_32, pos + 4);
}
