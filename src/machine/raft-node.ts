/**
 * Drives the Raft core on real files, clocks and connections: one node's part in the metadata quorum.
 *
 * Always true: effects are carried out in the order the core gave them; a message whose barrier is not yet durable
 * waits in the outbox; a proposal is answered after its records are committed and the listener was given them, or fails
 * with NOT_CONTROLLER when leadership is lost first. Anything thrown here is a bug of ours or a dead disk: the node stops
 * at once and `onFatal` is told, since a guess could cost committed metadata.
 */

import { assert } from '../../protocol/assert.ts';
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { Cancel, Clock, Timer } from '../../storage/clock.ts';
import type { Disk } from '../../storage/disk.ts';
import { isPassing } from '../../storage/disk.ts';
import type { QuorumDescription } from '../raft/core.ts';
import { RaftCore } from '../raft/core.ts';
import { LogView } from '../raft/log-view.ts';
import type {
  ElectionState,
  RaftEffect,
  RaftInput,
  RaftRequest,
  RaftResponse,
  ReplyEffect,
  SendEffect,
  SnapshotId,
  VoterKey,
} from '../raft/messages.ts';
import { Outbox } from '../raft/outbox.ts';
import type { RaftConfig } from '../raft/quorum.ts';
import { raftDefaults } from '../raft/quorum.ts';
import type { RaftListener } from './raft-feed.ts';
import { RaftFeed } from './raft-feed.ts';
import type { RaftLogStore } from './raft-log.ts';
import { buildLeaderChange, buildMetadataBatch, isUpkeep, MAX_BATCH_BYTES } from './raft-log.ts';
import type { RaftTransport } from './raft-peers.ts';
import { callPeer } from './raft-peers.ts';
import { PendingProposals } from './raft-proposals.ts';
import { QuorumStateFile } from './raft-quorum-state.ts';
import type { SnapshotRetention } from './raft-retention.ts';
import { checkStartIsCovered, cleanSnapshots, restartAtNewerSnapshot } from './raft-retention.ts';
import type { SnapshotContents } from './raft-snapshots.ts';
import { SnapshotStore } from './raft-snapshots.ts';

export interface RaftNote {
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
  /** The other node it is about, or -1. */
  readonly nodeId: number;
  readonly epoch: number;
}

export interface RaftNodeOptions {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly voters: readonly VoterKey[];
  /** Timers and limits that differ from Kafka's defaults. */
  readonly timing: Partial<RaftConfig>;
  readonly retention: SnapshotRetention;
  /** The log's own directory, for quorum-state and snapshots. */
  readonly directory: string;
}

export interface RaftPorts {
  readonly disk: Disk;
  readonly log: RaftLogStore;
  readonly clock: Clock;
  readonly timer: Timer;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly transport: RaftTransport;
  readonly listener: RaftListener;
  readonly onFatal: (error: unknown) => void;
  readonly onNote: (note: RaftNote) => void;
}

export interface Proposal {
  readonly records: readonly MetadataRecord[];
  /** Level of metadata.version: it decides the versions in which the records are written. */
  readonly metadataLevel: number;
  /** The epoch in which the proposer leads. */
  readonly epoch: number;
  /** The offset that the first record must get, or null. */
  readonly requiredBaseOffset: number | null;
}

export interface Proposed {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Rejects with NOT_CONTROLLER when leadership is lost before the commit; the records may survive all the same. */
  readonly committed: Promise<void>;
}

/** What a reply carries besides the core's message. */
export interface RaftReply {
  readonly response: RaftResponse;
  /** Records of a Fetch, or a slice of a snapshot. */
  readonly bytes: Buffer;
  /** Size of the whole snapshot. */
  readonly size: number;
}

interface PendingRequest {
  readonly resolve: (reply: RaftReply) => void;
  readonly reject: (error: KafkaError) => void;
}

type Outgoing =
  | { readonly kind: 'send'; readonly effect: SendEffect }
  | { readonly kind: 'reply'; readonly requestId: number; readonly reply: RaftReply };

const NO_BYTES = Buffer.alloc(0);
const CLEAN_INTERVAL_MS = 60_000;
/** Noted without waiting for the disk: it costs a rename, and tells damage from a torn write at the next start. */
const CHECKPOINT_INTERVAL_MS = 1_000;

