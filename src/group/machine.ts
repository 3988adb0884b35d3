/**
 * The group coordinator of one partition of __consumer_offsets, as a pure, deterministic machine.
 *
 * Inputs: records to replay, commands, the fates of writes, transaction markers, ticks. Output: an `Outcome`.
 * What is always true:
 * - generation, members, assignments and offsets that survive are those of committed records: replaying the log
 *   into a fresh machine gives the same (what is in the middle of a rebalance begins anew);
 * - a command is answered as GroupCoordinator of Apache Kafka 3.7.0 answers it;
 * - names from the network are keys of Maps only.
 *
 * A machine lives from one election to the resignation: replay all, `loaded`, then commands.
 */
import { assert, unreachable } from '../../protocol/assert.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { GroupConfig } from './config.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { consumerGroupHeartbeat } from './consumer-heartbeat.ts';
import { expireConsumerRevocation, expireConsumerSession } from './consumer-members.ts';
import { syncTimers } from './consumer-timers.ts';
import { Deadline } from './deadlines.ts';
import { joinGroup } from './join.ts';
import { describeConsumerGroup, describeGroup, listGroups } from './listing.ts';
import {
  commitOffsets,
  commitTransactionalOffsets,
  endTransaction,
  fetchOffsets,
} from './offset-commands.ts';
import type { Command, Instant, Outcome, Response } from './outcome.ts';
import {
  because,
  expireJoin,
  expirePendingMember,
  expireSession,
  expireSync,
  prepareRebalance,
  renewSession,
} from './rebalance.ts';
import { deleteGroup, deleteOffsets, deletePartitions, expireOffsets } from './removal.ts';
import type { LoggedRecord } from './replay.ts';
import { replayRecord } from './replay.ts';
import { refuse, refuseInvalidGroupId } from './responses.ts';
import type { Group } from './shard.ts';
import { Shard } from './shard.ts';
import { heartbeat, leaveGroup, syncGroup } from './sync.ts';

export class GroupMachine {
  readonly #shard: Shard;
  readonly #retentionCheck: Deadline;
  #isLoaded = false;

  constructor(config: GroupConfig) {
    const shard = new Shard(config);
    this.#shard = shard;
    shard.expirations = {
      join: (group) => expireJoin(shard, group),
      sync: (group) => expireSync(shard, group),
      session: (group, member) => expireSession(shard, group, member),
      pendingMember: (group, memberId) => expirePendingMember(shard, group, memberId),
      consumerSession: (group, memberId) => expireConsumerSession(shard, group, memberId),
      consumerRevocation: (group, memberId, memberEpoch) =>
        expireConsumerRevocation(shard, group, memberId, memberEpoch),
    };
    this.#retentionCheck = new Deadline(() => this.#checkRetention());
  }

  /** When `tick` has something to do, on the monotonic clock; null for never. */
  get nextDeadlineMs(): number | null {
    return this.#shard.deadlines.nextMs;
  }

  /** The groups, to be read: for metrics, tests and the console. */
  get groups(): ReadonlyMap<string, Group> {
    return this.#shard.groups;
  }

  // Loading ----------------------------------------------------------------------------------------------------

