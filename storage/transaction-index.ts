/**
 * The transaction index of one segment: the aborted transactions whose abort marker lies in it (KIP-98).
 *
 *   entry, 34 bytes:
 *    0  version           int16   0
 *    2  producerId        int64
 *   10  firstOffset       int64   of the transaction's first record
 *   18  lastOffset        int64   of its abort marker
 *   26  lastStableOffset  int64   of the partition once the transaction was over
 *
 * Always true: last offsets ascend strictly. The file exists only when it has entries. Like the other indexes it is
 * kept in memory, written behind, and rebuilt from the batches after a crash. Agrees with Kafka's TransactionIndex.
 */

import { readInt64, writeInt64 } from '../protocol/batch/int64.ts';
import type { Disk } from './disk.ts';
import { readSmallFile } from './small-file.ts';

const ENTRY_SIZE = 34;
const VERSION = 0;

export interface AbortedTransactionEntry {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

/** What a fetch answer says of an aborted transaction. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export class TransactionIndex {
  readonly #disk: Disk;
  #path: string;
  /** Null until asked for. */
  #entries: AbortedTransactionEntry[] | null = null;
  #writtenCount = -1;
  #isSound = true;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  get path(): string {
    return this.#path;
  }

  get entries(): readonly AbortedTransactionEntry[] {
    return this.#load();
  }

  get hasFile(): boolean {
    this.#load();
    return this.#writtenCount > 0;
  }

  /** Whether the file held whole entries in order, for a segment that begins at `baseOffset`. */
  isWellFormed(baseOffset: number): boolean {
    const entries = this.#load();
    return this.#isSound && entries.every((entry) => entry.lastOffset >= baseOffset);
  }

  append(entry: AbortedTransactionEntry): void {
    this.#load().push(entry);
  }

  truncateTo(offset: number): void {
    const entries = this.#load();
    let count = entries.length;
    while (count > 0 && (entries[count - 1]?.lastOffset ?? -1) >= offset) count--;
    this.truncateEntries(count);
  }

  truncateEntries(count: number): void {
    const entries = this.#load();
    entries.length = Math.min(entries.length, count);
    if (this.#writtenCount <= entries.length) return;
    const file = this.#disk.open(this.#path, true);
    try {
      file.truncate(entries.length * ENTRY_SIZE);
    } finally {
      file.close();
    }
    this.#writtenCount = entries.length;
  }

  /** There is no file: nothing need be looked for. */
  startEmpty(): void {
    this.#entries = [];
    this.#writtenCount = 0;
    this.#isSound = true;
  }

  /** Forgets everything, on disk too: before the segment is scanned anew. */
  reset(): void {
    this.startEmpty();
    if (this.#disk.status(this.#path) !== null) this.#disk.removeNow(this.#path);
  }

  /** Writes the entries that the file lacks. */
  write(): void {
    const entries = this.#load();
    if (this.#writtenCount >= entries.length) return;
    const fresh = entries.slice(this.#writtenCount);
    const bytes = Buffer.alloc(fresh.length * ENTRY_SIZE);
    fresh.forEach((entry, index) => {
      const start = index * ENTRY_SIZE;
      bytes.writeInt16BE(VERSION, start);
      writeInt64(bytes, start + 2, entry.producerId);
      writeInt64(bytes, start + 10, entry.firstOffset);
      writeInt64(bytes, start + 18, entry.lastOffset);
      writeInt64(bytes, start + 26, entry.lastStableOffset);
    });
    const file = this.#disk.open(this.#path, true);
    try {
      file.write([bytes], this.#writtenCount * ENTRY_SIZE);
    } finally {
      file.close();
    }
    this.#writtenCount = entries.length;
  }

  async sync(): Promise<void> {
    if (!this.hasFile) return;
    const file = this.#disk.open(this.#path, false);
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  /**
   * Adds to `found` the transactions that overlap `[fetchOffset, upperBoundOffset)`. True when no later segment can
   * have another one (TransactionIndex.collectAbortedTxns).
   */
  collect(fetchOffset: number, upperBoundOffset: number, found: AbortedTransaction[]): boolean {
    for (const entry of this.#load()) {
      if (entry.lastOffset >= fetchOffset && entry.firstOffset < upperBoundOffset) {
        found.push({ producerId: entry.producerId, firstOffset: entry.firstOffset });
      }
      if (entry.lastStableOffset >= upperBoundOffset) return true;
    }
    return false;
  }

  release(): void {
    if (this.#entries !== null && this.#writtenCount === this.#entries.length) this.#entries = null;
  }

  movedTo(path: string): void {
    this.#path = path;
  }

  #load(): AbortedTransactionEntry[] {
    if (this.#entries !== null) return this.#entries;
    const entries: AbortedTransactionEntry[] = [];
    const contents = readSmallFile(this.#disk, this.#path) ?? Buffer.alloc(0);
    this.#isSound = contents.length % ENTRY_SIZE === 0;
    for (let start = 0; start + ENTRY_SIZE <= contents.length; start += ENTRY_SIZE) {
      const lastOffset = readInt64(contents, start + 18);
      if (contents.readInt16BE(start) !== VERSION || lastOffset <= (entries.at(-1)?.lastOffset ?? -1)) {
        this.#isSound = false;
        break;
      }
      entries.push({
        producerId: readInt64(contents, start + 2),
        firstOffset: readInt64(contents, start + 10),
        lastOffset,
        lastStableOffset: readInt64(contents, start + 26),
      });
    }
    this.#entries = entries;
    this.#writtenCount = entries.length;
    return entries;
  }
}