export class RaftNode {
  readonly #options: RaftNodeOptions;
  readonly #ports: RaftPorts;
  readonly #core: RaftCore;
  readonly #quorumState: QuorumStateFile;
  readonly #snapshots: SnapshotStore;
  readonly #feed: RaftFeed;
  readonly #outbox: Outbox<Outgoing>;
  readonly #requests = new Map<number, PendingRequest>();
  #requestId = 0;
  readonly #proposals = new PendingProposals();
  #isStepping = false;
  readonly #queue: RaftInput[] = [];
  #proposed: Extract<RaftEffect, { readonly type: 'proposed' }> | null = null;
  #cancelWake: Cancel | null = null;
  readonly #upkeep = new Set<Cancel>();
  #wakeMs = Number.POSITIVE_INFINITY;
  #isStopped = false;
  #isWritingSnapshot = false;
  #onShutdown: ((graceful: boolean) => void) | null = null;

  /** @throws {StartupError} when quorum-state can't be understood. @throws {DiskError} */
  constructor(options: RaftNodeOptions, ports: RaftPorts) {
    const { disk, log, listener, random } = ports;
    this.#options = options;
    this.#ports = ports;
    const voterIds = options.voters.map(({ id }) => id);
    this.#quorumState = new QuorumStateFile(disk, options.directory, voterIds);
    this.#snapshots = new SnapshotStore(disk, options.directory, log.startOffset, random);
    restartAtNewerSnapshot(log, this.#snapshots, ports.clock.wallMs());
    checkStartIsCovered(log, this.#snapshots);
    const view = new LogView({
      startOffset: log.startOffset,
      endOffset: log.endOffset,
      epochs: log.epochs,
      snapshots: this.#snapshots.ids,
    });
    const { nodeId, voters } = options;
    this.#core = new RaftCore({ ...raftDefaults, ...options.timing, nodeId, voters }, view, random);
    this.#feed = new RaftFeed(log, this.#snapshots, listener);
    this.#outbox = new Outbox((message) => this.#deliver(message));
    this.#savedState = this.#quorumState.read();
  }

  readonly #savedState: ElectionState | null;

  start(): void {
    this.#guarded(() => {
      this.#isStepping = true;
      this.#perform(this.#core.start(this.#savedState, this.#nowMs()));
      this.#isStepping = false;
      this.#settle();
      this.#repeat(CLEAN_INTERVAL_MS, () => this.clean());
      this.#repeat(CHECKPOINT_INTERVAL_MS, () => {
        this.#ports.log.checkpointCommitted(false).catch((error: unknown) => this.#fail(error));
      });
    });
  }

  #repeat(intervalMs: number, run: () => void): void {
    this.#later(intervalMs, () => {
      this.#guarded(run);
      this.#repeat(intervalMs, run);
    });
  }

  /** Runs unless the node stops before. */
  #later(delayMs: number, run: () => void): void {
    const cancel = this.#ports.timer.after(delayMs, () => {
      this.#upkeep.delete(cancel);
      run();
    });
    this.#upkeep.add(cancel);
  }

  get nodeId(): number {
    return this.#options.nodeId;
  }

  get clusterId(): string {
    return this.#options.clusterId;
  }

  get epoch(): number {
    return this.#core.epoch;
  }

  get isLeader(): boolean {
    return this.#core.role === 'leader' && !this.#isStopped;
  }

  /** -1 where no leader is known. */
  get leaderId(): number {
    return this.#core.role === 'resigned' ? -1 : this.#core.leaderId;
  }

  get highWatermark(): number {
    return this.#core.highWatermark;
  }

  get logEndOffset(): number {
    return this.#core.log.endOffset;
  }

  get latestSnapshot(): SnapshotId | null {
    return this.#snapshots.latest;
  }

  describe(): QuorumDescription | null {
    return this.#isStopped ? null : this.#core.describe(this.#nowMs());
  }

  /** A moment of `describe` on the wall clock. */
  toWallMs(atMs: number): number {
    const { clock } = this.#ports;
    return Math.round(clock.wallMs() - (clock.monotonicMs() - atMs));
  }

  /**
   * Appends records as one batch.
   * @throws {KafkaError} NOT_CONTROLLER when this node does not lead `epoch`, RECORD_LIST_TOO_LARGE above 8 MiB,
   * KAFKA_STORAGE_ERROR while the disk is full
   */
  propose(proposal: Proposal): Proposed {
    const { records, metadataLevel, epoch, requiredBaseOffset } = proposal;
    assert(!this.#isStepping, 'Proposals are made between steps.');
    if (!this.isLeader || epoch !== this.epoch) {
      throw new KafkaError(ErrorCode.NOT_CONTROLLER);
    }
    const place = { baseOffset: this.logEndOffset, epoch, nowMs: this.#ports.clock.wallMs() };
    const batch = buildMetadataBatch(records, metadataLevel, place);
    if (batch.length > MAX_BATCH_BYTES) {
      throw new KafkaError(ErrorCode.RECORD_LIST_TOO_LARGE);
    }
    if (!this.#ports.log.hasRoom(batch.length, isUpkeep(records, batch))) {
      throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, 'The disk of the metadata log is full.');
    }
    this.#proposed = null;
    const recordCount = records.length;
    this.#step({ type: 'propose', token: 0, epoch, requiredBaseOffset, recordCount, records: batch }, false);
    return this.#accepted(recordCount);
  }

  #accepted(recordCount: number): Proposed {
    const proposed: { readonly errorCode: number; readonly baseOffset: number } | null = this.#proposed;
    if (proposed === null || proposed.errorCode === ErrorCode.NOT_CONTROLLER) {
      throw new KafkaError(ErrorCode.NOT_CONTROLLER);
    }
    assert(proposed.errorCode === ErrorCode.NONE, 'The proposer knows the offset its records will get.');
    const { baseOffset } = proposed;
    const lastOffset = baseOffset + recordCount - 1;
    return { baseOffset, lastOffset, committed: this.#proposals.add(lastOffset) };
  }

  /** Takes a request of another node; resolves with what to answer. `onGone` lets the asker's end cancel the wait. */
  handle(request: RaftRequest, onGone?: (cancel: () => void) => void): Promise<RaftReply> {
    if (this.#isStopped) {
      return Promise.reject(new KafkaError(ErrorCode.BROKER_NOT_AVAILABLE));
    }
    this.#requestId += 1;
    const requestId = this.#requestId;
    onGone?.(() => {
      if (this.#requests.delete(requestId)) {
        this.#step({ type: 'requestCancelled', requestId });
      }
    });
    return new Promise((resolve, reject) => {
      this.#requests.set(requestId, { resolve, reject });
      this.#step({ type: 'request', requestId, request });
    });
  }

  connectionLost(nodeId: number): void {
    this.#step({ type: 'connectionLost', nodeId });
  }

  /** Gives up leadership of `epoch`, so that another voter takes over. */
  resign(epoch: number): void {
    this.#step({ type: 'resign', epoch });
  }

  /** Hands leadership over and stops; true when another leader (or none) was needed and known within the time. */
  async shutdown(timeoutMs: number): Promise<boolean> {
    if (this.#isStopped) {
      return true;
    }
    const graceful = await new Promise<boolean>((resolve) => {
      this.#onShutdown = resolve;
      this.#step({ type: 'shutdown', timeoutMs });
    });
    this.#stop();
    await this.#ports.log.sync();
    await this.#ports.log.checkpointCommitted(true);
    await this.#ports.log.close().catch((error: unknown) => {
      // The records are on the disk; the rest is made anew at the next start.
      if (!isPassing(error)) throw error;
    });
    return graceful;
  }

  /**
   * Writes a snapshot of the committed state, then removes what retention no longer needs.
   * False where one is being written, or this one is there or too old already.
   */
  async createSnapshot(contents: SnapshotContents): Promise<boolean> {
    const { id } = contents;
    const { log } = this.#core;
    assert(id.endOffset <= this.highWatermark, 'A snapshot holds committed records only.');
    if (this.#isWritingSnapshot || this.#isStopped || log.hasSnapshot(id) || id.endOffset < log.startOffset) {
      return false;
    }
    this.#isWritingSnapshot = true;
    try {
      await this.#snapshots.write(contents, this.#ports.clock.wallMs());
    } catch (error) {
      // A snapshot only saves work at the next start; the log has everything in it.
      if (isPassing(error)) this.#note('warn', `snapshot was not written: ${error.message}`, -1);
      else this.#fail(error);
      return false;
    } finally {
      this.#isWritingSnapshot = false;
    }
    this.#snapshotsChanged();
    this.clean();
    return true;
  }

  /** Removes snapshots and log that retention gives up (metadata.max.retention.bytes and .ms). */
  clean(): void {
    this.#guarded(() => {
      const { log, clock } = this.#ports;
      const doomed = cleanSnapshots(this.#snapshots, log, this.#options.retention, clock.wallMs());
      if (doomed.length > 0) {
        this.#snapshotsChanged();
        this.#removeLater(doomed);
      }
      log.tidy(clock.wallMs()).catch((error: unknown) => this.#fail(error));
    });
  }

  #snapshotsChanged(): void {
    const { ids } = this.#snapshots;
    this.#step({ type: 'snapshotsChanged', logStartOffset: this.#ports.log.startOffset, snapshots: ids });
  }

  // ---- steps

  #nowMs(): number {
    return this.#ports.clock.monotonicMs();
  }

  /** One step after the other: an input that comes up inside a step waits for its end. */
  #step(input: RaftInput, settles = true): void {
    this.#queue.push(input);
    if (this.#isStepping || this.#isStopped) {
      return;
    }
    this.#guarded(() => {
      this.#isStepping = true;
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#perform(this.#core.step(this.#nowMs(), next));
      }
      this.#isStepping = false;
      if (settles) {
        this.#settle();
      }
      this.#setTimer();
    });
  }

  /** Between steps: gives the listener its news, then answers the proposals that are committed. */
  #settle(): void {
    this.#feed.run(() => this.#core.highWatermark);
    this.#proposals.given(this.#feed.nextOffset);
    this.#setTimer();
  }

  #setTimer(): void {
    const wakeMs = this.#isStopped ? Number.POSITIVE_INFINITY : this.#core.nextWakeMs;
    if (wakeMs === this.#wakeMs) {
      return;
    }
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeMs = wakeMs;
    if (wakeMs < Number.POSITIVE_INFINITY) {
      // Up to the next whole millisecond: a timer that fires early would have to be set again.
      const delayMs = Math.max(0, Math.ceil(wakeMs - this.#nowMs()));
      this.#cancelWake = this.#ports.timer.after(delayMs, () => {
        this.#wakeMs = Number.POSITIVE_INFINITY;
        this.#step({ type: 'tick' });
      });
    }
  }

  #guarded(run: () => void): void {
    if (this.#isStopped) {
      return;
    }
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!this.#isStopped) {
      this.#stop();
      this.#ports.onFatal(error);
    }
  }

  #stop(): void {
    this.#isStopped = true;
    this.#cancelWake?.();
    this.#cancelWake = null;
    for (const cancel of this.#upkeep) {
      cancel();
    }
    this.#proposals.failFrom(0);
    this.#snapshots.dropIncoming();
    for (const { reject } of this.#requests.values()) {
      reject(new KafkaError(ErrorCode.BROKER_NOT_AVAILABLE));
    }
    this.#requests.clear();
  }

  // ---- effects

  #perform(effects: readonly RaftEffect[]): void {
    // Only the newest election state of a step need reach the disk; nothing it guards leaves before.
    const save = effects.findLast((effect) => effect.type === 'saveElectionState');
    if (save?.type === 'saveElectionState') {
      this.#quorumState.write(save.state);
      this.#outbox.stateSaved(save.version);
    }
    for (const effect of effects) {
      this.#performOne(effect);
    }
  }

  #performOne(effect: RaftEffect): void {
    const { log, clock } = this.#ports;
    switch (effect.type) {
      case 'send':
        this.#outbox.add(effect.after, { kind: 'send', effect });
        return;
      case 'reply': {
        // Read now: what is sent later is the log as the answer was given.
        const reply = this.#filled(effect);
        this.#outbox.add(effect.after, { kind: 'reply', requestId: effect.requestId, reply });
        return;
      }
      case 'append':
        this.#append(effect);
        return;
      case 'sync':
        log.sync().then(
          () => {
            this.#outbox.synced(effect.syncId);
            this.#step({ type: 'synced', syncId: effect.syncId });
          },
          (error: unknown) => this.#fail(error),
        );
        return;
      case 'truncateTo':
        log.truncateTo(effect.offset, clock.wallMs());
        return;
      case 'truncateFullyTo':
        log.restartAt(effect.snapshotId.endOffset, clock.wallMs());
        this.#removeLater(this.#snapshots.forgetBefore(effect.snapshotId));
        return;
      case 'storeSnapshotChunk':
        this.#storeChunk(effect);
        return;
      case 'highWatermark':
        log.updateHighWatermark(effect.offset);
        return;
      case 'roleChanged':
        this.#feed.leaderChanged(effect);
        this.#note('info', `became ${effect.role}`, effect.leaderId);
        return;
      case 'proposed':
        this.#proposed = effect;
        return;
      case 'failPending':
        this.#proposals.failFrom(this.#core.highWatermark);
        return;
      case 'shutdownComplete':
        this.#onShutdown?.(effect.graceful);
        this.#onShutdown = null;
        return;
      case 'note':
        this.#note(effect.level, effect.text, effect.nodeId);
        return;
      // saveElectionState was carried out at the beginning.
      default:
        return;
    }
  }

  #note(level: RaftNote['level'], text: string, nodeId: number): void {
    this.#ports.onNote({ level, text, nodeId, epoch: this.#core.epoch });
  }

  #append(effect: Extract<RaftEffect, { readonly type: 'append' }>): void {
    const { log, clock } = this.#ports;
    const { payload, baseOffset, epoch } = effect;
    const nowMs = clock.wallMs();
    assert(log.endOffset === baseOffset, 'The log ends where the core takes it to end.');
    if (payload.kind === 'leaderChange') {
      log.append(buildLeaderChange(payload.leaderChange, { baseOffset, epoch, nowMs }), nowMs);
    } else if (payload.kind === 'proposal') {
      log.append(asBuffer(payload.records), nowMs);
    } else {
      log.append(Buffer.concat(payload.batches.map(({ bytes }) => bytes)), nowMs);
    }
    assert(log.endOffset === effect.lastOffset + 1, 'An append takes up the offsets the core gave it.');
  }

  #filled({ response, read }: ReplyEffect): RaftReply {
    if (response.kind === 'fetch' && read?.kind === 'log') {
      const bytes = this.#ports.log.read(read.offset, read.upTo, read.maxBytes);
      return { response, bytes, size: 0 };
    }
    if (response.kind === 'fetchSnapshot' && read?.kind === 'snapshot') {
      const { snapshotId, position, maxBytes } = read;
      const bytes = this.#snapshots.slice(snapshotId, position, maxBytes);
      if (bytes === null) {
        return {
          response: { ...response, errorCode: ErrorCode.SNAPSHOT_NOT_FOUND },
          bytes: NO_BYTES,
          size: 0,
        };
      }
      const size = this.#snapshots.sizeBytes(snapshotId);
      const errorCode = position >= size ? ErrorCode.POSITION_OUT_OF_RANGE : response.errorCode;
      return { response: { ...response, errorCode }, bytes, size };
    }
    return { response, bytes: NO_BYTES, size: 0 };
  }

  #storeChunk(effect: Extract<RaftEffect, { readonly type: 'storeSnapshotChunk' }>): void {
    const { snapshotId, position, bytes, last } = effect;
    this.#snapshots.receive(snapshotId, position, bytes, last).then(
      () => {
        if (last) {
          this.#step({ type: 'snapshotStored', snapshotId });
        }
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** What is left when the node stops earlier goes at its next start. */
  #removeLater(paths: readonly string[]): void {
    if (paths.length > 0) {
      this.#later(this.#options.retention.fileDeleteDelayMs, () => {
        for (const path of paths) {
          this.#ports.disk.remove(path).catch((error: unknown) => this.#fail(error));
        }
      });
    }
  }

  // ---- messages whose barrier is open

  #deliver(message: Outgoing): void {
    if (this.#isStopped) {
      return;
    }
    if (message.kind === 'reply') {
      this.#requests.get(message.requestId)?.resolve(message.reply);
      this.#requests.delete(message.requestId);
      return;
    }
    const { to, correlationId, request } = message.effect;
    const { transport } = this.#ports;
    callPeer(transport, to, request, this.#options.clusterId).then(
      (response) =>
        this.#step(
          response === null
            ? { type: 'requestFailed', to, correlationId }
            : { type: 'response', from: to, correlationId, response },
        ),
      () => this.#step({ type: 'requestFailed', to, correlationId }),
    );
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
