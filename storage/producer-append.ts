// One append as the producers' state sees it: each batch judged, in order, against what was there before it (Kafka's
// ProducerAppendInfo and UnifiedLog#analyzeAndValidateProducerState).
//
// Always true: the state judged against is only read. What the append would change is collected here and taken over
// by ProducerState#apply once the bytes are staged.

import { ControlType, controlTypeOf, endTxnCoordinatorEpoch } from '../protocol/batch/control.ts';
import { RecordCursor } from '../protocol/batch/record.ts';
import * as batch from '../protocol/batch.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { ProducerEntry } from './producer-entry.ts';
import {
  findBatch,
  follows,
  lastSequenceOf,
  NO_EPOCH,
  unknownProducer,
  withBatch,
  withMarker,
} from './producer-entry.ts';
import type { AppendOrigin, CompletedTransaction, ProducerVerdict } from './producers.ts';

export type ProducerLookup = {
  entry(producerId: number): ProducerEntry | undefined;
  /** The lowest sequence seen while the producer's transaction was being verified, or null (KIP-890). */
  lowestSequence(producerId: number): number | null;
  /** Whether a transactional batch of a producer without an open transaction may begin one (KIP-890). */
  isVerified(producerId: number): boolean;
};

const NEW: ProducerVerdict = { kind: 'new' };

export class ProducerAppend {
  readonly #lookup: ProducerLookup;
  readonly #origin: AppendOrigin;
  /** Entries after this append, by producer id. */
  readonly entries = new Map<number, ProducerEntry>();
  /** Transactions that this append begins: first offset to producer id. */
  readonly started = new Map<number, number>();
  readonly completed: CompletedTransaction[] = [];
  /** Producers whose verification is over. */
  readonly verified: number[] = [];

  constructor(lookup: ProducerLookup, origin: AppendOrigin) {
    this.#lookup = lookup;
    this.#origin = origin;
  }

  /** Judges the batch at `pos` and, unless it is refused or a duplicate, adds it. */
  add(records: Buffer, pos: number): ProducerVerdict {
    const producerId = batch.producerId(records, pos);
    const known = this.#lookup.entry(producerId);
    if (this.#origin === 'client' && known !== undefined) {
      const duplicate = findBatch(
        known,
        batch.producerEpoch(records, pos),
        batch.baseSequence(records, pos),
        batch.lastSequence(records, pos),
      );
      if (duplicate !== null) {
        const { firstOffset, lastOffset, timestampMs } = duplicate;
        return { kind: 'duplicate', batch: { baseOffset: firstOffset, lastOffset, timestampMs } };
      }
    }
    const isTransactional = batch.isTransactional(records, pos);
    const isControl = batch.isControl(records, pos);
    const isJudged = this.#origin === 'client' || this.#origin === 'coordinator';
    if (
      isJudged &&
      isTransactional &&
      !isControl &&
      (known === undefined || known.currentTxnFirstOffset < 0)
    ) {
      if (!this.#lookup.isVerified(producerId)) {
        return refused(
          ErrorCode.INVALID_TXN_STATE,
          `the transaction of producer ${producerId} was not verified`,
        );
      }
    }
    const entry = this.entries.get(producerId) ?? known ?? unknownProducer(producerId);
    const verdict = isControl
      ? this.#addMarker(records, pos, entry)
      : this.#addData(records, pos, entry, known);
    if (verdict === NEW && isTransactional) this.verified.push(producerId);
    return verdict;
  }

