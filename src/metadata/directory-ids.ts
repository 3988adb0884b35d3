/**
 * The directory ids with a meaning of their own (KIP-858, org.apache.kafka.common.DirectoryId of 3.7.0), and what a
 * directory id says about a replica.
 */
import type { Uuid } from '../../protocol/uuid.ts';
import { uuidBytes } from '../../protocol/uuid.ts';

/** Not recorded yet: the metadata is older than directory assignment. */
export const MIGRATING_DIRECTORY: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA';
/** The broker has still to say where it put the replica. */
export const UNASSIGNED_DIRECTORY: Uuid = 'AAAAAAAAAAAAAAAAAAAAAQ';
/** Somewhere that is offline. */
export const LOST_DIRECTORY: Uuid = 'AAAAAAAAAAAAAAAAAAAAAg';

const RESERVED_IDS = 100;

/** The first 100 ids are never given to a directory. */
export function isReservedDirectory(id: Uuid): boolean {
  if (!id.startsWith('AAAAAAAAAAAAAAAAAAAA')) return false;
  return uuidBytes(id).readBigUInt64BE(8) < BigInt(RESERVED_IDS);
}

/** Whether a replica in this directory is available, given the directories that its broker has online. */
export function isOnlineDirectory(id: Uuid, onlineDirectories: readonly Uuid[]): boolean {
  if (id === UNASSIGNED_DIRECTORY || id === MIGRATING_DIRECTORY) return true;
  if (id === LOST_DIRECTORY) return false;
  // A registration from before KIP-858 names none; such a broker stops when all its directories fail (KAFKA-16162).
  return onlineDirectories.length === 0 || onlineDirectories.includes(id);
}
