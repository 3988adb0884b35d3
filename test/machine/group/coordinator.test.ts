import { beforeEach, describe, expect, test } from 'vitest';
import { ErrorCode, KafkaError } from '../../../protocol/errors.ts';
import { defaultGroupConfig } from '../../../src/group/config.ts';
import type { FetchedGroup } from '../../../src/group/outcome.ts';
import { partitionFor } from '../../../src/group/partition-for.ts';
import { GroupCoordinator, offsetFetchResponse } from '../../../src/machine/coordinator-group.ts';
import type { CommitLog, LoadedBatch, LogRecord } from '../../../src/machine/coordinator-log.ts';
import { systemClock, systemTimer } from '../../../storage/clock.ts';

const PARTITIONS = 4;

/** A log in memory that commits at once and outlives its leaders. */
class MemoryLog implements CommitLog {
  readonly batches: LoadedBatch[] = [];
  endOffset = 0;
  isReadOnly = false;

  append(records: readonly LogRecord[], { transaction }: { transaction: { producerId: number } | null }) {
    if (this.isReadOnly) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    const baseOffset = this.endOffset;
    this.endOffset += records.length;
    this.batches.push({
      lastOffset: this.endOffset - 1,
      producerId: transaction?.producerId ?? -1,
      isTransactional: transaction !== null,
      marker: null,
      records: records.map((record, i) => ({ ...record, offset: baseOffset + i })),
    });
    return { baseOffset, lastOffset: this.endOffset - 1 };
  }

  mark(producerId: number, marker: 'commit' | 'abort'): number {
    const offset = this.endOffset++;
    this.batches.push({ lastOffset: offset, producerId, isTransactional: true, marker, records: [] });
    return offset;
  }

  onCommitted(_offset: number, done: (errorCode: number) => void): void {
    done(ErrorCode.NONE);
  }

  async *read(): AsyncGenerator<LoadedBatch> {
    for (const batch of this.batches) {
      await Promise.resolve();
      yield batch;
    }
  }
}

let logs: MemoryLog[];

function coordinatorOf(
  parts: Partial<ConstructorParameters<typeof GroupCoordinator>[0]> = {},
): GroupCoordinator {
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  return new GroupCoordinator({
    config: { ...defaultGroupConfig, initialRebalanceDelayMs: 0 },
    partitionCount: () => PARTITIONS,
    openLog: (partition) => logs[partition] as MemoryLog,
    clock: systemClock,
    timer: systemTimer,
    endOfTurn: (action) => setImmediate(action),
    loggerFor: () => logger,
    ...parts,
  });
}

/** A group id that lies in the partition. */
function groupIn(partition: number, from = 0): string {
  for (let i = from; ; i++) if (partitionFor(`g${i}`, PARTITIONS) === partition) return `g${i}`;
}

const commitRequest = (groupId: string, offset: bigint) => ({
  groupId,
  generationIdOrMemberEpoch: -1,
  memberId: '',
  groupInstanceId: null,
  retentionTimeMs: -1,
  topics: [
    {
      name: 't',
      partitions: [
        {
          partitionIndex: 0,
          committedOffset: offset,
          committedLeaderEpoch: -1,
          commitTimestamp: -1n,
          committedMetadata: null,
        },
      ],
    },
  ],
});

const codeOf = (response: { topics: readonly { partitions: readonly { errorCode: number }[] }[] }) =>
  response.topics[0]?.partitions[0]?.errorCode;
const offsetOf = (group: FetchedGroup) => group.topics[0]?.partitions[0]?.committedOffset;
const t0 = [{ name: 't', partitionIndexes: [0] }];

beforeEach(() => {
  logs = Array.from({ length: PARTITIONS }, () => new MemoryLog());
});

