// LZ4 blocks, folded; blocks.wat unfolds them.
//
//   sequence = token | literal length… | literals | offset, int16 little-endian | match length…
//   token    = literal length in the high nibble, match length - 4 in the low one; 15 goes on in bytes of 255
//   the last sequence has literals only; the last five bytes of a block are literals and no match begins in the
//   last twelve

const MIN_MATCH = 4;
const LAST_LITERALS = 5;
const MATCH_MARGIN = 12;
const HASH_BITS = 13;
/** Literal runs of this length and more are moved by memmove, shorter ones by a loop. */
const BULK = 32;

/** Positions + 1 by hash, of the block under way. One table for the process: compressing is synchronous. */
const table = new Int32Array(1 << HASH_BITS);

/** A block never grows beyond this. */
export function lz4CompressBound(length: number): number {
  return length + Math.ceil(length / 255) + 16;
}

/**
 * Folds `src[start..end)`, at most 64 KiB, into `dst` from `dstStart`, which must have room for `lz4CompressBound`.
 * Returns the position behind the last byte written. Greedy, one probe per position, wider steps where nothing
 * matches.
 */
export function lz4EncodeBlock(
  src: Buffer,
  start: number,
  end: number,
  dst: Buffer,
  dstStart: number,
): number {
  let anchor = start;
  let d = dstStart;
  table.fill(0);
  const searchEnd = end - MATCH_MARGIN;
  const matchEnd = end - LAST_LITERALS;
  let s = start;
  let misses = 0;
  while (s < searchEnd) {
    const sequence = word(src, s);
    const hash = Math.imul(sequence, 0x9e3779b1) >>> (32 - HASH_BITS);
    let from = (table[hash] as number) - 1 + start;
    table[hash] = s - start + 1;
    if (from < start || word(src, from) !== sequence) {
      s += 1 + (misses++ >>> 6);
      continue;
    }
    misses = 0;
    while (s > anchor && from > start && src[s - 1] === src[from - 1]) {
      s--;
      from--;
    }
    let matched = MIN_MATCH;
    while (s + matched < matchEnd && src[s + matched] === src[from + matched]) matched++;
    d = writeSequence(src, anchor, s, dst, d, s - from, matched);
    s += matched;
    anchor = s;
  }
  return writeSequence(src, anchor, end, dst, d, 0, 0);
}

/** Writes literals and, unless `matched` is 0, the match behind them. */
function writeSequence(
  src: Buffer,
  from: number,
  to: number,
  dst: Buffer,
  position: number,
  offset: number,
  matched: number,
): number {
  let d = position;
  const literals = to - from;
  const extra = matched === 0 ? 0 : matched - MIN_MATCH;
  dst[d++] = (Math.min(literals, 15) << 4) | Math.min(extra, 15);
  if (literals >= 15) d = writeLength(dst, d, literals - 15);
  if (literals >= BULK) {
    src.copy(dst, d, from, to);
    d += literals;
  } else {
    for (let s = from; s < to; ) dst[d++] = src[s++] as number;
  }
  if (matched === 0) return d;
  dst[d++] = offset & 0xff;
  dst[d++] = offset >>> 8;
  return extra >= 15 ? writeLength(dst, d, extra - 15) : d;
}

function writeLength(dst: Buffer, position: number, length: number): number {
  let d = position;
  let rest = length;
  for (; rest >= 255; rest -= 255) dst[d++] = 255;
  dst[d++] = rest;
  return d;
}

function word(buf: Buffer, pos: number): number {
  return (
    (buf[pos] as number) |
    ((buf[pos + 1] as number) << 8) |
    ((buf[pos + 2] as number) << 16) |
    ((buf[pos + 3] as number) << 24)
  );
}
