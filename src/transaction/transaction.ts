/**
 * One transactional id: the producer that owns it, where its transaction stands, and where it is about to go.
 *
 * What is always true:
 * - all fields but `pending`, and the partitions that markers have reached, are those of the newest committed
 *   record of the id;
 * - at most one transition is pending, and it leads where the table below allows; nothing else may begin before
 *   its end;
 * - the epoch of a producer id never goes back.
 *
 * See TransactionMetadata.scala.
 */
import { assert } from '../../protocol/assert.ts';
import { PartitionSet } from './partition-set.ts';

export type TransactionStatus =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'
  | 'Dead'
  | 'PrepareEpochFence';

/** In the order of their numbers in TransactionLogValue. The last two never reach the log. */
export const TRANSACTION_STATUSES: readonly TransactionStatus[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
];

/** From where each status may be reached. */
const PREVIOUS: Readonly<Record<TransactionStatus, readonly TransactionStatus[]>> = {
  Empty: ['Empty', 'CompleteCommit', 'CompleteAbort'],
  Ongoing: ['Ongoing', 'Empty', 'CompleteCommit', 'CompleteAbort'],
  PrepareCommit: ['Ongoing'],
  PrepareAbort: ['Ongoing'],
  CompleteCommit: ['PrepareCommit'],
  CompleteAbort: ['PrepareAbort'],
  Dead: ['Empty', 'CompleteCommit', 'CompleteAbort'],
  PrepareEpochFence: [],
};

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
const MAX_EPOCH = 32_767;
const NO_START = -1;

/** An epoch from which no other is given out: the last one is kept to fence with. See TransactionMetadata.isEpochExhausted. */
export function isEpochExhausted(producerEpoch: number): boolean {
  return producerEpoch >= MAX_EPOCH - 1;
}

/** What a record of the log says of a transactional id. */
export interface TransactionState {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  readonly status: TransactionStatus;
  readonly partitions: PartitionSet;
  /** Wall clock; -1 when nothing was added yet. */
  readonly startMs: number;
  readonly lastUpdateMs: number;
}

/** Where a transactional id goes once the record of it is committed. */
export interface Transition extends TransactionState {
  readonly lastProducerEpoch: number;
  /** An abort with a bumped epoch: from now on the old one is refused. */
  readonly isFence: boolean;
}

export class Transaction implements TransactionState {
  readonly transactionalId: string;
  producerId: number;
  producerEpoch = NO_PRODUCER_EPOCH;
  timeoutMs: number;
  status: TransactionStatus = 'Empty';
  /** After a Prepare*: those whose marker is still to be written. */
  partitions = new PartitionSet();
  startMs = NO_START;
  lastUpdateMs: number;
  /** Of the producer before, for retries of InitProducerId (KIP-360). Not in the log: a new coordinator forgets it. */
  lastProducerId = NO_PRODUCER_ID;
  lastProducerEpoch = NO_PRODUCER_EPOCH;
  pending: Transition | null = null;

  constructor(transactionalId: string, producerId: number, timeoutMs: number, nowMs: number) {
    this.transactionalId = transactionalId;
    this.producerId = producerId;
    this.timeoutMs = timeoutMs;
    this.lastUpdateMs = nowMs;
  }

  static fromLog(transactionalId: string, state: TransactionState): Transaction {
    const { producerId, timeoutMs, lastUpdateMs } = state;
    const transaction = new Transaction(transactionalId, producerId, timeoutMs, lastUpdateMs);
    transaction.producerEpoch = state.producerEpoch;
    transaction.status = state.status;
    transaction.partitions = state.partitions;
    transaction.startMs = state.startMs;
    return transaction;
  }

  /** The epoch that requests are held against: a fence counts from its beginning. */
  get currentEpoch(): number {
    return this.pending?.isFence ? this.pending.producerEpoch : this.producerEpoch;
  }

  /** Nothing of it has ever been committed. */
  get isNew(): boolean {
    return this.producerEpoch === NO_PRODUCER_EPOCH;
  }

