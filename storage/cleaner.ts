/**
 * The log cleaner: keeps compacted logs (cleanup.policy=compact) from growing, the dirtiest first, as many at a time as
 * it has threads.
 *
 * Always true:
 * - Reading and writing happen in a `CompactionEngine` per thread, away from the event loop; only renames happen here. A
 *   log is in the hands of one thread at a time.
 * - The memory for keys and the buffers are shared out among the threads; the rate bounds all of them together.
 * - A log that can't be compacted (damaged batches, a bug of ours) is left alone until the process ends, and the others
 *   go on. A disk that fails takes the log's directory offline. Tombstones go by a clock that does not jump.
 * - Other settings mean other threads: `reconfigure` ends those there are, and what they were at is begun anew.
 *
 * Agrees with Kafka's LogCleaner and LogCleanerManager.
 */

import type { Candidate, PassSummary } from './cleaner-pass.ts';
import { CleaningPass, SegmentFacts } from './cleaner-pass.ts';
import { planCleaning } from './cleaner-plan.ts';
import type { Cancel, Clock, Timer } from './clock.ts';
import type { CleanerShare, CompactionEngine } from './compaction-types.ts';
import { CompactionAborted } from './compaction-types.ts';
import type { Disk } from './disk.ts';
import { DiskError } from './disk.ts';
import type { Log } from './log.ts';
import { isCompacted } from './log-config.ts';
import type { LogDirectory } from './log-directory.ts';
import type { LogManager } from './log-manager.ts';
import { throttleAccount } from './throttle.ts';

export interface CleanerSettings {
  /** log.cleaner.threads */
  readonly threads: number;
  /** log.cleaner.backoff.ms: the wait of a thread when nothing is dirty. */
  readonly backoffMs: number;
  /** log.cleaner.dedupe.buffer.size */
  readonly dedupeBufferBytes: number;
  /** log.cleaner.io.buffer.load.factor: how full the dedupe buffer may become. */
  readonly maxLoad: number;
  /** log.cleaner.io.buffer.size */
  readonly ioBufferBytes: number;
  /** log.cleaner.io.max.bytes.per.second */
  readonly ioMaxBytesPerSecond: number;
}

/** What happened to a log, for whoever keeps the journal. */
export type CleanerNote = { readonly topic: string; readonly partition: number } & (
  | (PassSummary & {
      readonly kind: 'compacted';
      readonly thread: number;
      readonly fromOffset: number;
      /** By how much the log had outlived max.compaction.lag.ms, or 0. */
      readonly delayMs: number;
    })
  /** To be tried again: the disk is full, or the log has changed meanwhile. */
  | { readonly kind: 'postponed'; readonly error: Error }
  /** Left alone until the process ends. */
  | { readonly kind: 'uncleanable'; readonly error: Error }
);

export interface CleanerOptions {
  readonly logs: LogManager;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Asked when threads are started. */
  readonly settings: () => CleanerSettings;
  readonly makeEngine: () => CompactionEngine;
  readonly onNote: (note: CleanerNote) => void;
  /** A bug of ours has ended a thread. */
  readonly onThreadDeath: (thread: number, error: unknown) => void;
}

/** What a thread has done last (CleanerStats and PreCleanStats). */
export interface ThreadState {
  readonly isDead: boolean;
  readonly last: (PassSummary & { readonly delayMs: number }) | null;
}

/** Logs of a directory that are left alone. */
export interface Uncleanable {
  readonly directory: string;
  readonly partitions: number;
  /** What could be compacted of them if they were sound. */
  readonly bytes: number;
}

/** A Java array holds no more. */
const MAX_DEDUPE_BYTES = 2 ** 31 - 1;
/** Less would mean a system call for every few batches. */
const MIN_BUFFER_BYTES = 4096;

