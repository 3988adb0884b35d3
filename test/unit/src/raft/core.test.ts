import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../../../protocol/errors.ts';
import type { RaftRequest, VoteRequest } from '../../../../src/raft/messages.ts';
import { LoneCore } from './core-fixture.ts';

const voteFor = (
  candidateId: number,
  candidateEpoch: number,
  more: Partial<VoteRequest> = {},
): VoteRequest => ({
  kind: 'vote',
  candidateId,
  candidateEpoch,
  lastOffsetEpoch: 0,
  lastOffset: 0,
  preVote: false,
  ...more,
});

describe('a vote', () => {
  test('goes to one candidate of an epoch, and to the same one again', () => {
    const lone = new LoneCore();
    expect(lone.request(voteFor(2, 5))).toMatchObject({ errorCode: 0, voteGranted: true, leaderEpoch: 5 });
    expect(lone.request(voteFor(3, 5))).toMatchObject({ errorCode: 0, voteGranted: false });
    expect(lone.request(voteFor(2, 5))).toMatchObject({ errorCode: 0, voteGranted: true });
  });

  test('leaves only after it is saved', () => {
    const lone = new LoneCore();
    lone.request(voteFor(2, 5));
    const save = lone.of('saveElectionState').at(-1);
    expect(save?.state).toEqual({ leaderEpoch: 5, leaderId: -1, votedId: 2 });
    expect(lone.of('reply')[0]?.after.stateVersion).toBe(save?.version);
  });

  test('is remembered over a restart', () => {
    const lone = new LoneCore({ saved: { leaderEpoch: 5, leaderId: -1, votedId: 2 } });
    expect(lone.request(voteFor(3, 5))).toMatchObject({ voteGranted: false });
    expect(lone.request(voteFor(2, 5))).toMatchObject({ voteGranted: true });
  });

  test('is refused to a candidate whose log is behind, though its epoch is taken over', () => {
    const lone = new LoneCore({ endOffset: 10, epochs: [{ epoch: 3, startOffset: 0 }] });
    expect(lone.request(voteFor(2, 9, { lastOffsetEpoch: 3, lastOffset: 9 }))).toMatchObject({
      voteGranted: false,
      leaderEpoch: 9,
    });
    expect(lone.request(voteFor(2, 10, { lastOffsetEpoch: 2, lastOffset: 99 }))).toMatchObject({
      voteGranted: false,
    });
    expect(lone.request(voteFor(2, 11, { lastOffsetEpoch: 3, lastOffset: 10 }))).toMatchObject({
      voteGranted: true,
    });
  });

  test.each([
    [voteFor(2, 3), ErrorCode.FENCED_LEADER_EPOCH],
    [voteFor(9, 9), ErrorCode.INCONSISTENT_VOTER_SET],
    [voteFor(-1, 9), ErrorCode.INVALID_REQUEST],
    [voteFor(2, 9, { lastOffset: -1 }), ErrorCode.INVALID_REQUEST],
    [voteFor(2, 9, { lastOffsetEpoch: 9 }), ErrorCode.INVALID_REQUEST],
  ])('request %j is answered with code %i and changes nothing', (request, errorCode) => {
    const lone = new LoneCore({ saved: { leaderEpoch: 5, leaderId: -1, votedId: -1 } });
    expect(lone.request(request)).toMatchObject({ errorCode, voteGranted: false, leaderEpoch: 5 });
  });

  test('before the election (KIP-996) is answered without a change', () => {
    const lone = new LoneCore();
    expect(lone.request(voteFor(2, 5, { preVote: true }))).toMatchObject({ voteGranted: true });
    expect(lone.core.epoch).toBe(0);
    expect(lone.of('saveElectionState')).toEqual([]);
  });
});

