// What a partition remembers of one producer (KIP-98): Kafka's ProducerStateEntry.
//
// Always true: an entry is immutable; a batch makes a new one. `batches` are all of `producerEpoch`, oldest first, at
// most five: a producer may have five requests in flight, so a retry can be of any of them.

/** A client may have this many batches in flight; a retry of an older one is out of order. */
export const RETAINED_BATCHES = 5;

export const NO_EPOCH = -1;
const NO_SEQUENCE = -1;
const SEQUENCES = 2 ** 31;

export type BatchMetadata = {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** The batch's max timestamp. */
  readonly timestampMs: number;
};

export type ProducerEntry = {
  readonly producerId: number;
  /** -1: nothing of this producer is known. */
  readonly producerEpoch: number;
  /** Of the transaction coordinator that wrote the last marker; -1 before the first. */
  readonly coordinatorEpoch: number;
  readonly lastTimestampMs: number;
  /** -1: no transaction is open. */
  readonly currentTxnFirstOffset: number;
  readonly batches: readonly BatchMetadata[];
};

export function unknownProducer(producerId: number): ProducerEntry {
  return {
    producerId,
    producerEpoch: NO_EPOCH,
    coordinatorEpoch: -1,
    lastTimestampMs: -1,
    currentTxnFirstOffset: -1,
    batches: [],
  };
}

/** The sequence of the last remembered batch, or -1. */
export function lastSequenceOf(entry: ProducerEntry): number {
  return entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE;
}

/** `sequence` moved back by `count`, wrapping from 0 to 2^31-1. */
export function sequenceBefore(sequence: number, count: number): number {
  return sequence < count ? sequence - count + SEQUENCES : sequence - count;
}

/** Whether `next` may follow `last`: sequences go on from 2^31-1 to 0. */
export function follows(last: number, next: number): boolean {
  return next === last + 1 || (next === 0 && last === SEQUENCES - 1);
}

/** The remembered batch with exactly these sequences and this epoch, or null. */
export function findBatch(
  entry: ProducerEntry,
  producerEpoch: number,
  firstSequence: number,
  lastSequence: number,
): BatchMetadata | null {
  if (entry.producerEpoch !== producerEpoch) return null;
  for (const known of entry.batches) {
    if (known.firstSequence === firstSequence && known.lastSequence === lastSequence) return known;
  }
  return null;
}

/** The entry after a batch of data. A new epoch forgets the batches of the old one. */
export function withBatch(entry: ProducerEntry, producerEpoch: number, added: BatchMetadata): ProducerEntry {
  const known = entry.producerEpoch === producerEpoch ? entry.batches : [];
  const kept = known.length === RETAINED_BATCHES ? known.slice(1) : known;
  return { ...entry, producerEpoch, batches: [...kept, added], lastTimestampMs: added.timestampMs };
}

/** The entry after an end-of-transaction marker. */
export function withMarker(
  entry: ProducerEntry,
  producerEpoch: number,
  coordinatorEpoch: number,
  timestampMs: number,
): ProducerEntry {
  const batches = entry.producerEpoch === producerEpoch ? entry.batches : [];
  const { producerId } = entry;
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    lastTimestampMs: timestampMs,
    currentTxnFirstOffset: -1,
    batches,
  };
}