  get isEnding(): boolean {
    return this.status === 'PrepareCommit' || this.status === 'PrepareAbort';
  }

  // Transitions ------------------------------------------------------------------------------------------------

  /** To a producer with this id and epoch, without a transaction. */
  prepareEmpty(
    producer: { producerId: number; producerEpoch: number; lastProducerEpoch: number },
    timeoutMs: number,
    nowMs: number,
  ): Transition {
    const { producerId, producerEpoch } = producer;
    const isNext = producerEpoch === this.producerEpoch || producerEpoch === this.producerEpoch + 1;
    assert(
      producerId === this.producerId ? isNext : producerEpoch === 0,
      'The epoch of a producer id goes on by one, that of a new id begins at 0.',
    );
    const partitions = new PartitionSet();
    return this.#prepare({
      ...producer,
      timeoutMs,
      status: 'Empty',
      partitions,
      startMs: NO_START,
      lastUpdateMs: nowMs,
    });
  }

  /** To a transaction with these partitions too. */
  prepareOngoing(partitions: PartitionSet, nowMs: number): Transition {
    const startMs = this.status === 'Ongoing' ? this.startMs : nowMs;
    return this.#prepare({ status: 'Ongoing', partitions, startMs, lastUpdateMs: nowMs });
  }

  prepareEnd(isCommit: boolean, nowMs: number): Transition {
    return this.#prepare({ status: isCommit ? 'PrepareCommit' : 'PrepareAbort', lastUpdateMs: nowMs });
  }

  /** To an abort that fences the producer: see TransactionMetadata.prepareFenceProducerEpoch. */
  prepareFencedAbort(nowMs: number): Transition {
    return this.#prepare({
      status: 'PrepareAbort',
      // The last epoch is never given to a producer, so that there is nobody left to fence beyond it.
      producerEpoch: Math.min(this.producerEpoch + 1, MAX_EPOCH),
      lastProducerEpoch: NO_PRODUCER_EPOCH,
      lastUpdateMs: nowMs,
      isFence: true,
    });
  }

  /** To the end of the transaction, once its markers are written. */
  prepareComplete(nowMs: number): Transition {
    const status = this.status === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort';
    return this.#prepare({ status, partitions: new PartitionSet(), lastUpdateMs: nowMs });
  }

  /** To nothing: a tombstone. */
  prepareDead(): Transition {
    return this.#prepare({ status: 'Dead', partitions: new PartitionSet() });
  }

  #prepare(changes: Partial<Transition>): Transition {
    assert(this.pending === null, 'One transition ends before the next begins.');
    const { producerId, producerEpoch, lastProducerEpoch, timeoutMs, partitions, startMs, lastUpdateMs } =
      this;
    const transition: Transition = {
      producerId,
      producerEpoch,
      lastProducerEpoch,
      timeoutMs,
      status: this.status,
      partitions,
      startMs,
      lastUpdateMs,
      isFence: false,
      ...changes,
    };
    assert(PREVIOUS[transition.status].includes(this.status), 'A transition leads where the table allows.');
    assert(transition.producerId >= 0, 'A producer id is not negative.');
    assert(transition.producerEpoch >= 0, 'An epoch that is written is not negative.');
    this.pending = transition;
    return transition;
  }

  /** The record of the pending transition is committed. */
  complete(): void {
    const transition = this.pending;
    assert(transition !== null, 'A transition that completes has begun.');
    assert(transition.status !== 'Dead', 'What is dead is removed.');
    this.pending = null;
    if (transition.status === 'Empty') this.lastProducerId = this.producerId;
    this.producerId = transition.producerId;
    this.producerEpoch = transition.producerEpoch;
    this.lastProducerEpoch = transition.lastProducerEpoch;
    this.timeoutMs = transition.timeoutMs;
    this.status = transition.status;
    this.partitions = transition.partitions;
    this.startMs = transition.startMs;
    this.lastUpdateMs = transition.lastUpdateMs;
  }

  /** The record of the pending transition is not in the log. */
  cancel(): void {
    assert(this.pending !== null, 'A transition that fails has begun.');
    this.pending = null;
  }
}
