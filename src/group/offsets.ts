/**
 * The offsets of one group: committed ones, commits on their way to the log, and those of open transactions.
 *
 * What is always true:
 * - for a partition the record with the highest log offset decides, whatever the order in which fates are
 *   reported: that is also what is left after compaction. A record of a transaction counts at its own offset,
 *   not at that of the marker (see CommitRecordMetadataAndOffset in Kafka's GroupMetadata);
 * - a tombstone removes what stands before it in the log, also within open transactions;
 * - committed and pending transactional offsets are a function of the records and markers alone.
 */
import { PartitionMap } from './partition-map.ts';

export interface OffsetAndMetadata {
  /** As the client gave it, bit for bit. */
  readonly offset: bigint;
  /** -1 when the client did not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: bigint;
  /** Only from OffsetCommit 2 to 4 with a retention time; -1 otherwise. */
  readonly expireTimestampMs: number;
}

/** An offset whose record is in the log. */
export interface StoredOffset extends OffsetAndMetadata {
  readonly recordOffset: number;
}

export interface PartitionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly value: OffsetAndMetadata;
}

export class GroupOffsets {
  readonly #committed = new PartitionMap<StoredOffset>();
  /** Id of the newest write on its way to the log that holds a commit for the partition. */
  readonly #inFlight = new PartitionMap<number>();
  /** By producer id: offsets in the log whose transaction has not ended. */
  readonly #transactional = new Map<number, PartitionMap<StoredOffset>>();
  readonly #transactionalInFlight = new Map<number, PartitionMap<number>>();

  /** Number of committed offsets. */
  get count(): number {
    return this.#committed.size;
  }

  /** Whether the group has anything to keep: see GroupMetadata.hasOffsets. */
  get isEmpty(): boolean {
    return (
      this.#committed.size === 0 &&
      this.#inFlight.size === 0 &&
      this.#transactional.size === 0 &&
      this.#transactionalInFlight.size === 0
    );
  }

  get committed(): PartitionMap<StoredOffset> {
    return this.#committed;
  }

  /** Open transactions with offsets in the log, by producer id. */
  get transactional(): ReadonlyMap<number, PartitionMap<StoredOffset>> {
    return this.#transactional;
  }

  /** A write with this commit is on its way. */
  begin(writeId: number, topic: string, partition: number, producerId: number | null): void {
    if (producerId === null) {
      this.#inFlight.set(topic, partition, writeId);
      return;
    }
    let partitions = this.#transactionalInFlight.get(producerId);
    if (partitions === undefined) {
      partitions = new PartitionMap();
      this.#transactionalInFlight.set(producerId, partitions);
    }
    partitions.set(topic, partition, writeId);
  }

  /** The write is no longer on its way, whatever became of it. */
  end(writeId: number, topic: string, partition: number, producerId: number | null): void {
    const partitions = producerId === null ? this.#inFlight : this.#transactionalInFlight.get(producerId);
    if (partitions?.get(topic, partition) !== writeId) return;
    partitions.delete(topic, partition);
    if (producerId !== null && partitions.size === 0) this.#transactionalInFlight.delete(producerId);
  }

  /** A committed record without a transaction. */
  store(topic: string, partition: number, stored: StoredOffset): void {
    const current = this.#committed.get(topic, partition);
    if (current === undefined || current.recordOffset < stored.recordOffset) {
      this.#committed.set(topic, partition, stored);
    }
  }

  /** A committed record within the open transaction of a producer. */
  storeTransactional(producerId: number, topic: string, partition: number, stored: StoredOffset): void {
    let partitions = this.#transactional.get(producerId);
    if (partitions === undefined) {
      partitions = new PartitionMap();
      this.#transactional.set(producerId, partitions);
    }
    const current = partitions.get(topic, partition);
    if (current === undefined || current.recordOffset < stored.recordOffset) {
      partitions.set(topic, partition, stored);
    }
  }

  /** A committed tombstone at `recordOffset`. */
  remove(topic: string, partition: number, recordOffset: number): void {
    const current = this.#committed.get(topic, partition);
    if (current !== undefined && current.recordOffset < recordOffset)
      this.#committed.delete(topic, partition);
    for (const producerId of this.#transactional.keys()) {
      this.removeTransactional(producerId, topic, partition, recordOffset);
    }
  }

  /** A committed tombstone within a transaction; Kafka writes none, but its loader honours them. */
  removeTransactional(producerId: number, topic: string, partition: number, recordOffset: number): void {
    const partitions = this.#transactional.get(producerId);
    const current = partitions?.get(topic, partition);
    if (partitions === undefined || current === undefined || current.recordOffset > recordOffset) return;
    partitions.delete(topic, partition);
    if (partitions.size === 0) this.#transactional.delete(producerId);
  }

  /** The producer's transaction has ended: its offsets become committed, or are forgotten. */
  endTransaction(producerId: number, isCommit: boolean): void {
    const partitions = this.#transactional.get(producerId);
    this.#transactional.delete(producerId);
    if (partitions === undefined || !isCommit) return;
    for (const [topic, partition, stored] of partitions.entries()) this.store(topic, partition, stored);
  }

  /** Whether a commit for the partition may still come true: then no stable offset can be told (KIP-447). */
  isUnstable(topic: string, partition: number): boolean {
    if (this.#inFlight.has(topic, partition)) return true;
    for (const partitions of this.#transactional.values()) {
      if (partitions.has(topic, partition)) return true;
    }
    for (const partitions of this.#transactionalInFlight.values()) {
      if (partitions.has(topic, partition)) return true;
    }
    return false;
  }

  /** Every partition of which the log holds, or may soon hold, something of this group. */
  allPartitions(): PartitionMap<true> {
    const all = new PartitionMap<true>();
    const maps: Iterable<PartitionMap<unknown>>[] = [
      [this.#committed, this.#inFlight],
      this.#transactional.values(),
      this.#transactionalInFlight.values(),
    ];
    for (const some of maps) {
      for (const map of some) {
        for (const [topic, partition] of map.entries()) all.set(topic, partition, true);
      }
    }
    return all;
  }
}
