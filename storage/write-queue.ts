/**
 * The bytes of one log that were appended and are not in a file yet, and the two ways there: a write from the event
 * loop, or, while the directory's disk lets writers wait (stall-guard.ts), writes on the thread pool.
 *
 * Always true:
 * - Bytes are written in the order in which they were appended, one write of a log at a time; what is appended while one
 *   is under way is written by the next, together (group commit).
 * - `onWritten` and `onFailed` of the owner are the only news, besides the promises. A write that fails is followed by no
 *   other: what waited behind it is forgotten, and everybody who waits is told the error.
 * - Memory that a write on the pool was given is used again only when that write has ended, whatever became of the log.
 * - A write that was given up (its bytes were written another way, or are no longer wanted) can't be called back. Where
 *   the file was cut meanwhile nothing more is written by this log before it has ended and the file was cut again.
 */

import { DiskError } from './disk.ts';
import type { Segment } from './segment.ts';
import type { StagingPool } from './staging.ts';
import { Staging } from './staging.ts';
import type { StallGuard } from './stall-guard.ts';

export interface WriteQueueOwner {
  /** Everything below `endOffset` is in its file. */
  onWritten(endOffset: number): void;
  /** A write on the pool failed: whatever was appended since the last `onWritten` is given up. */
  onFailed(cause: DiskError): void;
  /** A write failed that nothing depends on any more. */
  onLateFailure(cause: DiskError): void;
  /** A file was cut once more: a power cut could bring back what was behind its end. */
  onCutAgain(segment: Segment): void;
}

interface Write {
  readonly segment: Segment;
  readonly staging: Staging;
  /** Of what lies in it. */
  readonly endOffset: number;
  isGivenUp: boolean;
  /** The file was cut since it was given up. */
  needsCut: boolean;
}

interface Waiter {
  readonly endOffset: number;
  readonly resolve: () => void;
  readonly reject: (cause: DiskError) => void;
}

export class WriteQueue {
  readonly guard: StallGuard;
  readonly #pool: StagingPool;
  readonly #owner: WriteQueueOwner;
  /** What was appended last, and where it goes. */
  #staging: Staging;
  #segment: Segment | null = null;
  #endOffset = 0;
  /** What goes to segments that were closed since. */
  #sealed: Write[] = [];
  #underWay: Write | null = null;
  /** Writes that were given up and have not ended. */
  readonly #late = new Set<Write>();
  #waiters: Waiter[] = [];
  #unfenced: (() => void)[] = [];

  constructor(pool: StagingPool, guard: StallGuard, owner: WriteQueueOwner) {
    this.#pool = pool;
    this.guard = guard;
    this.#owner = owner;
    this.#staging = new Staging(pool, guard);
  }

  get stagedBytes(): number {
    return this.#staging.bytes;
  }

  /** Whether what is appended now goes through the thread pool: it must not overtake what is on its way there. */
  get isOnPool(): boolean {
    return this.guard.isStalled || this.#underWay !== null || this.#sealed.length > 0 || this.#late.size > 0;
  }

  /** Copies what ends below `endOffset` and goes to `segment`. */
  stage(records: Buffer, segment: Segment, endOffset: number, isOnPool: boolean): void {
    this.#staging.add(records);
    if (isOnPool) this.#staging.hold();
    this.#segment = segment;
    this.#endOffset = endOffset;
  }

  // --------------------------------------------------------------------------------------- from the event loop

