/**
 * One partition that has a replica on this broker: its role, its in-sync replicas and its high watermark.
 *
 * What is always true:
 * - the leader epoch and partition epoch never go back;
 * - the high watermark is at most the smallest promised end offset among the in-sync replicas (KIP-497: the
 *   maximal ISR), where the local replica promises what it has flushed to the page cache, or what it has synced to
 *   the disk when the partition is durable by fsync, and a follower promises what it has fetched past;
 * - a waiter for an offset is called exactly once: with NONE when the offset is committed (or flushed), or with
 *   the error that made that impossible.
 *
 * Appending is synchronous; the write of a disk that lets writers wait, durability and replication are awaited outside. See kafka.cluster.Partition.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { DiskError } from '../../storage/disk.ts';
import type { Log } from '../../storage/log.ts';
import type { AppendOptions, AppendResult } from '../../storage/log-types.ts';
import type { PartitionImage } from '../metadata/partition-image.ts';
import type { AppendStage } from './append-stage.ts';
import type { Purgatory } from './purgatory.ts';
import { WatchList } from './purgatory.ts';

/** How a partition keeps its promise for acks=all: see `sordini.durability`. */
export type Durability = 'fsync' | 'kafka';

export interface PartitionSettings {
  readonly brokerId: number;
  /** Null: fsync where the partition has one replica, else as Kafka. */
  readonly durability: Durability | null;
}

interface OffsetWaiter {
  /** Exclusive: called once everything below this offset is there. */
  readonly endOffset: number;
  readonly done: (errorCode: number) => void;
}

export class Partition {
  readonly topic: string;
  readonly index: number;
  /** Requests that wait for this partition to move. */
  readonly watchers: WatchList;
  readonly #settings: PartitionSettings;
  readonly #stage: AppendStage;
  readonly #purgatory: Purgatory;
  readonly #onFailure: (partition: Partition, error: DiskError) => void;
  /** Log end offset of each follower, as its last fetch told it. */
  readonly #followerEndOffsets = new Map<number, number>();
  #log: Log;
  #state: PartitionImage;
  #flushWaiters: OffsetWaiter[] = [];
  #commitWaiters: OffsetWaiter[] = [];
  #isSyncing = false;
  #isClosed = false;
  #epochStartOffset = 0;
  #offlineError = ErrorCode.NONE as number;

  constructor(parts: {
    topic: string;
    index: number;
    log: Log;
    state: PartitionImage;
    settings: PartitionSettings;
    stage: AppendStage;
    purgatory: Purgatory;
    onFailure: (partition: Partition, error: DiskError) => void;
  }) {
    this.topic = parts.topic;
    this.index = parts.index;
    this.#log = parts.log;
    this.#state = parts.state;
    this.#settings = parts.settings;
    this.#stage = parts.stage;
    this.#purgatory = parts.purgatory;
    this.#onFailure = parts.onFailure;
    this.watchers = new WatchList(parts.purgatory);
    if (this.isLeader) this.#lead();
  }

  /** What the partition's records lie in; another one once it has moved to another directory. */
  get log(): Log {
    return this.#log;
  }

  get state(): PartitionImage {
    return this.#state;
  }

  get isLeader(): boolean {
    return this.#state.leader === this.#settings.brokerId;
  }

  get leaderEpoch(): number {
    return this.#state.leaderEpoch;
  }

  /** Where the current leader epoch began in this log; 0 on a follower. */
  get epochStartOffset(): number {
    return this.#epochStartOffset;
  }

  /** KAFKA_STORAGE_ERROR once the disk below has failed, else NONE. */
  get offlineError(): number {
    return this.#offlineError;
  }

  get isDurableByFsync(): boolean {
    const { durability } = this.#settings;
    return durability === null ? this.#state.replicas.length === 1 : durability === 'fsync';
  }

