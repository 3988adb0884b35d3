/**
 * Feeds committed metadata to the state machine: snapshots, batches, changes of leader, in the order of the log.
 *
 * Always true: the listener gets each offset once and none above the high watermark; it hears that this node leads only
 * after it was given everything from before the leader's epoch, the leader's own first record included.
 */

import { assert } from '../../protocol/assert.ts';
import type { CommittedBatch, LoadedSnapshot } from '../metadata/replayer.ts';
import type { RaftLogStore } from './raft-log.ts';
import { decodeCommitted } from './raft-log.ts';
import type { SnapshotStore } from './raft-snapshots.ts';

export interface LeaderAndEpoch {
  /** -1 where no leader is known. */
  readonly leaderId: number;
  readonly epoch: number;
}

/** The metadata state machine above Raft: loader, publisher, controller. Calls are synchronous. */
export interface RaftListener {
  handleCommit(batches: readonly CommittedBatch[], highWatermark: number): void;
  /** Forget everything and start from this. */
  handleLoadSnapshot(snapshot: LoadedSnapshot): void;
  handleLeaderChange(leader: LeaderAndEpoch): void;
}

const READ_BYTES = 1024 * 1024;

interface Announcement extends LeaderAndEpoch {
  /** Where this node leads: the first offset of its epoch. -1 otherwise. */
  readonly epochStartOffset: number;
}

export class RaftFeed {
  readonly #log: RaftLogStore;
  readonly #snapshots: SnapshotStore;
  readonly #listener: RaftListener;
  #nextOffset = 0;
  #pendingLeader: Announcement | null = null;
  #told: LeaderAndEpoch = { leaderId: -1, epoch: -1 };
  #isRunning = false;

  constructor(log: RaftLogStore, snapshots: SnapshotStore, listener: RaftListener) {
    this.#log = log;
    this.#snapshots = snapshots;
    this.#listener = listener;
  }

  /** Everything below has been given. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  leaderChanged(leader: Announcement): void {
    this.#pendingLeader = leader;
  }

  /** Gives what is due. A call from inside a listener returns at once: the outer one goes on. */
  run(highWatermark: () => number): void {
    if (this.#isRunning) {
      return;
    }
    this.#isRunning = true;
    try {
      this.#tellLeader();
      while (this.#nextOffset < highWatermark()) {
        this.#giveMore(highWatermark());
        this.#tellLeader();
      }
    } finally {
      this.#isRunning = false;
    }
  }

  #giveMore(highWatermark: number): void {
    const { latest } = this.#snapshots;
    const isBehindLog = this.#nextOffset < this.#log.startOffset;
    if (latest !== null && latest.endOffset > this.#nextOffset && (this.#nextOffset === 0 || isBehindLog)) {
      this.#listener.handleLoadSnapshot(this.#snapshots.load(latest));
      this.#nextOffset = latest.endOffset;
      return;
    }
    assert(!isBehindLog, 'A log that starts above 0 has a snapshot at or above its start.');
    const batches = decodeCommitted(this.#log.read(this.#nextOffset, highWatermark, READ_BYTES));
    const last = batches.at(-1);
    assert(last !== undefined && last.lastOffset < highWatermark, 'Commits end at batch borders.');
    this.#nextOffset = last.lastOffset + 1;
    this.#listener.handleCommit(batches, highWatermark);
  }

  #tellLeader(): void {
    const leader = this.#pendingLeader;
    if (leader === null || this.#nextOffset <= leader.epochStartOffset) {
      return;
    }
    this.#pendingLeader = null;
    const { leaderId, epoch } = leader;
    if (leaderId !== this.#told.leaderId || epoch !== this.#told.epoch) {
      this.#told = { leaderId, epoch };
      this.#listener.handleLeaderChange(this.#told);
    }
  }
}
