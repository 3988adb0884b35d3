/**
 * Forgetting transactional ids that were not used for long. See TransactionStateManager.removeExpiredTransactionalIds.
 */
import type { Shard } from './shard.ts';
import type { Transaction } from './transaction.ts';

/** Tombstones of one write: together well below the largest batch. */
const TOMBSTONES_PER_WRITE = 500;

export function removeExpired(shard: Shard): void {
  const lastUsedMs = shard.now.wallMs - shard.config.transactionalIdExpirationMs;
  let expired: Transaction[] = [];
  let count = 0;
  for (const transaction of shard.transactions.values()) {
    if (transaction.pending !== null || !isAtRest(transaction)) continue;
    if (transaction.lastUpdateMs > lastUsedMs) continue;
    transaction.prepareDead();
    expired.push(transaction);
    count++;
    if (expired.length < TOMBSTONES_PER_WRITE) continue;
    shard.bury(expired);
    expired = [];
  }
  if (expired.length > 0) shard.bury(expired);
  if (count > 0) shard.note({ event: 'transactional ids expired', count });
}

function isAtRest({ status }: Transaction): boolean {
  return status === 'Empty' || status === 'CompleteCommit' || status === 'CompleteAbort';
}