  /** Writes what is staged, and `last` behind it; only while nothing is on the pool. @throws {DiskError} */
  writeNow(segment: Segment, last: Buffer | null): void {
    const bytes = this.#staging.bytes + (last?.length ?? 0);
    this.guard.timed(() => segment.write(this.#staging.parts(last), bytes));
    this.#staging.clear();
  }

  /**
   * Writes everything from the event loop, also what is under way on the pool: the same bytes to the same place, so that
   * it matters to nobody when the other write ends. Not so once the file was cut below such a write: then it is refused
   * as EBUSY. @throws {DiskError} with part of it done and the rest as it was
   */
  settleNow(): void {
    for (;;) {
      const write = this.#underWay ?? this.#sealed[0] ?? this.#takeStaged();
      if (write === null) return;
      if (this.isFenced) {
        if (this.#sealed[0] !== write) this.#sealed.unshift(write);
        throw new DiskError('EBUSY', 'write', write.segment.file.path);
      }
      try {
        write.segment.write(write.staging.parts(null), write.staging.bytes);
      } catch (error) {
        if (write !== this.#underWay && this.#sealed[0] !== write) this.#sealed.unshift(write);
        this.start();
        throw error;
      }
      if (write === this.#underWay) this.#giveUp(write);
      else {
        if (this.#sealed[0] === write) this.#sealed.shift();
        write.staging.clear();
      }
      this.#written(write.endOffset);
    }
  }

  // ---------------------------------------------------------------------------------------- on the thread pool

  /** The segment that staged bytes go to is closed: what follows is written apart from them. */
  seal(): void {
    const write = this.#takeStaged();
    if (write !== null) this.#sealed.push(write);
  }

  /**
   * Begins to write unless a write is under way; resolves when all below `endOffset` is written or no longer wanted.
   * @throws {DiskError}
   */
  flush(endOffset: number): Promise<void> {
    this.#staging.hold();
    this.start();
    return this.whenWritten(endOffset);
  }

  /** @throws {DiskError} */
  whenWritten(endOffset: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.push({ endOffset, resolve, reject }));
  }

  /** The end of what is on its way to a closed segment, or -1. */
  endOffsetFor(segment: Segment): number {
    const writes = this.#underWay === null ? this.#sealed : [this.#underWay, ...this.#sealed];
    return writes.findLast((write) => write.segment === segment)?.endOffset ?? -1;
  }

  #takeStaged(): Write | null {
    const segment = this.#segment;
    if (segment === null || this.#staging.bytes === 0) return null;
    const write: Write = {
      segment,
      staging: this.#staging,
      endOffset: this.#endOffset,
      isGivenUp: false,
      needsCut: false,
    };
    write.staging.hold();
    this.#staging = new Staging(this.#pool, this.guard);
    return write;
  }

  /** Begins to write what waits, unless a write is under way. */
  start(): void {
    if (this.#underWay !== null || this.isFenced) return;
    const write = this.#sealed.shift() ?? this.#takeStaged();
    if (write === null) return;
    this.#underWay = write;
    const { segment, staging } = write;
    this.guard
      .timedAsync(async () => segment.writeAsync(staging.parts(null)))
      .then(
        () => this.#ended(write, null),
        (error: unknown) => {
          if (!(error instanceof DiskError)) throw error;
          this.#ended(write, error);
        },
      );
  }

  #ended(write: Write, failure: DiskError | null): void {
    const { bytes } = write.staging;
    write.staging.clear();
    if (write.isGivenUp) {
      this.#lateEnded(write, failure);
      return;
    }
    this.#underWay = null;
    if (failure === null) {
      write.segment.wrote(bytes);
      this.#written(write.endOffset);
      this.start();
    } else {
      const waiters = this.#forget();
      this.#owner.onFailed(failure);
      for (const { reject } of waiters) reject(failure);
    }
  }

  #written(endOffset: number): void {
    this.#owner.onWritten(endOffset);
    const due = this.#waiters.filter((waiter) => waiter.endOffset <= endOffset);
    this.#waiters = this.#waiters.filter((waiter) => waiter.endOffset > endOffset);
    for (const { resolve } of due) resolve();
  }

  // ------------------------------------------------------------------------------------------------- giving up

  /** Forgets all that is not in a file; whoever waits for it is told `cause`, or by null that nobody wants it any more. */
  drop(cause: DiskError | null): void {
    for (const { resolve, reject } of this.#forget()) {
      if (cause === null) resolve();
      else reject(cause);
    }
  }

  /** The waiters are left to the caller. */
  #forget(): readonly Waiter[] {
    if (this.#underWay !== null) this.#giveUp(this.#underWay);
    for (const { staging } of this.#sealed.splice(0)) staging.clear();
    this.#staging.clear();
    return this.#waiters.splice(0);
  }

  #giveUp(write: Write): void {
    write.isGivenUp = true;
    this.#underWay = null;
    this.#late.add(write);
  }

  /** The file of `segment` was cut: a write to it that was given up may still put bytes behind its end. */
  wasCut(segment: Segment): void {
    for (const write of this.#late) if (write.segment === segment) write.needsCut = true;
  }

  /** Whether nothing may be written because a write is to be waited for that was given up. */
  get isFenced(): boolean {
    for (const write of this.#late) if (write.needsCut) return true;
    return false;
  }

  /** Resolves when such writes have ended, and their files were cut again. */
  async unfenced(): Promise<void> {
    while (this.isFenced) await new Promise<void>((resolve) => this.#unfenced.push(resolve));
  }

  #lateEnded(write: Write, failure: DiskError | null): void {
    this.#late.delete(write);
    if (failure !== null) this.#owner.onLateFailure(failure);
    if (write.needsCut) this.#owner.onCutAgain(write.segment);
    if (this.isFenced) return;
    for (const resolve of this.#unfenced.splice(0)) resolve();
    this.start();
  }
}