describe('an election', () => {
  test('begins after a timeout between once and twice the configured one', () => {
    const lone = new LoneCore();
    expect(lone.core.nextWakeMs).toBe(1500);
    lone.tickAt(1499);
    expect(lone.core.role).toBe('unattached');
    lone.tickAt(1500);
    expect(lone.core.role).toBe('candidate');
    expect(lone.sent('vote').map(({ to }) => to)).toEqual([2, 3]);
  });

  test('is won with a majority: a record of the new epoch is appended and all are told', () => {
    const lone = new LoneCore();
    lone.elect();
    expect(lone.core.role).toBe('leader');
    expect(lone.of('append')[0]).toMatchObject({
      baseOffset: 0,
      lastOffset: 0,
      epoch: 1,
      payload: { kind: 'leaderChange', leaderChange: { leaderId: 1, grantingVoters: [1, 2] } },
    });
    expect(lone.sent('beginQuorumEpoch').map(({ to }) => to)).toEqual([2, 3]);
  });

  test('that is lost backs off at once and tries again in a later epoch', () => {
    const lone = new LoneCore();
    lone.tickAt(1500);
    for (const { to, correlationId } of lone.sent('vote')) {
      const response = {
        kind: 'vote',
        errorCode: 0,
        leaderId: -1,
        leaderEpoch: 1,
        voteGranted: false,
      } as const;
      lone.step({ type: 'response', from: to, correlationId, response });
    }
    expect(lone.core.nextWakeMs).toBe(1600);
    lone.tickAt(1600);
    expect([lone.core.role, lone.core.epoch]).toEqual(['candidate', 2]);
  });

  test('is not stood for again in an epoch that this node led before a restart (KAFKA-10527)', () => {
    const lone = new LoneCore({ saved: { leaderEpoch: 4, leaderId: 1, votedId: -1 } });
    expect(lone.core.role).toBe('resigned');
    expect(lone.sent('endQuorumEpoch').map(({ to }) => to)).toEqual([2, 3]);
    expect(lone.request(voteFor(2, 4))).toMatchObject({ voteGranted: false });
    lone.tickAt(1500);
    expect([lone.core.role, lone.core.epoch]).toEqual(['candidate', 5]);
  });

  test('a sole voter leads at its start, whatever it was before', () => {
    for (const saved of [
      null,
      { leaderEpoch: 4, leaderId: 1, votedId: -1 },
      { leaderEpoch: 4, leaderId: -1, votedId: 1 },
    ]) {
      const lone = new LoneCore({ voterIds: [1], saved });
      expect([lone.core.role, lone.core.epoch]).toEqual(['leader', (saved?.leaderEpoch ?? 0) + 1]);
    }
  });
});

