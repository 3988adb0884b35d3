/**
 * How a group under the consumer protocol gets its changes into the log.
 *
 * A change applies when it is written, so that what follows in the same batch builds on it; while a write is on its
 * way, everything else that concerns the group waits, and is written together after it. What is told is told when
 * the records are committed, and when they are not, all is taken back.
 *
 * What is always true: of a group at most one write is on its way, and its state is that of the log up to and with
 * that write; whoever waits for one that takes too long is refused and may come again.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ConsumerChange } from './consumer-changes.ts';
import { consumerRecord } from './consumer-changes.ts';
import type { Batch, ConsumerGroup, QueuedAction } from './consumer-group.ts';
import { syncTimers } from './consumer-timers.ts';
import type { CoordinatorRecord } from './outcome.ts';
import type { Shard } from './shard.ts';

/** Further actions wait for the next write. It stays well below max.message.bytes. */
const BATCH_BYTES = 128 * 1024;

/** Runs the action now, or when the write under way is settled. */
export function whenSettled(group: ConsumerGroup, action: QueuedAction): void {
  if (!group.isWriting) action.run();
  else if (group.isOverdue) action.refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  else group.queue.push(action);
}

/** Changes that one action makes to a group, applied as they come. */
export class Draft {
  readonly group: ConsumerGroup;
  readonly records: CoordinatorRecord[] = [];
  readonly inverses: ConsumerChange[] = [];

  constructor(group: ConsumerGroup) {
    this.group = group;
  }

  change(change: ConsumerChange): void {
    this.inverses.push(this.group.apply(change));
    this.records.push(consumerRecord(this.group.groupId, change));
  }

  /** As if nothing had been: for an action that came to nothing half way. */
  discard(): void {
    takeBack(this.group, this.inverses);
  }
}

function takeBack(group: ConsumerGroup, inverses: readonly ConsumerChange[]): void {
  for (const inverse of inverses.toReversed()) group.apply(inverse);
}

/** Writes what was drafted. `settle` is told NONE, or what became of it, in which case all is taken back. */
export function writeDraft(
  shard: Shard,
  draft: Draft,
  settle: (errorCode: number) => void,
  revert: () => void = () => {},
): void {
  const { group } = draft;
  const open = group.batch;
  const batch = open ?? newBatch();
  for (const record of draft.records) {
    batch.records.push(record);
    batch.bytes += record.key.length + (record.value?.length ?? 0);
  }
  batch.inverses.push(...draft.inverses);
  batch.settles.push(settle);
  batch.reverts.push(revert);
  if (open === null) flush(shard, group, batch);
}

const newBatch = (): Batch => ({ records: [], bytes: 0, inverses: [], settles: [], reverts: [] });

function flush(shard: Shard, group: ConsumerGroup, batch: Batch): void {
  const tell = (errorCode: number) => {
    for (const settle of batch.settles) settle(errorCode);
  };
  if (batch.records.length === 0) {
    tell(ErrorCode.NONE);
    return;
  }
  const { state } = group;
  group.isWriting = true;
  let isFateKnown = false;
  let isLate = false;
  shard.write(batch.records, {
    end: () => {
      isFateKnown = true;
    },
    apply: () => {
      group.listedState = state;
      if (isLate) resume(shard, group);
    },
    undo: () => {
      undo(shard, group, batch);
      if (isLate) resume(shard, group);
    },
    settle: ({ errorCode }) => {
      tell(errorCode);
      if (isFateKnown) resume(shard, group);
      else {
        isLate = true;
        refuseWaiting(group);
      }
    },
  });
}

function undo(shard: Shard, group: ConsumerGroup, batch: Batch): void {
  takeBack(group, batch.inverses);
  group.forgetTopics();
  syncTimers(shard, group);
  for (const revert of batch.reverts.toReversed()) revert();
  if (group.isHollow && group.offsets.isEmpty) shard.removeGroup(group);
}

function refuseWaiting(group: ConsumerGroup): void {
  group.isOverdue = true;
  for (const { refuse } of group.queue.splice(0)) refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE);
}

/** The write is settled: what has waited for it goes on, as much as fits in one write. */
export function resume(shard: Shard, group: ConsumerGroup): void {
  group.isWriting = false;
  group.isOverdue = false;
  while (group.queue.length > 0 && !group.isWriting) {
    if (group.queue[0]?.isExclusive) {
      group.queue.shift()?.run();
      continue;
    }
    const batch = newBatch();
    group.batch = batch;
    while (group.queue.length > 0 && batch.bytes < BATCH_BYTES && !group.queue[0]?.isExclusive) {
      group.queue.shift()?.run();
    }
    group.batch = null;
    flush(shard, group, batch);
  }
}

/** Keeps everything else away while writes of another kind end the group. */
export function hold(group: ConsumerGroup): void {
  group.isWriting = true;
}

/** What a member hears when the records could not be written: see GroupCoordinatorService.consumerGroupHeartbeat. */
export function writeErrorCode(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}
