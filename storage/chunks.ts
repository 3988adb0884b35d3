/** Bytes that lie in several pieces, one after the other. */

/** What is left of the chunks when so many bytes of them are written; an empty one at the front is left out, too. */
export function withoutFirst(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let done = 0;
  let left = bytes;
  for (const chunk of chunks) {
    if (chunk.length > left) break;
    left -= chunk.length;
    done++;
  }
  const first = chunks[done];
  if (first === undefined || left === 0) return chunks.slice(done);
  return [first.subarray(left), ...chunks.slice(done + 1)];
}
