/**
 * How much memory groups with their members, and transactional ids, may take: names come from the network, and whoever
 * may use a million of them is not to end the broker. Kafka has no such limits.
 *
 * A quarter of the heap is for groups, an eighth for transactional ids, the same for each partition of their topics,
 * over which names are spread by their hashes. With the 4 GiB of a large machine that is about 340,000 groups and
 * 340,000 transactional ids. Further ones are refused with COORDINATOR_NOT_AVAILABLE, which clients try again; those
 * that are there go on.
 *
 * The heap is here what V8 keeps for objects that stay. Its limit counts the room for young ones too, and that is as
 * much again as `--max-old-space-size=192` asks for: shares of the whole would make the collector run without end.
 */
import { getHeapStatistics } from 'node:v8';

const GROUPS_SHARE = 1 / 4;
const TRANSACTIONAL_IDS_SHARE = 1 / 8;

/** Three semi-spaces of 64 MiB, V8's largest default since Node 24; 48 MiB in Node 20. */
const YOUNG_BYTES = 192 * 1024 * 1024;

const oldHeapBytes = (heapLimitBytes: number): number =>
  Math.max(heapLimitBytes / 2, heapLimitBytes - YOUNG_BYTES);

const shareOf = (share: number, partitionCount: number): number =>
  Math.floor((oldHeapBytes(getHeapStatistics().heap_size_limit) * share) / Math.max(1, partitionCount));

export const maxGroupBytes = (partitionCount: number): number => shareOf(GROUPS_SHARE, partitionCount);

export const maxTransactionalIdBytes = (partitionCount: number): number =>
  shareOf(TRANSACTIONAL_IDS_SHARE, partitionCount);
