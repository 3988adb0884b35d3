/**
 * One simulated node: the production core, the production outbox, and a disk and a clock that can fail.
 */

import { ErrorCode } from '../../../protocol/errors.ts';
import { RaftCore } from '../../../src/raft/core.ts';
import { LogView } from '../../../src/raft/log-view.ts';
import type {
  RaftEffect,
  RaftInput,
  RaftResponse,
  ReplyEffect,
  SendEffect,
  SnapshotId,
} from '../../../src/raft/messages.ts';
import { Outbox } from '../../../src/raft/outbox.ts';
import type { RaftConfig } from '../../../src/raft/quorum.ts';
import { raftDefaults } from '../../../src/raft/quorum.ts';
import type { Chance } from './chance.ts';
import type { Invariants } from './invariants.ts';
import type { Mutant } from './mutants.ts';
import type { Envelope } from './network.ts';
import type { Schedule } from './schedule.ts';
import { decodeValues, SimDisk } from './sim-disk.ts';

/** Bytes of a simulated snapshot: its hash, then padding, so that it takes several chunks. */
const SNAPSHOT_BYTES = 20;

export interface DiskFaults {
  readonly meanSyncMs: number;
  readonly stallRate: number;
}

export interface World {
  readonly schedule: Schedule;
  readonly invariants: Invariants;
  readonly mutant: Mutant | null;
  readonly voterIds: readonly number[];
  diskFaults: DiskFaults;
  send(envelope: Envelope): void;
  nextValue(): number;
}

export class SimNode {
  readonly id: number;
  readonly disk = new SimDisk();
  core: RaftCore | null = null;
  life = 0;
  elections = 0;
  snapshotsFetched = 0;
  /** Epoch it leads, and commits, as the effects tell of them in their order. */
  #leaderEpoch: number | null = null;
  #committedTo = 0;
  /** The node's clock runs this much too fast or too slow. */
  readonly #clockRate: number;
  readonly #world: World;
  readonly #chance: Chance;
  #outbox = new Outbox<Envelope>(() => {});
  #requests = new Map<
    number,
    { readonly from: number; readonly life: number; readonly correlationId: number }
  >();
  #requestId = 0;
  #wakeMs = Number.POSITIVE_INFINITY;
  #chunks: number[] = [];
  #stateAtMs = 0;
  #syncAtMs = 0;

  constructor(id: number, world: World, chance: Chance, clockRate: number) {
    this.id = id;
    this.#world = world;
    this.#chance = chance;
    this.#clockRate = clockRate;
  }

  get isVoter(): boolean {
    return this.#world.voterIds.includes(this.id);
  }