describe('the group coordinator', () => {
  test('serves the groups of partitions that it leads, and sends the others away', async () => {
    const coordinator = coordinatorOf();
    await coordinator.onElection(1, 0);
    expect(codeOf(await coordinator.commitOffsets(commitRequest(groupIn(1), 5n)))).toBe(ErrorCode.NONE);
    expect(codeOf(await coordinator.commitOffsets(commitRequest(groupIn(2), 5n)))).toBe(
      ErrorCode.NOT_COORDINATOR,
    );
    const fetched = await coordinator.fetchOffsets(groupIn(1), t0, true);
    expect(offsetOf(fetched)).toBe(5n);
    coordinator.shutdown();
    expect((await coordinator.fetchOffsets(groupIn(1), t0, true)).errorCode).toBe(
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
    );
  });

  test('says so while a partition is read: as an error, a rebalance, or nothing, by what clients understand', async () => {
    const coordinator = coordinatorOf();
    const groupId = groupIn(0);
    const elected = coordinator.onElection(0, 0);
    const member = { groupId, generationId: 1, memberId: 'm', groupInstanceId: null };
    const [fetched, beat, synced, listed, invalid] = await Promise.all([
      coordinator.fetchOffsets(groupId, t0, false),
      coordinator.heartbeat(member),
      coordinator.syncGroup({ ...member, protocolType: null, protocolName: null, assignments: [] }, 4),
      coordinator.listGroups({ statesFilter: [] }),
      coordinator.heartbeat({ ...member, groupId: '' }),
    ]);
    expect(fetched.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(beat.errorCode).toBe(ErrorCode.NONE);
    expect(synced.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(listed.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(invalid.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
    await elected;
    expect((await coordinator.listGroups({ statesFilter: [] })).errorCode).toBe(ErrorCode.NONE);
    coordinator.shutdown();
  });

  test('gives up a partition: who waits looks for the next coordinator, which knows what was committed', async () => {
    const first = coordinatorOf({ config: defaultGroupConfig });
    await first.onElection(0, 0);
    const groupId = groupIn(0);
    await first.commitOffsets(commitRequest(groupId, 7n));
    const joining = first.joinGroup(
      {
        groupId,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        memberId: '',
        groupInstanceId: null,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
        reason: null,
      },
      3,
      { clientId: 'c', clientHost: '/127.0.0.1' },
    );
    first.onResignation(0, 1);
    expect((await joining).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    const second = coordinatorOf();
    await second.onElection(0, 1);
    expect(offsetOf(await second.fetchOffsets(groupId, null, true))).toBe(7n);
    second.shutdown();
  });

  test('ignores elections and resignations of the past', async () => {
    const coordinator = coordinatorOf();
    await coordinator.onElection(0, 5);
    coordinator.onResignation(0, 4);
    expect(coordinator.isServing(0)).toBe(true);
    coordinator.onResignation(0, 6);
    await coordinator.onElection(0, 5);
    expect(coordinator.isServing(0)).toBe(false);
    await coordinator.onElection(0, 7);
    expect(coordinator.isServing(0)).toBe(true);
    coordinator.shutdown();
  });

  test('reads the partition anew when others may have led it between two of its own epochs', async () => {
    const coordinator = coordinatorOf();
    await coordinator.onElection(0, 5);
    const groupId = groupIn(0);
    await coordinator.commitOffsets(commitRequest(groupId, 1n));
    const other = coordinatorOf();
    await other.onElection(0, 6);
    await other.commitOffsets(commitRequest(groupId, 2n));
    other.shutdown();
    await coordinator.onElection(0, 7);
    expect(offsetOf(await coordinator.fetchOffsets(groupId, t0, true))).toBe(2n);
    coordinator.shutdown();
  });

  test('leads on in an epoch right after its own, with the members that it knows', async () => {
    const coordinator = coordinatorOf();
    await coordinator.onElection(0, 5);
    const groupId = groupIn(0);
    const join = {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
      reason: null,
    };
    const client = { clientId: 'c', clientHost: '/127.0.0.1' };
    const { memberId } = await coordinator.joinGroup(join, 3, client);
    await coordinator.onElection(0, 6);
    const beat = await coordinator.heartbeat({ groupId, generationId: 1, memberId, groupInstanceId: null });
    expect(beat.errorCode).toBe(ErrorCode.NONE);
    coordinator.shutdown();
  });

  test('lists, describes and deletes groups of all its partitions', async () => {
    const coordinator = coordinatorOf();
    await Promise.all([0, 1, 2].map((partition) => coordinator.onElection(partition, 0)));
    const ids = [groupIn(0), groupIn(1), groupIn(2)];
    await Promise.all(ids.map((groupId) => coordinator.commitOffsets(commitRequest(groupId, 1n))));
    const { groups } = await coordinator.listGroups({ statesFilter: [] });
    expect(groups.map(({ groupId }) => groupId).sort()).toEqual([...ids].sort());
    const described = await coordinator.describeGroups([...ids, groupIn(1, 100), groupIn(3)]);
    expect(described.map(({ groupState, errorCode }) => [groupState, errorCode])).toEqual([
      ['Empty', 0],
      ['Empty', 0],
      ['Empty', 0],
      ['Dead', 0],
      ['', ErrorCode.NOT_COORDINATOR],
    ]);
    const [twice] = ids;
    const deleted = await coordinator.deleteGroups([twice ?? '', twice ?? '', groupIn(1, 100), groupIn(3)]);
    expect(deleted.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.NONE,
      ErrorCode.GROUP_ID_NOT_FOUND,
      ErrorCode.NOT_COORDINATOR,
    ]);
    expect(await coordinator.onPartitionsDeleted(t0)).toBe(2);
    coordinator.shutdown();
  });

  test('takes offsets of transactions once they are verified, and shows them after the marker', async () => {
    let verdict: number = ErrorCode.INVALID_TXN_STATE;
    const coordinator = coordinatorOf({ verifyTransaction: () => Promise.resolve(verdict) });
    await coordinator.onElection(2, 0);
    const groupId = groupIn(2);
    const { topics } = commitRequest(groupId, 9n);
    const request = {
      transactionalId: 'tx',
      groupId,
      producerId: 4,
      producerEpoch: 0,
      generationId: -1,
      memberId: '',
      groupInstanceId: null,
      topics,
    };
    expect(codeOf(await coordinator.commitTransactionalOffsets(request, 3))).toBe(
      ErrorCode.INVALID_TXN_STATE,
    );
    verdict = ErrorCode.NONE;
    expect(codeOf(await coordinator.commitTransactionalOffsets(request, 3))).toBe(ErrorCode.NONE);
    const unstable = await coordinator.fetchOffsets(groupId, t0, true);
    expect(unstable.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNSTABLE_OFFSET_COMMIT);
    coordinator.onTransactionMarker(2, 4, true, logs[2]?.mark(4, 'commit') ?? -1);
    expect(offsetOf(await coordinator.fetchOffsets(groupId, t0, true))).toBe(9n);
    coordinator.shutdown();
  });

  test('keeps a loading error from producers that do not know it', async () => {
    const coordinator = coordinatorOf();
    const elected = coordinator.onElection(2, 0);
    const { topics } = commitRequest('', 9n);
    const groupId = groupIn(2);
    const rest = {
      transactionalId: 'tx',
      producerId: 4,
      producerEpoch: 0,
      generationId: -1,
      memberId: '',
      groupInstanceId: null,
    };
    const [v1, v2] = await Promise.all([
      coordinator.commitTransactionalOffsets({ groupId, topics, ...rest }, 1),
      coordinator.commitTransactionalOffsets({ groupId, topics, ...rest }, 2),
    ]);
    expect(codeOf(v1)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(codeOf(v2)).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    await elected;
    coordinator.shutdown();
  });

  test('refuses a SyncGroup 5 that does not name its protocol', async () => {
    const coordinator = coordinatorOf();
    const request = {
      groupId: 'g',
      generationId: 1,
      memberId: 'm',
      groupInstanceId: null,
      protocolType: null,
      protocolName: null,
      assignments: [],
    };
    expect((await coordinator.syncGroup(request, 5)).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect((await coordinator.syncGroup(request, 4)).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });

  test('tells committers when the log turned out to be led elsewhere', async () => {
    const coordinator = coordinatorOf();
    await coordinator.onElection(0, 0);
    (logs[0] as MemoryLog).isReadOnly = true;
    expect(codeOf(await coordinator.commitOffsets(commitRequest(groupIn(0), 5n)))).toBe(
      ErrorCode.NOT_COORDINATOR,
    );
    coordinator.shutdown();
  });
});

describe('an OffsetFetch response', () => {
  const refused: FetchedGroup = {
    groupId: 'g',
    errorCode: ErrorCode.NOT_COORDINATOR,
    topics: [
      {
        name: 't',
        partitions: [
          { partitionIndex: 0, committedOffset: -1n, metadata: '', errorCode: ErrorCode.NOT_COORDINATOR },
        ],
      },
    ],
  };

  test('has the error of a group where its version has a place for it', () => {
    expect(offsetFetchResponse(1, [refused])).toMatchObject({ topics: refused.topics });
    expect(offsetFetchResponse(7, [refused])).toMatchObject({
      errorCode: ErrorCode.NOT_COORDINATOR,
      topics: [],
    });
    expect(offsetFetchResponse(8, [refused])).toMatchObject({
      groups: [{ groupId: 'g', errorCode: ErrorCode.NOT_COORDINATOR, topics: [] }],
    });
    expect(offsetFetchResponse(8, [])).toEqual({ throttleTimeMs: 0, groups: [] });
  });
});
