/**
 * What the rules of the transaction machine work on: the transactional ids of one partition of __transaction_state,
 * what is on its way to the log, what is to be tried again, and the outcome of the step under way.
 *
 * What is always true:
 * - `now` is the moment of the step under way; nothing else tells time;
 * - a transition that was begun stays pending until the fate of its record is known. Whoever waits may be told before
 *   that the time is up, the id moves on only afterwards;
 * - `ongoing` holds the transactions in status Ongoing, and only those.
 */
import { assert } from '../../protocol/assert.ts';
import { NO_SEQUENCE } from '../../protocol/batch.ts';
import { ErrorCode, errorName } from '../../protocol/errors.ts';
import { Slots } from '../../protocol/slots.ts';
import type { TransactionConfig } from './config.ts';
import type { Note } from './notes.ts';
import type {
  Answer,
  Command,
  CoordinatorRecord,
  Instant,
  MarkerSend,
  Outcome,
  Responses,
  Write,
} from './outcome.ts';
import { transactionKey, transactionValue } from './records.ts';
import { appendErrorCode } from './responses.ts';
import type { Transaction } from './transaction.ts';
import { TransactionMap } from './transaction-map.ts';

interface PendingWrite {
  /** The records are in the log for good. */
  readonly committed: () => void;
  /** The records are not in the log, or this shard has lost it. */
  readonly failed: (errorCode: number) => void;
  /** Tells whoever waits, once, with the log's code. */
  readonly settle: (errorCode: number) => void;
  isSettled: boolean;
}

/**
 * Kafka waits for its page cache, which answers within any timeout that a transaction may have; a record that is flushed
 * before it counts does not answer within a millisecond or two.
 */
const LEAST_WAIT_MS = 1000;

/** What may wait for the end of a transaction before it. */
export type ParkedCommand = Extract<Command, { type: 'addPartitions' }>;

export interface Parked {
  readonly token: number;
  readonly transaction: Transaction;
  readonly command: ParkedCommand;
  readonly untilMs: number;
}

export class Shard {
  readonly config: TransactionConfig;
  readonly transactions = new TransactionMap();
  readonly ongoing = new Set<Transaction>();
  now: Instant = { monotonicMs: 0, wallMs: 0 };
  /** When to look for transactions whose timeout has passed; null while none is open. */
  timeoutCheckMs: number | null = null;
  /** When to look for ids that were not used for long; null while there is none. */
  expiryCheckMs: number | null = null;
  /** Transactions in the order in which they are to be taken up again: the delay is the same for all. */
  readonly #retries = new Map<Transaction, number>();
  /** Commands that wait for a transaction to end, by token, in the order of their deadlines. */
  readonly #parked = new Map<number, Parked>();
  /** The same by transaction. */
  readonly #waiting = new Map<Transaction, Parked[]>();
  /** By transaction, the send of markers that is under way. */
  readonly #sends = new Map<Transaction, number>();
  readonly #pendingWrites = new Slots<PendingWrite>();
  #nextSendId = 1;
  #writes: Write[] = [];
  #answers: Answer[] = [];
  #notes: Note[] = [];
  #markers: MarkerSend[] = [];

  constructor(config: TransactionConfig) {
    this.config = config;
  }

  // Deadlines --------------------------------------------------------------------------------------------------

  get nextDeadlineMs(): number | null {
    const [retryMs = null] = this.#retries.values();
    const [parked = null] = this.#parked.values();
    let next: number | null = null;
    for (const atMs of [this.timeoutCheckMs, this.expiryCheckMs, retryMs, parked?.untilMs ?? null]) {
      if (atMs !== null && (next === null || atMs < next)) next = atMs;
    }
    return next;
  }

  /** Keeps the checks set while, and only while, there is something to check. */
  armChecks(): void {
    const { abortTimedOutCleanupIntervalMs, removeExpiredCleanupIntervalMs } = this.config;
    const { monotonicMs } = this.now;
    if (this.ongoing.size === 0) this.timeoutCheckMs = null;
    else this.timeoutCheckMs ??= monotonicMs + abortTimedOutCleanupIntervalMs;
    if (this.transactions.size === 0) this.expiryCheckMs = null;
    else this.expiryCheckMs ??= monotonicMs + removeExpiredCleanupIntervalMs;
  }

  retryLater(transaction: Transaction): void {
    this.#retries.delete(transaction);
    this.#retries.set(transaction, this.now.monotonicMs + this.config.retryDelayMs);
  }

  /** Takes out the first transaction whose delay is over, or null. */
  takeRetry(): Transaction | null {
    for (const [transaction, atMs] of this.#retries) {
      if (atMs > this.now.monotonicMs) return null;
      this.#retries.delete(transaction);
      return transaction;
    }
    return null;
  }

  // Waiting ----------------------------------------------------------------------------------------------------

  /** Takes the command up again when the transaction has ended, or gives it back when its time is up. */
  park(transaction: Transaction, token: number, command: ParkedCommand): void {
    const untilMs = this.now.monotonicMs + this.config.completionWaitMs;
    const parked = { token, transaction, command, untilMs };
    this.#parked.set(token, parked);
    const waiting = this.#waiting.get(transaction);
    if (waiting === undefined) this.#waiting.set(transaction, [parked]);
    else waiting.push(parked);
  }

  /** Takes out what waited for the transaction. */
  unpark(transaction: Transaction): readonly Parked[] {
    const waiting = this.#waiting.get(transaction) ?? [];
    this.#waiting.delete(transaction);
    for (const { token } of waiting) this.#parked.delete(token);
    return waiting;
  }