describe('a leader', () => {
  const led = () => {
    const lone = new LoneCore({
      endOffset: 5,
      epochs: [{ epoch: 1, startOffset: 0 }],
      saved: { leaderEpoch: 1, leaderId: -1, votedId: -1 },
    });
    lone.elect();
    expect(lone.core.epoch).toBe(2);
    return lone;
  };

  test('commits only past its own first record, and only what it has flushed itself (KAFKA-12619)', () => {
    const lone = led();
    lone.fetch(2, 5, 1);
    lone.syncAll();
    expect(lone.of('highWatermark')).toEqual([]);
    lone.fetch(2, 6, 2);
    expect(lone.of('highWatermark').map(({ offset }) => offset)).toEqual([6]);
    lone.propose(2);
    lone.fetch(2, 8, 2);
    lone.fetch(3, 8, 2);
    expect(lone.core.highWatermark).toBe(8);
  });

  test('a sole voter commits nothing before its flush', () => {
    const lone = new LoneCore({ voterIds: [1] });
    expect(lone.of('highWatermark')).toEqual([]);
    lone.syncAll();
    expect(lone.of('highWatermark').map(({ offset }) => offset)).toEqual([1]);
  });

  test('sends records up to its log end and lets an empty fetch wait', () => {
    const lone = led();
    expect(lone.fetch(2, 5, 1)).toMatchObject({ errorCode: 0, highWatermark: -1 });
    expect(lone.of('reply')[0]?.read).toEqual({ kind: 'log', offset: 5, upTo: 6, maxBytes: 1000 });
    expect(lone.fetch(2, 6, 2)).toBeNull();
    const waiting = lone.lastRequestId;
    lone.propose();
    expect(lone.of('reply').map(({ requestId, read }) => [requestId, read?.kind])).toEqual([
      [waiting, 'log'],
    ]);
  });

  test('wakes a waiting fetch with the news of a commit (KAFKA-14145)', () => {
    const lone = led();
    lone.syncAll();
    lone.propose();
    lone.syncAll();
    // The observer is at the end of the log, and has been told that nothing is committed.
    expect(lone.fetch(9, 7, 2)).toBeNull();
    const waiting = lone.lastRequestId;
    expect(lone.fetch(3, 7, 2)).toMatchObject({ highWatermark: 7 });
    expect(lone.replyTo(waiting)).toMatchObject({ highWatermark: 7 });
  });

  test('answers a waiting fetch when its time is up, and never one whose asker has gone', () => {
    const lone = led();
    lone.fetch(2, 6, 2, 100);
    const first = lone.lastRequestId;
    lone.fetch(7, 6, 2, 100);
    lone.step({ type: 'requestCancelled', requestId: lone.lastRequestId });
    lone.tickAt(lone.nowMs + 100);
    expect(lone.of('reply').map(({ requestId }) => requestId)).toEqual([first]);
  });

  test('tells a follower where its log parts', () => {
    const lone = led();
    expect(lone.fetch(2, 9, 1)).toMatchObject({ divergingEpoch: { epoch: 1, endOffset: 5 } });
    expect(lone.fetch(2, 6, 0)).toMatchObject({ divergingEpoch: { epoch: 0, endOffset: 0 } });
  });

  test.each<[Partial<Extract<RaftRequest, { kind: 'fetch' }>>, number]>([
    [{ currentLeaderEpoch: 1 }, ErrorCode.FENCED_LEADER_EPOCH],
    [{ currentLeaderEpoch: 3 }, ErrorCode.UNKNOWN_LEADER_EPOCH],
    [{ fetchOffset: -1 }, ErrorCode.INVALID_REQUEST],
    [{ lastFetchedEpoch: 3 }, ErrorCode.INVALID_REQUEST],
    [{ maxWaitMs: -1 }, ErrorCode.INVALID_REQUEST],
    [{ replicaId: 1 }, ErrorCode.UNKNOWN_SERVER_ERROR],
  ])('refuses a fetch with %j', (change, errorCode) => {
    const fetch = {
      kind: 'fetch',
      replicaId: 2,
      currentLeaderEpoch: 2,
      fetchOffset: 5,
      lastFetchedEpoch: 1,
      maxWaitMs: 1,
      maxBytes: 9,
    } as const;
    expect(led().request({ ...fetch, ...change })).toMatchObject({ errorCode, leaderId: 1, leaderEpoch: 2 });
  });

  test('gives up when a majority stops fetching for one and a half fetch timeouts (KAFKA-15489)', () => {
    const lone = led();
    const startMs = lone.nowMs;
    lone.tickAt(startMs + 2900);
    lone.fetch(2, 6, 2);
    lone.tickAt(startMs + 5800);
    expect(lone.core.role).toBe('leader');
    lone.fetch(9, 6, 2);
    lone.tickAt(startMs + 5900);
    expect(lone.core.role).toBe('resigned');
    expect(lone.of('failPending')).toHaveLength(1);
    expect(lone.sent('endQuorumEpoch')[0]?.request).toMatchObject({ preferredSuccessors: [2, 3] });
  });

  test('steps down for a larger epoch: what waits is refused, what is proposed fails', () => {
    const lone = led();
    lone.fetch(3, 6, 2);
    const waiting = lone.lastRequestId;
    lone.request(voteFor(2, 9, { lastOffset: 6, lastOffsetEpoch: 2 }));
    expect(lone.core.role).toBe('voted');
    expect(lone.of('failPending')).toHaveLength(1);
    expect(lone.replyTo(waiting)).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      leaderEpoch: 9,
    });
  });

  test('refuses a proposal of another epoch, and one that would get another offset', () => {
    const lone = led();
    const propose = { type: 'propose', token: 1, recordCount: 1, records: new Uint8Array(1) } as const;
    lone.step({ ...propose, epoch: 1, requiredBaseOffset: null });
    expect(lone.of('proposed')[0]?.errorCode).toBe(ErrorCode.NOT_CONTROLLER);
    lone.step({ ...propose, epoch: 2, requiredBaseOffset: 5 });
    expect(lone.of('proposed')[0]?.errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    lone.step({ ...propose, epoch: 2, requiredBaseOffset: 6 });
    expect(lone.of('proposed')[0]).toMatchObject({ errorCode: 0, baseOffset: 6 });
  });
});

