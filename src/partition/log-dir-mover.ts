/**
 * Moving replicas between the log.dirs of this broker (KIP-113): the records are copied in the background, and when
 * the copy has caught up it takes the log's place between two requests.
 *
 * What is always true: a partition is served by one log, the source until the switch and the copy from then on; the
 * switch is synchronous and loses nothing, because the copy is synced first; a move that fails or is called off leaves
 * the source as it was. See kafka.server.ReplicaAlterLogDirsThread.
 */
import { baseOffset } from '../../protocol/batch.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import { DiskError } from '../../storage/disk.ts';
import type { Log } from '../../storage/log.ts';
import type { LogManager } from '../../storage/log-manager.ts';
import type { Partition } from './partition.ts';

const CHUNK_BYTES = 1024 * 1024;
/** What may be left to copy when requests are held up for the switch. */
const FINAL_BYTES = 256 * 1024;
const IDLE_MS = 10;

export interface LogDirMoverOptions {
  readonly logs: LogManager;
  readonly clock: Clock;
  readonly timer: Timer;
  /** replica.alter.log.dirs.io.max.bytes.per.second */
  readonly maxBytesPerSecond: () => number;
  readonly onMoved: (partition: Partition, directory: string) => void;
  readonly onFailure: (partition: Partition, error: DiskError) => void;
}

export class LogDirMover {
  readonly #options: LogDirMoverOptions;
  readonly #moving = new Map<Partition, Log>();

  constructor(options: LogDirMoverOptions) {
    this.#options = options;
  }

  isMoving(partition: Partition): boolean {
    return this.#moving.has(partition);
  }

  /**
   * Moves the partition's log to the directory `path`, which is one of ours and online. Where it lies there already, a
   * move to elsewhere is called off. @throws {DiskError}
   */
  start(partition: Partition, path: string): void {
    const { logs } = this.#options;
    const { log } = partition;
    const target = logs.directoryAt(path);
    if (target === undefined) return;
    const current = logs.futures.get(partition.topic, partition.index);
    if (current !== undefined && current.directory !== target) this.stop(partition);
    if (logs.directoryOf(log) === target || this.#moving.has(partition)) return;
    const future = logs.futures.create(log, target);
    this.#moving.set(partition, future);
    this.#later(partition, future, 0);
  }

  stop(partition: Partition): void {
    if (!this.#moving.delete(partition)) return;
    this.#options.logs.futures.drop(partition.topic, partition.index);
  }

  #later(partition: Partition, future: Log, delayMs: number): void {
    this.#options.timer.after(delayMs, () => {
      this.#run(partition, future).catch((error: unknown) => {
        if (!(error instanceof DiskError)) throw error;
        this.#options.onFailure(partition, error);
        if (this.#moving.get(partition) === future) this.stop(partition);
      });
    });
  }

  async #run(partition: Partition, future: Log): Promise<void> {
    if (!this.#isUnderWay(partition, future)) return;
    if (future.isCrowded) await future.sync();
    if (!this.#isUnderWay(partition, future)) return;
    const bytes = this.#copyChunk(partition, future);
    if (this.#leftBytes(partition.log, future) <= FINAL_BYTES) {
      await future.sync();
      if (!this.#isUnderWay(partition, future)) return;
      if (this.#leftBytes(partition.log, future) <= FINAL_BYTES && this.#finish(partition, future)) return;
    }
    const pauseMs = Math.ceil((bytes * 1_000) / this.#options.maxBytesPerSecond());
    this.#later(partition, future, bytes === 0 ? IDLE_MS : pauseMs);
  }

  #isUnderWay(partition: Partition, future: Log): boolean {
    if (this.#moving.get(partition) !== future) return false;
    if (!partition.log.isOffline && !future.isOffline && partition.offlineError === ErrorCode.NONE)
      return true;
    this.stop(partition);
    return false;
  }

  /** About how much the copy lacks. Offsets tell whether it is all; bytes, whether it is worth a pause. */
  #leftBytes(source: Log, future: Log): number {
    return future.logEndOffset >= source.logEndOffset ? 0 : Math.max(1, source.sizeBytes - future.sizeBytes);
  }

  /** Copies up to a chunk; how many bytes it was. @throws {DiskError} */
  #copyChunk(partition: Partition, future: Log): number {
    const source = partition.log;
    const nowMs = this.#options.clock.wallMs();
    this.#align(source, future, nowMs);
    if (future.logEndOffset >= source.logEndOffset) return 0;
    const read = source.read(future.logEndOffset, {
      maxBytes: CHUNK_BYTES,
      minOneBatch: true,
      upTo: source.logEndOffset,
    });
    if (read.errorCode !== ErrorCode.NONE) throw new DiskError('EIO', 'read', source.dir);
    for (const records of read.records) {
      const { errorCode } = future.appendAsFollower(records, nowMs);
      if (errorCode !== ErrorCode.NONE) throw new DiskError('EIO', 'append', future.dir);
    }
    future.updateHighWatermark(Math.min(source.highWatermark, future.logEndOffset));
    future.maybeIncrementLogStartOffset(source.logStartOffset);
    return read.bytes;
  }

  /** Cuts what the source no longer has, at either end. @throws {DiskError} */
  #align(source: Log, future: Log, nowMs: number): void {
    const { endOffset } = source.endOffsetForEpoch(future.latestEpoch);
    if (endOffset >= 0 && endOffset < future.logEndOffset) future.truncateTo(endOffset, nowMs);
    if (future.logEndOffset >= source.logStartOffset && future.logEndOffset > 0) return;
    const first = source.read(source.logStartOffset, { maxBytes: 0, minOneBatch: true }).records[0];
    // The log start may lie inside a batch, and a compacted log may begin after it.
    const begin = Math.min(
      source.logStartOffset,
      first === undefined ? source.logStartOffset : baseOffset(first),
    );
    if (begin > 0) future.truncateFullyAndStartAt(begin, nowMs, source.logStartOffset);
  }

  /** Copies the rest and switches, in one go; false when there is more to copy after all. @throws {DiskError} */
  #finish(partition: Partition, future: Log): boolean {
    const source = partition.log;
    // Neither waits for a disk that lets writers wait: the switch comes when it is quick again.
    if (!isFlushed(source)) return false;
    while (future.logEndOffset < source.logEndOffset) if (this.#copyChunk(partition, future) === 0) break;
    if (future.logEndOffset !== source.logEndOffset || !isFlushed(future)) return false;
    this.#align(source, future, this.#options.clock.wallMs());
    future.maybeIncrementLogStartOffset(source.logStartOffset);
    future.syncNow();
    this.#moving.delete(partition);
    const { logs, onMoved } = this.#options;
    const log = logs.promoteFuture(partition.topic, partition.index);
    partition.replaceLog(log);
    onMoved(partition, logs.directoryOf(log)?.path ?? '');
    return true;
  }
}

/** Writes what is staged if that can be had at once. @throws {DiskError} */
function isFlushed(log: Log): boolean {
  const later = log.flushStaged();
  // Who waits for the write hears of its failure.
  later?.catch(() => undefined);
  return later === null;
}
