/**
 * Which leader epoch wrote which offsets: the cache behind `leader-epoch-checkpoint` (KIP-101, KIP-279).
 *
 *   0            version
 *   2            number of entries
 *   0 0          epoch, first offset of that epoch
 *   3 1200
 *
 * Always true: entries ascend strictly in epoch and in start offset; an epoch ends where the next one starts, the last
 * at the log's end. The file is written at every change, atomically for readers; it is synced by `flush`, which the
 * log calls before its recovery point passes the change (KAFKA-16541: before that, recovery reads the epochs again
 * from the batches).
 */

import { assert } from '../protocol/assert.ts';
import { formatCheckpoint, parseCheckpointLines } from './checkpoint.ts';
import type { Disk } from './disk.ts';
import { isPassing, readSmallFile, replaceSmallFile } from './disk.ts';
import { joinPath, LEADER_EPOCH_FILE } from './layout.ts';

export interface EpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

export interface EpochEndOffset {
  readonly epoch: number;
  readonly endOffset: number;
}

/** "Not known", as clients and followers see it. */
export const UNDEFINED_EPOCH = -1;
export const UNDEFINED_EPOCH_OFFSET = -1;

export class LeaderEpochs {
  readonly #disk: Disk;
  #path: string;
  #entries: EpochEntry[] = [];
  #unsynced = false;
  #damaged = false;

  private constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  static load(disk: Disk, directory: string): LeaderEpochs {
    const epochs = new LeaderEpochs(disk, joinPath(directory, LEADER_EPOCH_FILE));
    const contents = readSmallFile(disk, epochs.#path);
    if (contents === null) {
      epochs.#damaged = true;
      return epochs;
    }
    const lines = parseCheckpointLines(contents.toString('latin1'));
    const entries = (lines ?? []).map(parseEntry);
    epochs.#damaged = lines === null || contents.length === 0 || entries.includes(null);
    if (!epochs.#damaged) for (const entry of entries) if (entry !== null) epochs.#insert(entry);
    return epochs;
  }

  /** True when the file was missing or unreadable: the owner reads the epochs from the batches, then `rewrite`s. */
  get isDamaged(): boolean {
    return this.#damaged;
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? UNDEFINED_EPOCH;
  }

  get earliestEntry(): EpochEntry | null {
    return this.#entries[0] ?? null;
  }

  /** Notes that `epoch` begins at `startOffset`. Entries that contradict it go (LeaderEpochFileCache.assign). */
  assign(epoch: number, startOffset: number): void {
    assert(epoch >= 0, 'a leader epoch must not be negative');
    assert(startOffset >= 0, 'the start offset of a leader epoch must not be negative');
    if (this.#insert({ epoch, startOffset })) this.#write();
  }

  /** Whether `assign` would change anything; cheap, for the append path. */
  wouldAssign(epoch: number, startOffset: number): boolean {
    const last = this.#entries.at(-1);
    return last === undefined || last.epoch !== epoch || startOffset < last.startOffset;
  }

  #insert(entry: EpochEntry): boolean {
    if (!this.wouldAssign(entry.epoch, entry.startOffset)) return false;
    let kept = this.#entries.length;
    while (kept > 0) {
      const last = this.#entries[kept - 1];
      if (last === undefined || (last.epoch < entry.epoch && last.startOffset < entry.startOffset)) break;
      kept--;
    }
    this.#entries.length = kept;
    this.#entries.push(entry);
    return true;
  }

  /** The entries as they were at an earlier time: undoes appends whose bytes never reached the disk. */
  restore(entries: readonly EpochEntry[]): void {
    if (entries.length === this.#entries.length && entries.every((e, i) => e === this.#entries[i])) return;
    this.#entries = [...entries];
    this.#write();
  }

  /**
   * Where records of the largest known epoch not above `requestedEpoch` end (LeaderEpochFileCache.endOffsetFor).
   * `{-1, -1}` when nothing can be said: undefined request, or an epoch above all known ones.
   */
  endOffsetFor(requestedEpoch: number, logEndOffset: number): EpochEndOffset {
    const undefinedAnswer = { epoch: UNDEFINED_EPOCH, endOffset: UNDEFINED_EPOCH_OFFSET };
    if (requestedEpoch === UNDEFINED_EPOCH) return undefinedAnswer;
    if (requestedEpoch === this.latestEpoch) return { epoch: requestedEpoch, endOffset: logEndOffset };
    const higher = this.#entries.findIndex((entry) => entry.epoch > requestedEpoch);
    const next = this.#entries[higher];
    if (next === undefined) return undefinedAnswer;
    const floor = this.#entries[higher - 1];
    return { epoch: floor?.epoch ?? requestedEpoch, endOffset: next.startOffset };
  }

  /** The epoch that wrote `offset`, or -1. */
  epochFor(offset: number): number {
    let epoch = UNDEFINED_EPOCH;
    for (const entry of this.#entries) {
      if (entry.startOffset > offset) break;
      epoch = entry.epoch;
    }
    return epoch;
  }

  /** Drops the epochs that begin at or after the log's new end. */
  truncateFromEnd(endOffset: number): void {
    const kept = this.#entries.filter((entry) => entry.startOffset < endOffset);
    if (kept.length === this.#entries.length) return;
    this.#entries = kept;
    this.#write();
  }

  /** Drops the epochs that end at or before the log's new start; the one that covers it begins there. */
  truncateFromStart(startOffset: number): void {
    const kept = this.#entries.filter((entry) => entry.startOffset > startOffset);
    const covering = this.#entries[this.#entries.length - kept.length - 1];
    if (
      covering === undefined ||
      (covering.startOffset === startOffset && kept.length + 1 === this.#entries.length)
    )
      return;
    this.#entries = [{ epoch: covering.epoch, startOffset }, ...kept];
    this.#write();
  }

  clear(): void {
    if (this.#entries.length === 0) return;
    this.#entries = [];
    this.#write();
  }

  /** Makes the file as durable as the disk is. */
  flush(): void {
    if (!this.#unsynced) return;
    replaceSmallFile(this.#disk, this.#path, this.#contents());
    this.#unsynced = false;
  }

  /**
   * Makes a sound file of what the batches tell. Where they tell nothing there is none to make: a new log's file comes
   * with its first epoch. (Replacing a file that was just written makes ext4 write it out at once, a millisecond per
   * partition.)
   */
  rewrite(): void {
    this.#damaged = false;
    if (this.#entries.length > 0) this.#write();
  }

  movedTo(directory: string): void {
    this.#path = joinPath(directory, LEADER_EPOCH_FILE);
  }

  /** On a full disk the file stays as it was: until `flush` the batches tell as much. */
  #write(): void {
    this.#unsynced = true;
    try {
      replaceSmallFile(this.#disk, this.#path, this.#contents(), false);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }

  #contents(): Buffer {
    return formatCheckpoint(this.#entries.map((entry) => `${entry.epoch} ${entry.startOffset}`));
  }
}

function parseEntry(line: string): EpochEntry | null {
  const match = /^(\d{1,10}) (\d{1,16})$/.exec(line);
  return match === null ? null : { epoch: Number(match[1]), startOffset: Number(match[2]) };
}