  /** Takes out the first command whose time is up, or null. */
  takeOverdue(): Parked | null {
    for (const parked of this.#parked.values()) {
      if (parked.untilMs > this.now.monotonicMs) return null;
      const { token, transaction } = parked;
      this.#parked.delete(token);
      const others = this.#waiting.get(transaction)?.filter((other) => other !== parked) ?? [];
      if (others.length === 0) this.#waiting.delete(transaction);
      else this.#waiting.set(transaction, others);
      return parked;
    }
    return null;
  }

  // Output -----------------------------------------------------------------------------------------------------

  /** `type` says which command is answered; it exists for the compiler. */
  answer<T extends keyof Responses>(_type: T, token: number, response: Responses[T]): void {
    this.#answers.push({ token, response });
  }

  note(note: Note): void {
    this.#notes.push(note);
  }

  take(): Outcome {
    this.armChecks();
    const outcome: Outcome = {
      writes: this.#writes,
      answers: this.#answers,
      notes: this.#notes,
      markers: this.#markers,
    };
    this.#writes = [];
    this.#answers = [];
    this.#notes = [];
    this.#markers = [];
    return outcome;
  }

  // Markers ----------------------------------------------------------------------------------------------------

  sendMarkers(transaction: Transaction): void {
    assert(transaction.isEnding, 'Markers are for a transaction whose end is decided.');
    assert(!this.#sends.has(transaction), 'One send is over before the next begins.');
    const sendId = this.#nextSendId++;
    this.#sends.set(transaction, sendId);
    const { transactionalId, producerId, producerEpoch, status, partitions } = transaction;
    const isCommit = status === 'PrepareCommit';
    this.#markers.push({
      sendId,
      transactionalId,
      producerId,
      producerEpoch,
      isCommit,
      topics: partitions.topics(),
    });
  }

  /** Whether the send is the one under way, which is over with that. */
  endSend(transaction: Transaction, sendId: number): boolean {
    if (this.#sends.get(transaction) !== sendId) return false;
    this.#sends.delete(transaction);
    return true;
  }

  // Writes -----------------------------------------------------------------------------------------------------

  /**
   * Writes the record of the pending transition. `settle` hears, once, NONE or what a client is to be told;
   * `completed` runs after the transition, also when whoever waited was told before that the time is up.
   */
  transit(
    transaction: Transaction,
    then: {
      readonly settle?: (errorCode: number) => void;
      readonly completed?: () => void;
      readonly failed?: () => void;
    },
  ): void {
    const { pending, transactionalId } = transaction;
    assert(pending !== null, 'The transition is prepared before its record is written.');
    const record = { key: transactionKey(transactionalId), value: transactionValue(pending) };
    // See appendTransactionToLog: whoever waits does so for the timeout of the transaction.
    this.#write([record], Math.max(pending.timeoutMs, LEAST_WAIT_MS), {
      committed: () => {
        transaction.complete();
        if (transaction.status === 'Ongoing') this.ongoing.add(transaction);
        else this.ongoing.delete(transaction);
      },
      failed: (errorCode) => {
        this.note({
          event: 'write failed',
          transactionalId,
          to: pending.status,
          error: errorName(errorCode),
        });
        if (then.failed !== undefined) {
          then.failed();
          return;
        }
        transaction.cancel();
        if (transaction.isNew) this.transactions.delete(transactionalId);
      },
      settle: (errorCode) => then.settle?.(appendErrorCode(errorCode)),
      completed: then.completed,
    });
  }

  /** Writes tombstones; the ids are removed when those are committed. */
  bury(transactions: readonly Transaction[]): void {
    const records = transactions.map(({ transactionalId }) => ({
      key: transactionKey(transactionalId),
      value: null,
    }));
    this.#write(records, null, {
      committed: () => {
        for (const { transactionalId } of transactions) this.transactions.delete(transactionalId);
      },
      failed: () => {
        for (const transaction of transactions) transaction.cancel();
      },
      settle: () => {},
      completed: undefined,
    });
  }

  #write(
    records: readonly CoordinatorRecord[],
    timeoutMs: number | null,
    then: {
      readonly committed: () => void;
      readonly failed: (errorCode: number) => void;
      readonly settle: (errorCode: number) => void;
      readonly completed: (() => void) | undefined;
    },
  ): void {
    const write: PendingWrite = {
      committed: () => {
        then.committed();
        if (!write.isSettled) then.settle(ErrorCode.NONE);
        then.completed?.();
      },
      failed: (errorCode) => {
        then.failed(errorCode);
        if (!write.isSettled) then.settle(errorCode);
      },
      settle: then.settle,
      isSettled: false,
    };
    const id = this.#pendingWrites.put(write);
    this.#writes.push({ id, records, transaction: null, baseSequence: NO_SEQUENCE, timeoutMs });
  }

  get pendingWriteCount(): number {
    return this.#pendingWrites.size;
  }

  committed(writeId: number): void {
    this.#takeWrite(writeId).committed();
  }

  failed(writeId: number, errorCode: number): void {
    assert(errorCode !== ErrorCode.NONE, 'A failure has a code.');
    this.#takeWrite(writeId).failed(errorCode);
  }

  /** Whoever waits must wait no longer; the fate is still to be reported. */
  overdue(writeId: number, errorCode: number): void {
    assert(errorCode !== ErrorCode.NONE, 'A failure has a code.');
    const write = this.#pendingWrites.get(writeId);
    assert(write !== undefined, 'The fate of a write is reported once.');
    if (write.isSettled) return;
    write.isSettled = true;
    write.settle(errorCode);
  }

  #takeWrite(writeId: number): PendingWrite {
    const write = this.#pendingWrites.take(writeId);
    assert(write !== undefined, 'The fate of a write is reported once.');
    return write;
  }
}
