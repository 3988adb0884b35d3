/**
 * Which leader epoch wrote which offsets: the cache behind `leader-epoch-checkpoint` (KIP-101, KIP-279).
 *
 *   0            version
 *   2            number of entries
 *   0 0          epoch, first offset of that epoch
 *   3 1200
 *
 * Always true: entries ascend strictly in epoch and in start offset; an epoch ends where the next one starts, the last
 * at the log's end. The file is made durable by `flush`, which the log calls before its recovery point passes the
 * segment in which they changed: recovery reads the epochs of later segments again from their batches (KAFKA-16541).
 * An epoch without records is not worth a file: the next start would drop it, and a start is when most epochs begin.
 */

import { assert } from '../protocol/assert.ts';
import { formatCheckpoint, parseCheckpointLines } from './checkpoint.ts';
import type { Disk } from './disk.ts';
import { DiskError } from './disk.ts';
import { joinPath, LEADER_EPOCH_FILE } from './layout.ts';
import { readSmallFile, replaceSmallFile, replaceSmallFileLater } from './small-file.ts';

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
  /** What the file holds for sure, whatever happens to the power; null when that is not known. */
  #durable: string | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #damaged = false;

  private constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** `isDurable` says that the file has been synced: the log was closed cleanly. */
  static load(disk: Disk, directory: string, isDurable: boolean): LeaderEpochs {
    const epochs = new LeaderEpochs(disk, joinPath(directory, LEADER_EPOCH_FILE));
    const contents = readSmallFile(disk, epochs.#path);
    if (contents === null) {
      epochs.#damaged = true;
      return epochs;
    }
    const lines = parseCheckpointLines(contents.toString('latin1'));
    const entries = (lines ?? []).map(parseEntry);
    epochs.#damaged = lines === null || contents.length === 0 || entries.includes(null);
    if (epochs.#damaged) return epochs;
    for (const entry of entries) if (entry !== null) epochs.#insert(entry);
    if (isDurable) epochs.#durable = epochs.#textBelow(Number.POSITIVE_INFINITY);
    return epochs;
  }

  /** True when the file was missing or unreadable: the owner reads the epochs from the batches. */
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
    this.#insert({ epoch, startOffset });
  }

  /** Whether `assign` would change anything; cheap, for the append path. */
  wouldAssign(epoch: number, startOffset: number): boolean {
    const last = this.#entries.at(-1);
    return last === undefined || last.epoch !== epoch || startOffset < last.startOffset;
  }

  #insert(entry: EpochEntry): void {
    if (!this.wouldAssign(entry.epoch, entry.startOffset)) return;
    let kept = this.#entries.length;
    while (kept > 0) {
      const last = this.#entries[kept - 1];
      if (last === undefined || (last.epoch < entry.epoch && last.startOffset < entry.startOffset)) break;
      kept--;
    }
    this.#entries.length = kept;
    this.#entries.push(entry);
  }

  /** The entries as they were at an earlier time: undoes appends whose bytes never reached the disk. */
  restore(entries: readonly EpochEntry[]): void {
    this.#entries = [...entries];
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
    this.#entries = this.#entries.filter((entry) => entry.startOffset < endOffset);
  }

  /** Drops the epochs that end at or before the log's new start; the one that covers it begins there. */
  truncateFromStart(startOffset: number): void {
    const kept = this.#entries.filter((entry) => entry.startOffset > startOffset);
    const covering = this.#entries[this.#entries.length - kept.length - 1];
    if (covering === undefined) return;
    if (covering.startOffset === startOffset && kept.length + 1 === this.#entries.length) return;
    this.#entries = [{ epoch: covering.epoch, startOffset }, ...kept];
    this.#refresh();
  }

  clear(): void {
    this.#entries = [];
  }

  /**
   * Resolves when the file holds the epochs that have records below `logEndOffset`, and would after a power cut.
   * @throws {DiskError}
   */
  flush(logEndOffset: number): Promise<void> {
    const done = this.#flushing.then(() => this.#flush(logEndOffset));
    this.#flushing = done.catch(() => {});
    return done;
  }

  async #flush(logEndOffset: number): Promise<void> {
    const text = this.#textBelow(logEndOffset);
    if (text === this.#durable || (text === EMPTY_FILE && this.#damaged)) return;
    this.#durable = null;
    for (;;) {
      const path = this.#path;
      try {
        await replaceSmallFileLater(this.#disk, path, Buffer.from(text, 'latin1'));
        break;
      } catch (error) {
        // The directory got another name meanwhile.
        if (!(error instanceof DiskError) || error.kind !== 'not-found' || path === this.#path) throw error;
      }
    }
    this.#durable = text;
    this.#damaged = false;
  }

  /**
   * Writes the file without syncing it. After a kill Apache Kafka cuts the epochs at the start that its checkpoint
   * knows of, and that knows of none that a segment's name tells (LogLoader.load).
   */
  #refresh(): void {
    this.#flushing = this.#flushing.then(() => {
      this.#durable = null;
      const text = this.#textBelow(Number.POSITIVE_INFINITY);
      try {
        replaceSmallFile(this.#disk, this.#path, Buffer.from(text, 'latin1'), false);
      } catch {
        // What fails here fails again in `flush`, where somebody waits for it.
      }
    });
  }

  movedTo(directory: string): void {
    this.#path = joinPath(directory, LEADER_EPOCH_FILE);
  }

  #textBelow(endOffset: number): string {
    const entries = this.#entries.filter(({ startOffset }) => startOffset < endOffset);
    return formatCheckpoint(entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`)).toString(
      'latin1',
    );
  }
}

/** A new log has no file until it has records. */
const EMPTY_FILE = formatCheckpoint([]).toString('latin1');

function parseEntry(line: string): EpochEntry | null {
  const match = /^(\d{1,10}) (\d{1,16})$/.exec(line);
  return match === null ? null : { epoch: Number(match[1]), startOffset: Number(match[2]) };
}