  /** observed on 3.7.0: min.insync.replicas counts for no more than the replicas that there are. */
  get effectiveMinInsyncReplicas(): number {
    return Math.min(this.#log.config.minInsyncReplicas, this.#state.replicas.length);
  }

  /** This leader is its own and only in-sync replica, so that what it has promised is committed. */
  get isCommittedAlone(): boolean {
    return this.#state.isr.length === 1 && this.effectiveMinInsyncReplicas <= 1;
  }

  /** Takes a newer state from the metadata log; an older or equal one is ignored. */
  update(state: PartitionImage): void {
    if (state.partitionEpoch <= this.#state.partitionEpoch) return;
    const wasLeader = this.isLeader;
    const isNewEpoch = state.leaderEpoch > this.#state.leaderEpoch;
    this.#state = state;
    if (this.isLeader && (isNewEpoch || !wasLeader)) this.#lead();
    if (wasLeader && !this.isLeader) this.#failWaiters(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    this.#advanceHighWatermark();
    this.watchers.notify();
    this.#purgatory.drain();
  }

  #lead(): void {
    // Even an epoch without records gets an entry, so that a fetcher of it learns where it began (KIP-101).
    this.#epochStartOffset = this.log.logEndOffset;
    this.log.assignEpochStart(this.#state.leaderEpoch, this.#epochStartOffset);
    this.#followerEndOffsets.clear();
    this.#settle();
  }

  /** Brings durability and high watermark of a log that was just opened or won up to its end. */
  #settle(): void {
    this.#sync();
    this.#advanceHighWatermark();
  }

  /**
   * NONE when this replica may serve a request that knows `currentLeaderEpoch` (-1: it doesn't say).
   * Returns codes: NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR.
   * See KIP-320.
   */
  checkLeader(currentLeaderEpoch: number, onlyFromLeader = true): number {
    if (currentLeaderEpoch !== -1) {
      if (currentLeaderEpoch < this.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
      if (currentLeaderEpoch > this.leaderEpoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
    }
    if (this.#offlineError !== ErrorCode.NONE) return this.#offlineError;
    if (onlyFromLeader && !this.isLeader) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    return ErrorCode.NONE;
  }

  /**
   * Appends to the leader's log and stages the bytes; `records` may be a view that is valid during the call only.
   * Returns codes beside those of the log: NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS (acks=all with too few
   * replicas in sync, before anything is appended), KAFKA_STORAGE_ERROR.
   */
  append(records: Buffer, options: Omit<AppendOptions, 'leaderEpoch'>, requiredAcks: number): AppendResult {
    const refusal = this.checkLeader(-1);
    if (refusal !== ErrorCode.NONE) return refusedAppend(refusal);
    if (requiredAcks === -1 && this.#state.isr.length < this.effectiveMinInsyncReplicas) {
      return refusedAppend(ErrorCode.NOT_ENOUGH_REPLICAS);
    }
    try {
      const result = this.log.appendAsLeader(records, { ...options, leaderEpoch: this.leaderEpoch });
      if (result.errorCode === ErrorCode.NONE && !result.duplicate) this.#afterAppend();
      return result;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#fail(error);
      return refusedAppend(ErrorCode.KAFKA_STORAGE_ERROR);
    }
  }

  #afterAppend(): void {
    // Large batches are in the file already: then the high watermark may move, and the answer leave, at once.
    if (this.log.flushedEndOffset === this.log.logEndOffset) this.#afterFlush();
    this.#stage.add(this);
  }

  /** Called by the stage at the end of the turn. */
  flush(): void {
    if (this.log.flushedEndOffset < this.log.logEndOffset) {
      try {
        const later = this.log.flushStaged();
        if (later !== null) {
          this.#flushLater(later);
          return;
        }
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        this.#fail(error);
        return;
      }
    }
    this.#afterFlush();
    this.watchers.notify();
  }

  /** The disk lets writers wait: what depends on the write comes when it has ended. */
  #flushLater(later: Promise<void>): void {
    const { log } = this;
    later.then(
      () => {
        this.#afterFlush();
        this.watchers.notify();
        this.#purgatory.drain();
      },
      (error: unknown) => {
        if (!(error instanceof DiskError)) throw error;
        // What was left behind by a move, or was closed, has told whoever waited.
        if (log !== this.log || this.#isClosed) return;
        this.#fail(error);
        this.#purgatory.drain();
      },
    );
  }

  #afterFlush(): void {
    release(this.#flushWaiters, this.log.settledEndOffset);
    this.#advanceHighWatermark();
    this.#sync();
  }

  get #isSyncDue(): boolean {
    const { log } = this;
    if (log.syncedEndOffset >= log.flushedEndOffset) return false;
    return this.isDurableByFsync || log.settledEndOffset < log.flushedEndOffset;
  }

  /**
   * Keeps one fdatasync under way as long as flushed bytes are to be synced and are not; each covers all that came
   * before it.
   */
  #sync(): void {
    if (this.#isSyncing || !this.#isSyncDue) return;
    this.#isSyncing = true;
    const { log } = this;
    log.sync().then(
      () => {
        this.#isSyncing = false;
        this.#afterFlush();
        this.#purgatory.drain();
      },
      (error: unknown) => {
        this.#isSyncing = false;
        if (!(error instanceof DiskError)) throw error;
        // The log may have moved meanwhile, or been closed: what is left behind no longer matters.
        if (log === this.log && !this.#isClosed) this.#fail(error);
        else this.#sync();
        this.#purgatory.drain();
      },
    );
  }

  #promisedEndOffset(): number {
    return this.isDurableByFsync ? this.log.syncedEndOffset : this.log.settledEndOffset;
  }

  /** See Partition.maybeIncrementLeaderHW: not at all while too few replicas are in sync (KAFKA-15583). */
  #advanceHighWatermark(): void {
    if (!this.isLeader) return;
    if (this.#state.isr.length < this.effectiveMinInsyncReplicas) return;
    let highWatermark = this.#promisedEndOffset();
    for (const replica of this.#state.isr) {
      if (replica === this.#settings.brokerId) continue;
      highWatermark = Math.min(highWatermark, this.#followerEndOffsets.get(replica) ?? 0);
    }
    if (highWatermark <= this.log.highWatermark) return;
    this.log.updateHighWatermark(highWatermark);
    release(this.#commitWaiters, highWatermark);
    this.watchers.notify();
  }

  /** A follower that asks for `fetchOffset` has everything below it. */
  followerFetched(replicaId: number, fetchOffset: number): void {
    this.#followerEndOffsets.set(replicaId, fetchOffset);
    this.#advanceHighWatermark();
  }

  /** Calls `done` once all below `endOffset` is in the page cache, or where `flush.messages` wants it (acks=1), at once if it is. */
  awaitFlushed(endOffset: number, done: (errorCode: number) => void): void {
    if (this.#offlineError !== ErrorCode.NONE) done(this.#offlineError);
    else if (this.log.settledEndOffset >= endOffset) done(ErrorCode.NONE);
    else this.#flushWaiters.push({ endOffset, done });
  }

  /** Calls `done` once all below `endOffset` is committed (acks=all), at once if it is. */
  awaitCommitted(endOffset: number, done: (errorCode: number) => void): void {
    if (this.#offlineError !== ErrorCode.NONE) done(this.#offlineError);
    else if (this.log.highWatermark >= endOffset) done(ErrorCode.NONE);
    else this.#commitWaiters.push({ endOffset, done });
  }

  /** From now on the records lie in `log`, which holds all that the former one does, synced. */
  replaceLog(log: Log): void {
    log.updateHighWatermark(this.#log.highWatermark);
    if (this.isLeader && log.latestEpoch < this.leaderEpoch) {
      log.assignEpochStart(this.leaderEpoch, this.#epochStartOffset);
    }
    this.#log = log;
    this.#afterFlush();
    this.watchers.notify();
    this.#purgatory.drain();
  }

  /** The directory below has failed elsewhere. */
  directoryFailed(): void {
    if (!this.log.isOffline || this.#offlineError !== ErrorCode.NONE) return;
    this.#offlineError = ErrorCode.KAFKA_STORAGE_ERROR;
    this.#failWaiters(ErrorCode.KAFKA_STORAGE_ERROR);
    this.watchers.notify();
    this.#purgatory.drain();
  }

  /** A disk below refused a write: what was staged is gone from the log; a failed fsync ends the partition. */
  #fail(error: DiskError): void {
    if (this.log.isOffline) this.#offlineError = ErrorCode.KAFKA_STORAGE_ERROR;
    this.#failWaiters(ErrorCode.KAFKA_STORAGE_ERROR);
    this.#onFailure(this, error);
    this.watchers.notify();
  }

  #failWaiters(errorCode: number): void {
    const end =
      errorCode === ErrorCode.KAFKA_STORAGE_ERROR && !this.log.isOffline ? this.log.logEndOffset : 0;
    const failedFlush = this.#flushWaiters.filter((waiter) => waiter.endOffset > end);
    const failedCommit = this.#commitWaiters.filter((waiter) => waiter.endOffset > end);
    this.#flushWaiters = this.#flushWaiters.filter((waiter) => waiter.endOffset <= end);
    this.#commitWaiters = this.#commitWaiters.filter((waiter) => waiter.endOffset <= end);
    for (const waiter of failedFlush) waiter.done(errorCode);
    for (const waiter of failedCommit) waiter.done(errorCode);
  }

  /** Ends the partition's service here (deleted, or the broker stops). */
  close(errorCode: number): void {
    this.#isClosed = true;
    this.#offlineError = errorCode;
    this.#failWaiters(errorCode);
    this.watchers.notify();
    this.#purgatory.drain();
  }
}

function release(waiters: OffsetWaiter[], endOffset: number): void {
  let count = 0;
  while (count < waiters.length) {
    const waiter = waiters[count];
    if (waiter === undefined || waiter.endOffset > endOffset) break;
    count++;
  }
  if (count === 0) return;
  for (const waiter of waiters.splice(0, count)) waiter.done(ErrorCode.NONE);
}

/** Refusals that Kafka answers without words. */
function refusedAppend(errorCode: number): AppendResult {
  return {
    errorCode,
    errorMessage: null,
    recordErrors: [],
    baseOffset: -1,
    lastOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    duplicate: false,
    bytes: 0,
    recordCount: 0,
  };
}
