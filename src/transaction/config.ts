/**
 * What the transaction coordinator is configured with. Keys of server.properties stand beside the fields.
 */

export interface TransactionConfig {
  /** transaction.max.timeout.ms */
  readonly maxTimeoutMs: number;
  /** transactional.id.expiration.ms */
  readonly transactionalIdExpirationMs: number;
  /** transaction.abort.timed.out.transaction.cleanup.interval.ms */
  readonly abortTimedOutCleanupIntervalMs: number;
  /** transaction.remove.expired.transaction.cleanup.interval.ms */
  readonly removeExpiredCleanupIntervalMs: number;
  /** How long a marker, or a record that completes a transaction, waits before it is tried again. */
  readonly retryDelayMs: number;
  /**
   * How long the first request of a transaction waits for the markers of the one before, rather than being refused
   * with CONCURRENT_TRANSACTIONS. Kafka refuses at once; clients then pause for 20 ms (Java) or 300 ms (kafkajs).
   * Markers take as long as a write to the disk. The wait ends well before any client gives up on a request, since
   * requests behind it on the connection wait too, and what has not come by then is worth the client's pause.
   */
  readonly completionWaitMs: number;
  /**
   * What the transactional ids of one partition may take in memory, names included; further ones are refused with
   * COORDINATOR_NOT_AVAILABLE. Kafka has no such limit.
   */
  readonly maxTransactionalIdBytes: number;
}

/** The defaults of Apache Kafka 3.7.0, and ours for the last three. */
export const defaultTransactionConfig: TransactionConfig = {
  maxTimeoutMs: 900_000,
  transactionalIdExpirationMs: 7 * 24 * 3_600_000,
  abortTimedOutCleanupIntervalMs: 10_000,
  removeExpiredCleanupIntervalMs: 3_600_000,
  retryDelayMs: 100,
  completionWaitMs: 100,
  maxTransactionalIdBytes: 128 * 1024 * 1024,
};