describe('a follower', () => {
  const following = () => {
    const lone = new LoneCore({ endOffset: 8, epochs: [{ epoch: 1, startOffset: 0 }] });
    lone.request({ kind: 'beginQuorumEpoch', leaderId: 2, leaderEpoch: 3 });
    return lone;
  };
  const answer = (lone: LoneCore, more: object, correlationId = lone.sent('fetch')[0]?.correlationId ?? -1) =>
    lone.step({
      type: 'response',
      from: 2,
      correlationId,
      response: {
        kind: 'fetch',
        errorCode: 0,
        leaderId: 2,
        leaderEpoch: 3,
        highWatermark: -1,
        logStartOffset: 0,
        divergingEpoch: null,
        snapshotId: null,
        records: [],
        ...more,
      },
    });
  const batch = (baseOffset: number, lastOffset: number, epoch: number) => ({
    baseOffset,
    lastOffset,
    epoch,
    bytes: new Uint8Array(1),
  });

  test('fetches from its log end, and on only after its flush', () => {
    const lone = following();
    expect(lone.sent('fetch')[0]?.request).toMatchObject({
      fetchOffset: 8,
      lastFetchedEpoch: 1,
      currentLeaderEpoch: 3,
    });
    answer(lone, { records: [batch(8, 9, 2), batch(10, 10, 3)], highWatermark: 9 });
    const [sync] = lone.of('sync');
    expect(sync?.upTo).toBe(11);
    expect(lone.sent('fetch')[0]).toMatchObject({
      request: { fetchOffset: 11, lastFetchedEpoch: 3 },
      after: { syncId: sync?.syncId },
    });
    expect(lone.core.highWatermark).toBe(9);
  });

  test('cuts its log where the leader says', () => {
    const lone = following();
    answer(lone, { divergingEpoch: { epoch: 1, endOffset: 6 } });
    expect(lone.of('truncateTo')[0]?.offset).toBe(6);
    expect(lone.sent('fetch')[0]?.request).toMatchObject({ fetchOffset: 6 });
  });

  test('takes no answer but the one to its outstanding request', () => {
    const lone = following();
    const [first] = lone.sent('fetch');
    answer(lone, { records: [batch(8, 9, 3)] });
    answer(lone, { divergingEpoch: { epoch: 1, endOffset: 2 } }, first?.correlationId);
    expect(lone.of('truncateTo')).toEqual([]);
    expect(lone.core.log.endOffset).toBe(10);
  });

  test.each([[[batch(9, 9, 3)]], [[batch(8, 7, 3)]], [[batch(8, 8, 9)]], [[batch(8, 8, 3), batch(9, 9, 2)]]])(
    'takes no batches that do not follow on its log: %j',
    (records) => {
      const lone = following();
      answer(lone, { records });
      expect(lone.of('append')).toEqual([]);
      expect(lone.core.log.endOffset).toBe(8);
    },
  );

  test('stops rather than cut what is committed (KAFKA-12460)', () => {
    const lone = following();
    answer(lone, { highWatermark: 8 });
    expect(() => answer(lone, { divergingEpoch: { epoch: 1, endOffset: 2 } })).toThrow();
  });

  test('stands for election after the fetch timeout, and at once as the first successor', () => {
    const lone = following();
    lone.tickAt(1999);
    expect(lone.core.role).toBe('follower');
    lone.tickAt(2000);
    expect(lone.core.role).toBe('candidate');
    const named = following();
    named.request({ kind: 'endQuorumEpoch', leaderId: 2, leaderEpoch: 3, preferredSuccessors: [1, 3] });
    expect(named.core.role).toBe('candidate');
    const second = following();
    second.request({ kind: 'endQuorumEpoch', leaderId: 2, leaderEpoch: 3, preferredSuccessors: [3, 1] });
    expect([second.core.role, second.core.nextWakeMs]).toEqual(['follower', 500]);
  });

  test('fetches a snapshot slice by slice, then starts its log there', () => {
    const lone = following();
    const snapshotId = { endOffset: 20, epoch: 2 };
    answer(lone, { snapshotId });
    for (const [position, size] of [
      [0, 3],
      [2, 3],
    ] as const) {
      const [ask] = lone.sent('fetchSnapshot');
      expect(ask?.request).toMatchObject({ snapshotId, position });
      lone.step({
        type: 'response',
        from: 2,
        correlationId: ask?.correlationId ?? -1,
        response: {
          kind: 'fetchSnapshot',
          errorCode: 0,
          leaderId: 2,
          leaderEpoch: 3,
          snapshotId,
          size,
          position,
          unalignedRecords: new Uint8Array(position === 0 ? 2 : 1),
        },
      });
      expect(lone.of('storeSnapshotChunk')[0]).toMatchObject({ position, last: position === 2 });
    }
    expect(lone.of('send')).toEqual([]);
    lone.step({ type: 'snapshotStored', snapshotId });
    expect(lone.effects.map(({ type }) => type)).toEqual(['truncateFullyTo', 'highWatermark', 'send']);
    expect(lone.sent('fetch')[0]?.request).toMatchObject({ fetchOffset: 20, lastFetchedEpoch: 2 });
  });

  test('refuses a second leader of its epoch', () => {
    const lone = following();
    expect(lone.request({ kind: 'beginQuorumEpoch', leaderId: 3, leaderEpoch: 3 })).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      leaderId: 2,
    });
  });
});