  start(): void {
    this.life += 1;
    const { mutant } = this.#world;
    const init = this.disk.recover();
    this.#world.invariants.startCovered(this, init.startOffset, init.snapshots);
    const log = mutant?.logView === undefined ? new LogView(init) : mutant.logView(init);
    this.#outbox = new Outbox((envelope) => this.#world.send(envelope));
    this.#requests = new Map();
    this.#chunks = [];
    this.#wakeMs = Number.POSITIVE_INFINITY;
    this.#stateAtMs = 0;
    this.#syncAtMs = 0;
    const config: RaftConfig = {
      ...raftDefaults,
      nodeId: this.id,
      voters: this.#world.voterIds.map((id) => ({ id, directoryId: null })),
      snapshotMaxBytes: 8,
    };
    this.core = new RaftCore(config, log, () => this.#chance.next(), mutant?.rules);
    this.#committedTo = this.core.highWatermark;
    this.#leaderEpoch = null;
    const saved = this.disk.savedState;
    const effects = this.core.start(mutant?.restored?.(this.id, saved) ?? saved, this.#localMs());
    this.#perform(effects);
  }

  crash(): void {
    const epoch = this.core?.epoch ?? 0;
    this.core = null;
    this.disk.powerCut(this.#chance);
    this.#world.invariants.powerCut(this, epoch);
  }

  receive(envelope: Envelope): void {
    const { body } = envelope;
    if (body.type === 'request') {
      this.#requestId += 1;
      const { from, fromLife: life, correlationId } = envelope;
      this.#requests.set(this.#requestId, { from, life, correlationId });
      this.step({ type: 'request', requestId: this.#requestId, request: body.request });
    } else if (body.toLife === this.life) {
      const { from, correlationId } = envelope;
      this.step({ type: 'response', from, correlationId, response: body.response });
    }
  }

  step(input: RaftInput): void {
    if (this.core !== null) {
      this.#perform(this.core.step(this.#localMs(), input));
    }
  }

  propose(count: number): void {
    const { core } = this;
    if (core === null || core.role !== 'leader') {
      return;
    }
    const values = Array.from({ length: count }, () => this.#world.nextValue());
    this.step({
      type: 'propose',
      token: 0,
      epoch: core.epoch,
      requiredBaseOffset: this.#chance.happens(0.3) ? core.log.endOffset : null,
      recordCount: count,
      records: new Uint8Array(new Int32Array(values).buffer),
    });
  }

  /** Makes a snapshot of what is committed; sometimes lets the log begin there. */
  snapshot(): void {
    const { core } = this;
    const batch = core === null ? null : this.disk.log.batchEndingAt(core.highWatermark);
    if (core === null || batch === null) {
      return;
    }
    const stored = { id: { endOffset: core.highWatermark, epoch: batch.epoch }, hash: batch.hash };
    this.#world.invariants.snapshot(this, stored);
    this.disk.storeSnapshot(stored);
    if (this.#chance.happens(0.6)) {
      this.disk.trimTo(this.#chance.pick(this.disk.snapshots).id);
    }
    const snapshots = this.disk.snapshots.map(({ id }) => id);
    this.#world.invariants.startCovered(this, this.disk.log.startOffset, snapshots);
    this.step({ type: 'snapshotsChanged', logStartOffset: this.disk.log.startOffset, snapshots });
  }

  #localMs(): number {
    return this.#world.schedule.nowMs * this.#clockRate;
  }

  #perform(effects: readonly RaftEffect[]): void {
    for (const effect of effects) {
      this.#performOne(effect);
    }
    this.#setTimer();
  }

  #setTimer(): void {
    const wakeMs = this.core?.nextWakeMs ?? Number.POSITIVE_INFINITY;
    if (wakeMs === this.#wakeMs || wakeMs === Number.POSITIVE_INFINITY) {
      return;
    }
    this.#wakeMs = wakeMs;
    const { life } = this;
    this.#world.schedule.at(wakeMs / this.#clockRate + 0.01, () => {
      if (this.life === life && this.core !== null && this.#wakeMs === wakeMs) {
        this.#wakeMs = Number.POSITIVE_INFINITY;
        this.step({ type: 'tick' });
      }
    });
  }

  #performOne(effect: RaftEffect): void {
    const { invariants, mutant } = this.#world;
    switch (effect.type) {
      case 'send':
        this.#send(effect);
        return;
      case 'reply':
        this.#reply(effect);
        return;
      case 'saveElectionState': {
        const state =
          mutant?.saved === undefined ? effect.state : mutant.saved(this.disk.savedState, effect.state);
        this.disk.beginSave(effect.version, state);
        this.#stateAtMs = this.#diskDoneMs(this.#stateAtMs);
        this.#later(this.#stateAtMs, () => {
          this.disk.endSave(effect.version);
          invariants.saved(this, effect.state);
          this.#outbox.stateSaved(effect.version);
          this.step({ type: 'electionStateSaved', version: effect.version });
        });
        return;
      }
      case 'append':
        this.#append(effect);
        return;
      case 'sync': {
        const { written } = this.disk;
        const done = () => {
          this.#outbox.synced(effect.syncId);
          this.step({ type: 'synced', syncId: effect.syncId });
        };
        this.#syncAtMs = this.#diskDoneMs(this.#syncAtMs);
        const early = mutant?.syncEarly === true && this.core?.role === 'leader';
        this.#later(this.#syncAtMs, () => {
          this.disk.flushedUpTo(written);
          if (!early) {
            done();
          }
        });
        if (early) {
          this.#later(this.#world.schedule.nowMs, done);
        }
        return;
      }
      case 'truncateTo':
        invariants.truncated(this, effect.offset, this.core?.highWatermark ?? 0);
        this.disk.truncateTo(effect.offset);
        return;
      case 'truncateFullyTo':
        this.disk.restartAt(effect.snapshotId);
        return;
      case 'storeSnapshotChunk':
        this.#storeChunk(effect);
        return;
      case 'highWatermark':
        invariants.committed(this, this.#committedTo, effect.offset, this.#leaderEpoch);
        this.#committedTo = effect.offset;
        return;
      case 'roleChanged':
        this.#leaderEpoch = effect.role === 'leader' ? effect.epoch : null;
        if (effect.role === 'leader') {
          this.elections += 1;
          invariants.elected(this, effect.epoch);
        }
        return;
      default:
        return;
    }
  }

  #diskDoneMs(lastMs: number): number {
    const { schedule, diskFaults } = this.#world;
    const stallMs = this.#chance.happens(diskFaults.stallRate) ? this.#chance.between(50, 3000) : 0;
    // In order, yet not one after the other: flushes that overlap share the disk's work.
    return Math.max(
      lastMs + 0.001,
      schedule.nowMs + this.#chance.exponential(diskFaults.meanSyncMs) + stallMs,
    );
  }

  /** Runs unless the node has died meanwhile. */
  #later(atMs: number, run: () => void): void {
    const { life } = this;
    this.#world.schedule.at(atMs, () => {
      if (this.life === life && this.core !== null) {
        run();
      }
    });
  }

  #append(effect: Extract<RaftEffect, { readonly type: 'append' }>): void {
    const { payload } = effect;
    if (payload.kind === 'fetched') {
      for (const batch of payload.batches) {
        const { baseOffset, lastOffset, epoch } = batch;
        const stored = this.disk.append({ baseOffset, lastOffset, epoch, values: decodeValues(batch.bytes) });
        this.#world.invariants.appended(this, stored);
      }
      return;
    }
    // A leader's control record differs with every life, so that a second leadership of an epoch shows.
    const values =
      payload.kind === 'leaderChange' ? [-this.id * 1000 - this.life] : decodeValues(payload.records);
    const { baseOffset, lastOffset, epoch } = effect;
    this.#world.invariants.appended(this, this.disk.append({ baseOffset, lastOffset, epoch, values }));
  }

  #send(effect: SendEffect): void {
    const after = this.#world.mutant?.barrier?.(effect.after) ?? effect.after;
    this.#outbox.add(after, {
      from: this.id,
      fromLife: this.life,
      to: effect.to,
      correlationId: effect.correlationId,
      body: { type: 'request', request: effect.request },
    });
  }

  #reply(effect: ReplyEffect): void {
    const request = this.#requests.get(effect.requestId);
    this.#requests.delete(effect.requestId);
    if (request !== undefined) {
      const after = this.#world.mutant?.barrier?.(effect.after) ?? effect.after;
      this.#outbox.add(after, {
        from: this.id,
        fromLife: this.life,
        to: request.from,
        correlationId: request.correlationId,
        body: { type: 'response', toLife: request.life, response: this.#filled(effect) },
      });
    }
  }

  #filled({ response, read }: ReplyEffect): RaftResponse {
    if (response.kind === 'fetch' && read?.kind === 'log') {
      return { ...response, records: this.disk.read(read.offset, read.upTo, 4) };
    }
    if (response.kind === 'fetchSnapshot' && read?.kind === 'snapshot') {
      const stored = this.disk.snapshot(read.snapshotId);
      if (stored === undefined) {
        return { ...response, errorCode: ErrorCode.SNAPSHOT_NOT_FOUND };
      }
      const bytes = new Uint8Array(SNAPSHOT_BYTES);
      new DataView(bytes.buffer).setInt32(0, stored.hash);
      const unalignedRecords = bytes.slice(read.position, read.position + read.maxBytes);
      return { ...response, size: SNAPSHOT_BYTES, unalignedRecords };
    }
    return response;
  }

  #storeChunk(effect: Extract<RaftEffect, { readonly type: 'storeSnapshotChunk' }>): void {
    this.#chunks = [...this.#chunks.slice(0, effect.position), ...effect.bytes];
    if (!effect.last) {
      return;
    }
    const id: SnapshotId = effect.snapshotId;
    const hash = new DataView(new Uint8Array(this.#chunks).buffer).getInt32(0);
    this.#chunks = [];
    this.#later(this.#diskDoneMs(0), () => {
      const stored = { id, hash };
      this.#world.invariants.snapshot(this, stored);
      this.disk.storeSnapshot(stored);
      this.snapshotsFetched += 1;
      this.step({ type: 'snapshotStored', snapshotId: id });
    });
  }
}