  /** Takes a record of the log, in order. Returns a note's worth of reason if it had to be left out, else null. */
  replay(record: LoggedRecord): string | null {
    assert(!this.#isLoaded, 'Records are replayed before commands are taken.');
    return replayRecord(this.#shard, record);
  }

  /** Takes a marker that ends a producer's transaction. */
  replayMarker(producerId: number, isCommit: boolean): void {
    endTransaction(this.#shard, producerId, isCommit);
  }

  /** All records are replayed: members get a fresh session, and commands may come. */
  loaded(now: Instant): Outcome {
    assert(!this.#isLoaded, 'A machine is loaded once.');
    this.#isLoaded = true;
    const shard = this.#shard;
    shard.now = now;
    for (const loaded of [...shard.groups.values()]) {
      const group = loaded.type === 'consumer' ? loadedConsumerGroup(shard, loaded) : loaded;
      if (group === null) continue;
      if (group.isHollow) {
        shard.removeGroup(group);
        continue;
      }
      group.stateEnteredMs = now.monotonicMs;
      if (group.protocolType === null) group.stateTimestampMs = now.wallMs;
      if (group.members.size > shard.config.maxSize) {
        prepareRebalance(shard, group, because('group is larger than allowed', null));
      }
      for (const member of group.members.values()) renewSession(shard, member);
    }
    shard.deadlines.set(this.#retentionCheck, now.monotonicMs + shard.config.offsetsRetentionCheckIntervalMs);
    return shard.take();
  }

  // Serving ----------------------------------------------------------------------------------------------------

  /** Takes a command; `token` comes back with the answer, in this outcome or a later one. */
  handle(token: number, command: Command, now: Instant): Outcome {
    assert(this.#isLoaded, 'Records are replayed before commands are taken.');
    const shard = this.#shard;
    shard.now = now;
    const refusal = refuseInvalidGroupId(command);
    if (refusal === null) this.#dispatch(token, command);
    else shard.answer(command.type, token, refusal);
    shard.noteIfRefused();
    return shard.take();
  }

  #dispatch(token: number, command: Command): void {
    const shard = this.#shard;
    switch (command.type) {
      case 'joinGroup':
        joinGroup(shard, token, command);
        break;
      case 'syncGroup':
        syncGroup(shard, token, command);
        break;
      case 'heartbeat':
        heartbeat(shard, token, command);
        break;
      case 'leaveGroup':
        leaveGroup(shard, token, command);
        break;
      case 'consumerGroupHeartbeat':
        shard.topics = command.topics;
        consumerGroupHeartbeat(shard, token, command);
        break;
      case 'consumerGroupDescribe':
        describeConsumerGroup(shard, token, command);
        break;
      case 'commitOffsets':
        commitOffsets(shard, token, command);
        break;
      case 'commitTransactionalOffsets':
        commitTransactionalOffsets(shard, token, command);
        break;
      case 'fetchOffsets':
        fetchOffsets(shard, token, command);
        break;
      case 'deleteOffsets':
        deleteOffsets(shard, token, command);
        break;
      case 'deleteGroup':
        deleteGroup(shard, token, command);
        break;
      case 'describeGroup':
        describeGroup(shard, token, command);
        break;
      case 'listGroups':
        listGroups(shard, token, command);
        break;
      case 'deletePartitions':
        deletePartitions(shard, token, command);
        break;
      default:
        unreachable(command);
    }
  }

  /** Runs what is due. */
  tick(now: Instant): Outcome {
    const shard = this.#shard;
    shard.now = now;
    for (;;) {
      const due = shard.deadlines.takeDue(now.monotonicMs);
      if (due === null) return shard.take();
      due.expire(now);
    }
  }

  /** The records of the write are committed, the first of them at `baseOffset`. */
  committed(writeId: number, baseOffset: number, now: Instant): Outcome {
    this.#shard.now = now;
    this.#shard.committed(writeId, baseOffset);
    return this.#shard.take();
  }

  /** The records of the write are not in the log. */
  failed(writeId: number, errorCode: number, now: Instant): Outcome {
    this.#shard.now = now;
    this.#shard.failed(writeId, errorCode);
    return this.#shard.take();
  }

  /** Whoever waits for the write is told so; its fate is still to be reported. */
  overdue(writeId: number, errorCode: number, now: Instant): Outcome {
    this.#shard.now = now;
    this.#shard.overdue(writeId, errorCode);
    return this.#shard.take();
  }

  /** The marker of a transaction is committed, and the fates of all writes before it are reported. */
  transactionEnded(producerId: number, isCommit: boolean, now: Instant): Outcome {
    this.#shard.now = now;
    endTransaction(this.#shard, producerId, isCommit);
    return this.#shard.take();
  }

  /** The answer to a command that the shard can't take. */
  refuse(command: Command, errorCode: number): Response {
    return refuse(command, errorCode);
  }

  #checkRetention(): void {
    const shard = this.#shard;
    expireOffsets(shard);
    const nextMs = shard.now.monotonicMs + shard.config.offsetsRetentionCheckIntervalMs;
    shard.deadlines.set(this.#retentionCheck, nextMs);
  }
}

/**
 * Members get a fresh session, and those that have to give up partitions a fresh deadline. What has but offsets is a
 * group that was ended: it goes on as a classic one, which is returned.
 */
function loadedConsumerGroup(shard: Shard, group: ConsumerGroup): ClassicGroup | null {
  group.dropIncomplete();
  if (group.isHollow) return shard.createGroup(group.groupId, group.offsets);
  group.listedState = group.state;
  syncTimers(shard, group);
  return null;
}