  #addData(
    records: Buffer,
    pos: number,
    entry: ProducerEntry,
    known: ProducerEntry | undefined,
  ): ProducerVerdict {
    const epoch = batch.producerEpoch(records, pos);
    const firstSequence = batch.baseSequence(records, pos);
    const isStale = epoch < entry.producerEpoch && this.#origin !== 'replication';
    if (isStale) return staleEpoch(entry, epoch);
    if (this.#origin === 'client') {
      const verdict = this.#checkSequence(entry, known, epoch, firstSequence);
      if (verdict !== NEW) return verdict;
    }
    const isTransactional = batch.isTransactional(records, pos);
    if (entry.currentTxnFirstOffset >= 0 && !isTransactional && this.#origin !== 'replication') {
      return refused(
        ErrorCode.INVALID_TXN_STATE,
        `producer ${entry.producerId} has an open transaction and wrote outside of it`,
      );
    }
    const firstOffset = batch.baseOffset(records, pos);
    const updated = withBatch(entry, epoch, {
      firstSequence,
      lastSequence: batch.lastSequence(records, pos),
      firstOffset,
      lastOffset: batch.lastOffset(records, pos),
      timestampMs: batch.maxTimestamp(records, pos),
    });
    const begins = isTransactional && entry.currentTxnFirstOffset < 0;
    if (begins) this.started.set(firstOffset, entry.producerId);
    this.entries.set(entry.producerId, begins ? { ...updated, currentTxnFirstOffset: firstOffset } : updated);
    return NEW;
  }

  #checkSequence(
    entry: ProducerEntry,
    known: ProducerEntry | undefined,
    epoch: number,
    firstSequence: number,
  ): ProducerVerdict {
    const lowest = this.#lookup.lowestSequence(entry.producerId);
    if (lowest !== null && firstSequence > lowest) {
      return outOfOrder(entry, firstSequence, `the earliest seen while verifying is ${lowest}`);
    }
    if (epoch !== entry.producerEpoch) {
      // A new epoch begins at 0. Of a producer that nothing is known of, any sequence is taken.
      if (firstSequence === 0 || entry.producerEpoch === NO_EPOCH) return NEW;
      return outOfOrder(entry, firstSequence, `epoch ${epoch} is new and must begin at 0`);
    }
    const last = lastSequenceOf(entry);
    // Nothing was known before this append, perhaps because retention has taken it: any sequence goes.
    if ((known?.producerEpoch ?? NO_EPOCH) === NO_EPOCH || follows(last, firstSequence)) return NEW;
    return outOfOrder(entry, firstSequence, `the last one is ${last}`);
  }

  #addMarker(records: Buffer, pos: number, entry: ProducerEntry): ProducerVerdict {
    // A compaction may have taken the marker and left its batch: the transaction has gone whole.
    if (batch.recordCount(records, pos) === 0) return NEW;
    const marker = readMarker(records, pos);
    const isBelieved = this.#origin === 'replication';
    if (marker === null) {
      // The log of the leader, or our own, holds it already: it ends no transaction.
      if (isBelieved) return NEW;
      return refused(ErrorCode.INVALID_RECORD, 'a control batch holds no end-of-transaction marker');
    }
    const { producerId } = entry;
    const epoch = batch.producerEpoch(records, pos);
    if (epoch < entry.producerEpoch && !isBelieved) return staleEpoch(entry, epoch);
    if (marker.coordinatorEpoch < entry.coordinatorEpoch && !isBelieved) {
      return refused(
        ErrorCode.TRANSACTION_COORDINATOR_FENCED,
        `coordinator epoch ${marker.coordinatorEpoch} for producer ${producerId} is below ${entry.coordinatorEpoch}`,
      );
    }
    // A marker for a transaction without data here leaves no trace in the transaction index.
    if (entry.currentTxnFirstOffset >= 0) {
      const { isAborted } = marker;
      const lastOffset = batch.baseOffset(records, pos);
      this.completed.push({ producerId, firstOffset: entry.currentTxnFirstOffset, lastOffset, isAborted });
    }
    this.entries.set(producerId, withMarker(entry, epoch, marker.coordinatorEpoch, marker.timestampMs));
    return NEW;
  }
}

type Marker = { isAborted: boolean; coordinatorEpoch: number; timestampMs: number };

/** The end-of-transaction marker in a control batch, or null when there is none. Control batches have no codec. */
function readMarker(records: Buffer, pos: number): Marker | null {
  if (batch.compressionId(records, pos) !== 0) return null;
  const end = pos + batch.sizeInBytes(records, pos);
  const cursor = new RecordCursor(records, pos + batch.BATCH_HEADER_SIZE, end);
  if (!cursor.next()) return null;
  const { key, value, timestampMs } = cursor.read(0, batch.firstTimestamp(records, pos));
  const type = controlTypeOf(key);
  const coordinatorEpoch = endTxnCoordinatorEpoch(value);
  if (coordinatorEpoch === null || (type !== ControlType.ABORT && type !== ControlType.COMMIT)) return null;
  return { isAborted: type === ControlType.ABORT, coordinatorEpoch, timestampMs };
}

function staleEpoch(entry: ProducerEntry, epoch: number): ProducerVerdict {
  return refused(
    ErrorCode.INVALID_PRODUCER_EPOCH,
    `epoch ${epoch} of producer ${entry.producerId} is below ${entry.producerEpoch}`,
  );
}

function outOfOrder(entry: ProducerEntry, sequence: number, why: string): ProducerVerdict {
  return refused(
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `sequence ${sequence} of producer ${entry.producerId} is out of order: ${why}`,
  );
}

function refused(errorCode: number, errorMessage: string): ProducerVerdict {
  return { kind: 'refused', errorCode, errorMessage };
}
