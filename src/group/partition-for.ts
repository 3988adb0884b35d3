/**
 * Which partition of an internal topic owns a group or transactional id.
 */

/** Java's String.hashCode: 31 * h + unit over UTF-16 units, in int32. */
export function javaHashCode(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/**
 * The partition of `id` among `partitionCount`.
 *
 * It is a true absolute value, in which that of -2^31 is 0; not the mask that the partitioner of the producer uses.
 * See GroupMetadataManager.partitionFor and Utils.abs.
 */
export function partitionFor(id: string, partitionCount: number): number {
  const hash = javaHashCode(id);
  return hash === -2_147_483_648 ? 0 : Math.abs(hash) % partitionCount;
}