export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #uncleanable = new Set<Log>();
  /** Not tried again in this round. */
  readonly #postponed = new Set<Log>();
  readonly #inProgress = new Set<Log>();
  #threads: CleanerThread[] = [];
  #timer: Timer | null = null;
  #changing: Promise<void> = Promise.resolve();
  #isStopping = false;
  #lastRunMs: number | null = null;

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#makeThreads();
  }

  /** Begins to clean. */
  start(timer: Timer): void {
    this.#timer = timer;
    for (const thread of this.#threads) thread.start(timer);
  }

  /** Takes the settings as they are now: what is under way ends, and new threads begin it again. */
  reconfigure(): Promise<void> {
    this.#changing = this.#changing.then(async () => {
      await this.#endThreads();
      if (this.#isStopping) return;
      this.#makeThreads();
      if (this.#timer !== null) this.start(this.#timer);
    });
    return this.#changing;
  }

  /** Ends what is under way; the logs stay as they are. Call it before they are closed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#endThreads();
    await this.#changing;
  }

  #makeThreads(): void {
    const settings = this.#options.settings();
    const share = shareOf(settings);
    this.#threads = Array.from(
      { length: Math.max(1, settings.threads) },
      (_, number) => new CleanerThread(number, settings.backoffMs, share, this),
    );
  }

  async #endThreads(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  /** One round: every thread compacts logs until none is dirty enough, and applies retention to them. */
  async cleanAll(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.round()));
  }

  /** Compacts the dirtiest log that is due; false when there is none. */
  cleanDirtiest(): Promise<boolean> {
    return this.#threads[0]?.cleanDirtiest() ?? Promise.resolve(false);
  }

  /** Of the threads there are, by number. */
  get threads(): readonly ThreadState[] {
    return this.#threads;
  }

  /** On the monotonic clock: when a thread last looked for a dirty log; null before the first time. */
  get lastRunMs(): number | null {
    return this.#lastRunMs;
  }

  /** Of every directory, those that are left alone. */
  uncleanable(): Uncleanable[] {
    const { logs } = this.#options;
    const nowMs = logs.retentionWallMs;
    return logs.directories.map((directory) => {
      const here = [...directory.logs].filter((log) => this.#uncleanable.has(log));
      const bytes = here.map((log) => planCleaning(factsOf(log, directory), nowMs).cleanableBytes);
      return {
        directory: directory.path,
        partitions: here.length,
        bytes: bytes.reduce((sum, each) => sum + each, 0),
      };
    });
  }

  // ------------------------------------------------------------------------------------------- what threads ask for

  get options(): CleanerOptions {
    return this.#options;
  }

  /** A thread begins a round: what was postponed may be tried again. */
  beginRound(): void {
    this.#postponed.clear();
    // LogCleanerManager.maintainUncleanablePartitions: those that were deleted are nobody's any more.
    const { logs } = this.#options;
    for (const log of this.#uncleanable) {
      if (logs.get(log.topic, log.partition) !== log) this.#uncleanable.delete(log);
    }
  }

  /** The dirtiest log that is due, for one thread alone until `release`. */
  take(): Candidate | null {
    const candidate = this.#dirtiest();
    if (candidate !== null) this.#inProgress.add(candidate.log);
    return candidate;
  }

  release(log: Log): void {
    this.#inProgress.delete(log);
  }

  /** Not to be tried again before a thread's next round. */
  postpone(log: Log): void {
    this.#postponed.add(log);
  }

  leaveAlone(log: Log): void {
    this.#uncleanable.add(log);
  }

  #dirtiest(): Candidate | null {
    const { logs, clock } = this.#options;
    const nowMs = logs.retentionWallMs;
    this.#lastRunMs = clock.monotonicMs();
    let best: Candidate | null = null;
    for (const directory of logs.directories) {
      for (const log of directory.logs) {
        if (!isCompacted(log.config) || log.isOffline || !this.#isFree(log)) continue;
        const plan = planCleaning(factsOf(log, directory), nowMs);
        if (plan.isDue && (best === null || plan.dirtyRatio > best.plan.dirtyRatio)) {
          best = { log, directory, plan };
        }
      }
    }
    return best;
  }

  #isFree(log: Log): boolean {
    return !this.#inProgress.has(log) && !this.#postponed.has(log) && !this.#uncleanable.has(log);
  }

  /** Segments of compacted logs go too: below the log's start, and by retention where `delete` is in the policy. */
  retain(): void {
    const { logs } = this.#options;
    for (const log of [...logs.all()]) {
      if (!isCompacted(log.config) || log.isOffline || this.#inProgress.has(log)) continue;
      try {
        log.deleteOldSegments(logs.retentionWallMs);
      } catch (error) {
        // The log has gone offline by it.
        if (!(error instanceof DiskError)) throw error;
      }
    }
  }
}

/** One of the cleaner's threads: an engine, and the loop that gives it work. */
class CleanerThread implements ThreadState {
  last: ThreadState['last'] = null;
  isDead = false;
  readonly #number: number;
  readonly #backoffMs: number;
  readonly #share: CleanerShare;
  readonly #cleaner: Cleaner;
  #engine: CompactionEngine | null = null;
  #round: Promise<void> = Promise.resolve();
  #cancel: Cancel = () => {};
  #isStopping = false;

