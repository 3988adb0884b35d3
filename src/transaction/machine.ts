/**
 * The transaction coordinator of one partition of __transaction_state, as a pure, deterministic machine.
 *
 * Inputs: records to replay, commands, the fates of writes, ticks. Output: an `Outcome`.
 * What is always true:
 * - the state of a transactional id is that of its newest committed record: replaying the log into a fresh machine
 *   gives the same, save which markers are written already and the producer before the current one;
 * - a command is answered as TransactionCoordinator of Apache Kafka 3.7.0 answers it;
 * - names from the network are keys of Maps only.
 *
 * A machine lives from one election to the resignation: replay all, `loaded`, then commands.
 */
import { assert, unreachable } from '../../protocol/assert.ts';
import type { TransactionConfig } from './config.ts';
import { abortTimedOut, beginCompletion, continueCompletion, endTransaction, markersWritten } from './end.ts';
import { removeExpired } from './expiry.ts';
import { initProducerId } from './init-producer-id.ts';
import { describeTransaction, listTransactions } from './listing.ts';
import type { Command, Instant, Outcome, ProducerIdAndEpoch, Response } from './outcome.ts';
import { addPartitions, refuseOverdue, verifyPartition } from './partitions.ts';
import { decodeTransactionKey, decodeTransactionValue } from './records.ts';
import { refuse, refuseInvalid } from './responses.ts';
import { Shard } from './shard.ts';
import { Transaction } from './transaction.ts';

export class TransactionMachine {
  readonly #shard: Shard;
  #isLoaded = false;

  constructor(config: TransactionConfig) {
    this.#shard = new Shard(config);
  }

  /** When `tick` has something to do, on the monotonic clock; null for never. */
  get nextDeadlineMs(): number | null {
    return this.#shard.nextDeadlineMs;
  }

  /** The transactional ids, to be read: for metrics, tests and the console. */
  get transactions(): ReadonlyMap<string, Transaction> {
    return this.#shard.transactions;
  }

  /** Whether the partition is in the producer's transaction; a question that changes nothing and writes nothing. */
  verifyPartition(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    topic: string,
    partition: number,
  ): number {
    return verifyPartition(this.#shard.transactions, transactionalId, producer, topic, partition);
  }

  // Loading ----------------------------------------------------------------------------------------------------

  /** Takes a record of the log, in order. Returns the reason if it had to be left out, else null. */
  replay(record: { readonly key: Buffer | null; readonly value: Buffer | null }): string | null {
    assert(!this.#isLoaded, 'Records are replayed before commands are taken.');
    const { key, value } = record;
    if (key === null) return 'it has no key';
    try {
      const transactionalId = decodeTransactionKey(key);
      if (transactionalId === null) return 'its key is of a version that is not known here';
      const { transactions } = this.#shard;
      if (value === null) transactions.delete(transactionalId);
      else {
        const state = decodeTransactionValue(value);
        transactions.set(transactionalId, Transaction.fromLog(transactionalId, state));
      }
      return null;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return `it can't be read: ${error.message}`;
    }
  }

  /** The topic has no transactions of its own. */
  replayMarker(): void {}

  /** All records are replayed: ends that were decided are carried out, and commands may come. */
  loaded(now: Instant): Outcome {
    assert(!this.#isLoaded, 'A machine is loaded once.');
    this.#isLoaded = true;
    const shard = this.#shard;
    shard.now = now;
    for (const transaction of shard.transactions.values()) {
      if (transaction.status === 'Ongoing') shard.ongoing.add(transaction);
      else if (transaction.isEnding) beginCompletion(shard, transaction);
    }
    return shard.take();
  }

  // Serving ----------------------------------------------------------------------------------------------------

  /** Takes a command; `token` comes back with the answer, in this outcome or a later one. */
  handle(token: number, command: Command, now: Instant): Outcome {
    assert(this.#isLoaded, 'Records are replayed before commands are taken.');
    const shard = this.#shard;
    shard.now = now;
    const refusal = refuseInvalid(command, shard.config);
    if (refusal === null) this.#dispatch(token, command);
    else shard.answer(command.type, token, refusal);
    return shard.take();
  }

  #dispatch(token: number, command: Command): void {
    const shard = this.#shard;
    switch (command.type) {
      case 'initProducerId':
        initProducerId(shard, token, command);
        break;
      case 'addPartitions':
        addPartitions(shard, token, command);
        break;
      case 'endTransaction':
        endTransaction(shard, token, command);
        break;
      case 'markersWritten':
        markersWritten(shard, token, command);
        break;
      case 'describeTransaction':
        describeTransaction(shard, token, command);
        break;
      case 'listTransactions':
        listTransactions(shard, token, command);
        break;
      default:
        unreachable(command);
    }
  }

  /** Runs what is due. */
  tick(now: Instant): Outcome {
    const shard = this.#shard;
    shard.now = now;
    if (shard.timeoutCheckMs !== null && shard.timeoutCheckMs <= now.monotonicMs) {
      shard.timeoutCheckMs = null;
      abortTimedOut(shard);
    }
    if (shard.expiryCheckMs !== null && shard.expiryCheckMs <= now.monotonicMs) {
      shard.expiryCheckMs = null;
      removeExpired(shard);
    }
    refuseOverdue(shard);
    for (;;) {
      const transaction = shard.takeRetry();
      if (transaction === null) return shard.take();
      continueCompletion(shard, transaction);
    }
  }

  /** The records of the write are committed. */
  committed(writeId: number, _baseOffset: number, now: Instant): Outcome {
    this.#shard.now = now;
    this.#shard.committed(writeId);
    return this.#shard.take();
  }

  /** The records of the write are not in the log. */
  failed(writeId: number, errorCode: number, now: Instant): Outcome {
    this.#shard.now = now;
    this.#shard.failed(writeId, errorCode);
    return this.#shard.take();
  }

  /** Whoever waits for the write is told so; its fate is still to be reported. */
  overdue(writeId: number, errorCode: number, now: Instant): Outcome {
    this.#shard.now = now;
    this.#shard.overdue(writeId, errorCode);
    return this.#shard.take();
  }

  /** The topic has no transactions of its own. */
  transactionEnded(_producerId: number, _isCommit: boolean, now: Instant): Outcome {
    this.#shard.now = now;
    return this.#shard.take();
  }

  /** The answer to a command that the shard can't take. */
  refuse(command: Command, errorCode: number): Response {
    return refuse(command, errorCode);
  }
}