describe('an observer', () => {
  test('asks voters until one names the leader, and never stands for election', () => {
    const lone = new LoneCore({ nodeId: 9 });
    const [ask] = lone.sent('fetch');
    expect(ask?.to).toBe(2);
    const refusal = {
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      leaderId: 3,
      leaderEpoch: 4,
      highWatermark: -1,
    };
    lone.step({
      type: 'response',
      from: 2,
      correlationId: ask?.correlationId ?? -1,
      response: {
        kind: 'fetch',
        ...refusal,
        logStartOffset: 0,
        divergingEpoch: null,
        snapshotId: null,
        records: [],
      },
    });
    expect(lone.sent('fetch').map(({ to }) => to)).toEqual([3]);
    lone.step({ type: 'connectionLost', nodeId: 3 });
    expect(lone.sent('fetch').map(({ to }) => to)).not.toContain(3);
    lone.tickAt(60_000);
    expect(lone.core.role).toBe('follower');
  });

  test('needs no flush to fetch on', () => {
    const lone = new LoneCore({ nodeId: 9 });
    expect(lone.sent('fetch')[0]?.after.syncId).toBe(0);
  });
});

describe('a node that is told there is no leader', () => {
  test('asks again only after a pause, also where the leader it knew has resigned', () => {
    const lone = new LoneCore({ saved: { leaderEpoch: 3, leaderId: 2, votedId: -1 } });
    const [ask] = lone.sent('fetch');
    const refusal = {
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      leaderId: 2,
      leaderEpoch: 3,
      highWatermark: -1,
    };
    lone.step({
      type: 'response',
      from: 2,
      correlationId: ask?.correlationId ?? -1,
      response: {
        kind: 'fetch',
        ...refusal,
        logStartOffset: 0,
        divergingEpoch: null,
        snapshotId: null,
        records: [],
      },
    });
    expect(lone.of('send')).toEqual([]);
    expect(lone.core.nextWakeMs).toBe(20);
    lone.tickAt(20);
    expect(lone.sent('fetch').map(({ to }) => to)).toEqual([2]);
  });
});