  constructor(number: number, backoffMs: number, share: CleanerShare, cleaner: Cleaner) {
    this.#number = number;
    this.#backoffMs = backoffMs;
    this.#share = share;
    this.#cleaner = cleaner;
  }

  /** A round, a wait, a round, and so on. */
  start(timer: Timer, delayMs = 0): void {
    this.#cancel = timer.after(delayMs, () => {
      this.#round = this.round().then(
        () => {
          if (!this.#isStopping) this.start(timer, this.#backoffMs);
        },
        (error: unknown) => {
          this.isDead = true;
          this.#cleaner.options.onThreadDeath(this.#number, error);
        },
      );
    });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancel();
    await this.#closeEngine();
    await this.#round;
  }

  /** Compacts logs until none is dirty enough, and applies retention to them. */
  async round(): Promise<void> {
    this.#cleaner.beginRound();
    while (await this.cleanDirtiest());
    if (!this.#isStopping) this.#cleaner.retain();
    await this.#closeEngine();
  }

  async cleanDirtiest(): Promise<boolean> {
    if (this.#isStopping) return false;
    const candidate = this.#cleaner.take();
    if (candidate === null) return false;
    try {
      await this.#clean(candidate);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#failed(candidate.log, error);
    } finally {
      this.#cleaner.release(candidate.log);
    }
    return true;
  }

  async #clean(candidate: Candidate): Promise<void> {
    const { log, plan } = candidate;
    const { logs, disk, clock, makeEngine, onNote } = this.#cleaner.options;
    this.#engine ??= makeEngine();
    const isWanted = () => !this.#isStopping;
    const parts = { logs, disk, clock, engine: this.#engine, share: this.#share, isWanted };
    const summary = await new CleaningPass(candidate, parts).run();
    // Without progress it would be the dirtiest again.
    if (summary.map.endOffset <= plan.firstDirtyOffset) this.#cleaner.postpone(log);
    const { topic, partition } = log;
    const { firstDirtyOffset: fromOffset, delayMs } = plan;
    this.last = { ...summary, delayMs };
    onNote({ kind: 'compacted', thread: this.#number, topic, partition, fromOffset, delayMs, ...summary });
  }

  #failed(log: Log, error: Error): void {
    const { logs, onNote } = this.#cleaner.options;
    const { topic, partition } = log;
    this.#cleaner.postpone(log);
    // As Kafka's LogCleaner.cleanLog: what the cleaner can't read or write is no better in the hands of others.
    if (error instanceof DiskError && error.kind === 'io') logs.diskFailed(log, error);
    const isWeather = error instanceof CompactionAborted || isPassing(error) || log.isOffline;
    if (!isWeather) this.#cleaner.leaveAlone(log);
    if (!this.#isStopping) {
      onNote({ topic, partition, kind: isWeather ? 'postponed' : 'uncleanable', error });
    }
  }

  async #closeEngine(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    await engine?.close();
  }
}

/** A full disk, no descriptors, or a file that retention or deletion has taken away: all may be well another time. */
const isPassing = (error: Error): boolean => error instanceof DiskError && error.kind !== 'io';

/** As LogCleaner.CleanerThread and Cleaner share them out; the buffers for reading and for writing are halves of one. */
function shareOf(settings: CleanerSettings): CleanerShare {
  const { dedupeBufferBytes, maxLoad, ioBufferBytes, ioMaxBytesPerSecond } = settings;
  const threads = Math.max(1, settings.threads);
  return {
    dedupeBufferBytes: Math.min(Math.floor(dedupeBufferBytes / threads), MAX_DEDUPE_BYTES),
    maxLoad,
    ioBufferBytes: Math.max(Math.floor(ioBufferBytes / threads / 2), MIN_BUFFER_BYTES),
    ioMaxBytesPerSecond,
    throttleAccount: throttleAccount(),
  };
}

function factsOf(log: Log, directory: LogDirectory) {
  return {
    segments: log.files.segments.all.map((segment) => new SegmentFacts(segment)),
    config: log.config,
    logStartOffset: log.logStartOffset,
    logEndOffset: log.logEndOffset,
    lastStableOffset: log.lastStableOffset,
    cleanedOffset: directory.cleanerOffset(log),
  };
}
