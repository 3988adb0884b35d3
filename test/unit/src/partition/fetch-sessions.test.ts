import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../../../protocol/errors.ts';
import { ZERO_UUID } from '../../../../protocol/uuid.ts';
import type {
  FetchNews,
  FetchPartition,
  FetchRequestParts,
} from '../../../../src/partition/fetch-sessions.ts';
import { FetchSessions } from '../../../../src/partition/fetch-sessions.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAQQ';

const partition = (index: number, fetchOffset = 0, topicId = TOPIC_ID): FetchPartition => ({
  topicId,
  topic: topicId === ZERO_UUID ? 't' : null,
  partition: index,
  fetchOffset,
  currentLeaderEpoch: -1,
  lastFetchedEpoch: -1,
  logStartOffset: -1,
  maxBytes: 1024,
});

const request = (parts: Partial<FetchRequestParts>): FetchRequestParts => ({
  version: 13,
  sessionId: 0,
  sessionEpoch: 0,
  isFollower: false,
  partitions: [],
  forgotten: [],
  ...parts,
});

const news = (parts: Partial<FetchNews> = {}): FetchNews => ({
  errorCode: ErrorCode.NONE,
  highWatermark: 0,
  logStartOffset: 0,
  recordsBytes: 0,
  hasDivergingEpoch: false,
  hasPreferredReadReplica: false,
  ...parts,
});

function sessions(maxEntries = 10) {
  const time = new VirtualTime();
  let last = 100;
  const cache = new FetchSessions({
    maxEntries,
    evictionMs: 120_000,
    random: () => ++last,
    monotonicMs: () => time.monotonicMs(),
  });
  const begin = (parts: Partial<FetchRequestParts>) => cache.begin(request(parts), () => 't');
  const open = (count: number, isFollower = false): number => {
    const partitions = Array.from({ length: count }, (_, index) => partition(index));
    return begin({ partitions, isFollower }).conclude(partitions.map(() => news())).sessionId;
  };
  return { time, cache, begin, open };
}

describe('fetch sessions', () => {
  test('a full request with epoch 0 opens a session, and one with epoch -1 does not', () => {
    const { begin } = sessions();
    expect(begin({ partitions: [partition(0)] }).conclude([news()]).sessionId).toBe(101);
    const without = begin({ sessionEpoch: -1, partitions: [partition(0)] });
    expect(without.conclude([news()])).toEqual({ sessionId: 0, errorCode: 0, include: [true] });
  });

  test('an incremental request reads every partition of the session and answers only what is news', () => {
    const { begin, open } = sessions();
    const sessionId = open(3);
    const context = begin({ sessionId, sessionEpoch: 1, partitions: [partition(1, 5)] });
    expect(context.partitions.map((part) => [part.partition, part.fetchOffset, part.topic])).toEqual([
      [0, 0, 't'],
      [1, 5, 't'],
      [2, 0, 't'],
    ]);
    const answer = context.conclude([news(), news({ recordsBytes: 9 }), news({ highWatermark: 7 })]);
    expect(answer).toEqual({ sessionId, errorCode: 0, include: [false, true, true] });
  });

  test('a partition that returned records goes to the end of the session', () => {
    const { begin, open } = sessions();
    const sessionId = open(3);
    begin({ sessionId, sessionEpoch: 1 }).conclude([news({ recordsBytes: 1 }), news(), news()]);
    const next = begin({ sessionId, sessionEpoch: 2 });
    expect(next.partitions.map((part) => part.partition)).toEqual([1, 2, 0]);
  });

  test('an error is answered, and again what follows it', () => {
    const { begin, open } = sessions();
    const sessionId = open(1);
    const failing = news({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      highWatermark: -1,
      logStartOffset: -1,
    });
    expect(begin({ sessionId, sessionEpoch: 1 }).conclude([failing]).include).toEqual([true]);
    expect(begin({ sessionId, sessionEpoch: 2 }).conclude([failing]).include).toEqual([true]);
    expect(begin({ sessionId, sessionEpoch: 3 }).conclude([news()]).include).toEqual([true]);
    expect(begin({ sessionId, sessionEpoch: 4 }).conclude([news()]).include).toEqual([false]);
  });

  test('an unknown session and a wrong epoch are refused, and the session keeps its epoch', () => {
    const { begin, open } = sessions();
    expect(begin({ sessionId: 0, sessionEpoch: 1 }).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    const sessionId = open(1);
    expect(begin({ sessionId, sessionEpoch: 5 }).errorCode).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    expect(begin({ sessionId, sessionEpoch: 1 }).errorCode).toBe(ErrorCode.NONE);
  });

  test('a session of topic ids is refused to a version that has none', () => {
    const { begin, open } = sessions();
    const sessionId = open(1);
    const context = begin({ version: 12, sessionId, sessionEpoch: 1 });
    expect(context.errorCode).toBe(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
  });

  test('a full request ends the session that it names', () => {
    const { begin, open, cache } = sessions();
    const sessionId = open(1);
    begin({ sessionId, sessionEpoch: 0, partitions: [partition(0)] }).conclude([news()]);
    expect(begin({ sessionId, sessionEpoch: 1 }).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect(cache.size).toBe(1);
  });

  test('a session that forgets its last partition is closed', () => {
    const { begin, open, cache } = sessions();
    const sessionId = open(1);
    const forgotten = [{ topicId: TOPIC_ID, topic: 't', partition: 0 }];
    const context = begin({ sessionId, sessionEpoch: 1, forgotten });
    expect(context.partitions).toEqual([]);
    expect(cache.size).toBe(0);
  });

  test('of two overlapping incremental requests the overtaken one is refused when it concludes', () => {
    const { begin, open } = sessions();
    const sessionId = open(1);
    const slow = begin({ sessionId, sessionEpoch: 1 });
    begin({ sessionId, sessionEpoch: 2 }).conclude([news()]);
    expect(slow.conclude([news()]).errorCode).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
  });

  test('a partition named twice is read once, as it was named last', () => {
    const { begin } = sessions();
    const context = begin({ sessionEpoch: -1, partitions: [partition(0, 1), partition(1), partition(0, 2)] });
    expect(context.partitions.map((part) => [part.partition, part.fetchOffset])).toEqual([
      [0, 2],
      [1, 0],
    ]);
  });

  describe('when the cache is full', () => {
    test('a young session is not pushed out by an equal one', () => {
      const { open, cache } = sessions(1);
      open(1);
      expect(open(1)).toBe(0);
      expect(cache.size).toBe(1);
    });

    test('a session that was not used for the eviction time goes', () => {
      const { open, time } = sessions(1);
      open(9);
      time.advance(120_001);
      expect(open(1)).not.toBe(0);
    });

    test('an old one that is smaller gives way to a larger one, and a larger one does not', () => {
      const { open, begin, time } = sessions(1);
      const sessionId = open(2);
      time.advance(119_000);
      begin({ sessionId, sessionEpoch: 1 }).conclude([news(), news()]);
      time.advance(2_000);
      expect(open(1)).toBe(0);
      expect(open(3)).not.toBe(0);
    });

    test('a follower pushes out a consumer, never the other way round', () => {
      const { open } = sessions(1);
      open(5);
      expect(open(1, true)).not.toBe(0);
      expect(open(9)).toBe(0);
    });
  });
});
