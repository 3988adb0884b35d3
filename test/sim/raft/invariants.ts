/**
 * What must hold after every event, by name.
 *
 * The checker watches all nodes at once and remembers what was ever true: which node led an epoch, what was
 * committed at each offset, which log prefix belongs to each (offset, epoch).
 */

import type { ElectionState, SnapshotId } from '../../../src/raft/messages.ts';
import type { SimDisk, StoredBatch, StoredSnapshot } from './sim-disk.ts';
import { mix } from './sim-disk.ts';

export class InvariantViolation extends Error {
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.name = 'InvariantViolation';
    this.invariant = invariant;
  }
}

export interface Watched {
  readonly id: number;
  readonly disk: SimDisk;
}

export class Invariants {
  readonly #voters: readonly Watched[];
  readonly #leaderOfEpoch = new Map<number, number>();
  /** (offset after the batch, epoch) → hash of the log up to there. */
  readonly #prefixes = new Map<number, number>();
  /** Hash of the committed log below each batch border; the key is the offset. */
  readonly #committed = new Map<number, { readonly hash: number; readonly epoch: number }>();
  /** Commits in the order of their making, with the epoch of the leader that made them. */
  readonly #commits: { readonly border: number; readonly byEpoch: number }[] = [];
  committedTo = 0;
  #toldEpoch = 0;
  readonly #savedEpochs = new Map<number, ElectionState>();

  constructor(voters: readonly Watched[]) {
    this.#voters = voters;
    this.#committed.set(0, { hash: 0, epoch: 0 });
  }

  /** Single leader: an epoch has one leader, who leads it once and holds all that is committed. */
  elected(node: Watched, epoch: number): void {
    const known = this.#leaderOfEpoch.get(epoch);
    if (known !== undefined) {
      throw new InvariantViolation('single-leader', `epoch ${epoch} is led by ${known} and ${node.id}`);
    }
    this.#leaderOfEpoch.set(epoch, node.id);
    // A late winner of an old epoch need not have what newer leaders committed: its own commits will fail.
    const due = this.#commits.findLast((commit) => commit.byEpoch < epoch)?.border ?? 0;
    const { log } = node.disk;
    if (log.startOffset <= due && log.hashBelow(due) !== this.#committed.get(due)?.hash) {
      throw new InvariantViolation('leader-completeness', `${node.id} leads epoch ${epoch} without ${due}`);
    }
  }

  /** A message of that epoch has left a node. */
  told(epoch: number): void {
    this.#toldEpoch = Math.max(this.#toldEpoch, epoch);
  }

  /** An epoch that is on no disk and that nobody was told of has never been: it may be led anew. */
  powerCut(node: Watched, epoch: number): void {
    const { savedState, durable } = node.disk;
    const known = Math.max(savedState?.leaderEpoch ?? 0, durable.batches.at(-1)?.epoch ?? 0, this.#toldEpoch);
    if (epoch > known && this.#leaderOfEpoch.get(epoch) === node.id) {
      this.#leaderOfEpoch.delete(epoch);
      for (const key of this.#prefixes.keys()) {
        if (Math.floor(key / 2 ** 28) === epoch) {
          this.#prefixes.delete(key);
        }
      }
    }
  }

  /** Epoch and vote never go back on disk, and one epoch keeps its vote. */
  saved(node: Watched, state: ElectionState): void {
    const before = this.#savedEpochs.get(node.id);
    if (before !== undefined && state.leaderEpoch < before.leaderEpoch) {
      throw new InvariantViolation(
        'epoch-monotonic',
        `${node.id} saved ${state.leaderEpoch} after ${before.leaderEpoch}`,
      );
    }
    if (
      before !== undefined &&
      state.leaderEpoch === before.leaderEpoch &&
      before.votedId >= 0 &&
      state.votedId >= 0 &&
      before.votedId !== state.votedId
    ) {
      throw new InvariantViolation('one-vote', `${node.id} voted twice in ${state.leaderEpoch}`);
    }
    this.#savedEpochs.set(node.id, state);
  }

  /** Log matching: one (offset, epoch) stands for one prefix, on every node and for all time. */
  appended(node: Watched, batch: StoredBatch): void {
    const key = batch.epoch * 2 ** 28 + batch.lastOffset;
    const known = this.#prefixes.get(key);
    if (known !== undefined && known !== batch.hash) {
      throw new InvariantViolation(
        'log-matching',
        `${node.id} has another batch at ${batch.lastOffset} of epoch ${batch.epoch}`,
      );
    }
    this.#prefixes.set(key, batch.hash);
  }

  /** A commit is for ever, the same everywhere, and on the disks of a majority when a leader makes it. */
  committed(node: Watched, from: number, to: number, leaderEpoch: number | null): void {
    const { log } = node.disk;
    if (to > log.endOffset) {
      throw new InvariantViolation('commit-within-log', `${node.id} commits ${to} of ${log.endOffset}`);
    }
    for (const batch of log.from(from)) {
      if (batch.lastOffset >= to) {
        break;
      }
      const border = batch.lastOffset + 1;
      const known = this.#committed.get(border);
      if (known !== undefined && known.hash !== batch.hash) {
        throw new InvariantViolation('committed-immutable', `${node.id} commits another ${batch.lastOffset}`);
      }
      if (known === undefined) {
        if (leaderEpoch === null && border > this.committedTo) {
          throw new InvariantViolation(
            'leader-commits-first',
            `${node.id} commits ${batch.lastOffset} before any leader`,
          );
        }
        this.#committed.set(border, { hash: batch.hash, epoch: batch.epoch });
      }
      this.committedTo = Math.max(this.committedTo, border);
    }
    if (leaderEpoch !== null) {
      this.#commits.push({ border: to, byEpoch: leaderEpoch });
      this.#onMajorityDisks(node, to);
    }
  }

  #onMajorityDisks(node: Watched, to: number): void {
    const hash = node.disk.log.hashBelow(to);
    const holders = this.#voters.filter(
      ({ disk }) => disk.durable.startOffset >= to || disk.durable.hashBelow(to) === hash,
    );
    if (holders.length <= this.#voters.length / 2) {
      throw new InvariantViolation(
        'committed-on-majority-disks',
        `${to} is durable on ${holders.length} voters`,
      );
    }
  }

  truncated(node: Watched, offset: number, highWatermark: number): void {
    if (offset < highWatermark) {
      throw new InvariantViolation(
        'no-truncation-below-commit',
        `${node.id} cuts ${offset} below ${highWatermark}`,
      );
    }
  }

  /** A snapshot is the committed log below its end: on making, and on arrival. */
  snapshot(node: Watched, snapshot: StoredSnapshot): void {
    const known = this.#committed.get(snapshot.id.endOffset);
    if (known === undefined || known.hash !== snapshot.hash || known.epoch !== snapshot.id.epoch) {
      throw new InvariantViolation(
        'snapshot-is-committed',
        `${node.id} has a wrong snapshot at ${snapshot.id.endOffset}`,
      );
    }
  }

  /** Log start above 0 means that a snapshot covers what is gone. */
  startCovered(node: Watched, startOffset: number, snapshots: readonly SnapshotId[]): void {
    if (startOffset > 0 && !snapshots.some((id) => id.endOffset >= startOffset)) {
      throw new InvariantViolation('start-covered', `${node.id} starts at ${startOffset} without a snapshot`);
    }
  }

  digest(): number {
    return mix(this.#committed.get(this.committedTo)?.hash ?? 0, this.committedTo);
  }
}
