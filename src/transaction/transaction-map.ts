/**
 * The transactional ids of a shard, and roughly what they take in memory.
 *
 * What is always true: `bytes` is the sum of the costs of the ids that are keys.
 */
import type { Transaction } from './transaction.ts';

/** What an idle transactional id takes beside its name. Measured. */
const TRANSACTION_BYTES = 1_500;
const BYTES_PER_CHARACTER = 2;

const costOf = (transactionalId: string): number =>
  TRANSACTION_BYTES + transactionalId.length * BYTES_PER_CHARACTER;

export class TransactionMap extends Map<string, Transaction> {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  hasRoomFor(transactionalId: string, maxBytes: number): boolean {
    return this.#bytes + costOf(transactionalId) <= maxBytes;
  }

  override set(transactionalId: string, transaction: Transaction): this {
    if (!this.has(transactionalId)) this.#bytes += costOf(transactionalId);
    return super.set(transactionalId, transaction);
  }

  override delete(transactionalId: string): boolean {
    if (!super.delete(transactionalId)) return false;
    this.#bytes -= costOf(transactionalId);
    return true;
  }

  override clear(): void {
    super.clear();
    this.#bytes = 0;
  }
}
