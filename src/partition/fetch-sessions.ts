/**
 * Incremental fetch sessions (KIP-227): what this broker remembers of each fetcher between its requests, so that
 * a request names only what changed and an answer holds only what is news.
 *
 * What is always true:
 * - a session's epoch is the one its next request must carry; it grows by one each request and wraps from
 *   2^31-1 to 1, never to 0;
 * - the partitions of a session are kept in the order in which they are to be served: one that returned records
 *   goes to the end, so that a busy partition can't starve the others;
 * - the cache never holds more than `maxEntries` sessions. A new one may push out a stale one (unused for
 *   `evictionMs`), else a smaller one that is not young; followers' sessions give way only to followers'.
 *
 * See kafka.server.FetchSession and FetchManager.newContext.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';

export const INVALID_SESSION_ID = 0;
const INITIAL_EPOCH = 0;
const FINAL_EPOCH = -1;
const MAX_INT32 = 0x7fffffff;

/** One partition of a fetch request, its topic named by id (Fetch 13+), by name (before), or both once resolved. */
export interface FetchPartition {
  readonly topicId: Uuid;
  /** Null while the id is not known to this broker. */
  topic: string | null;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly currentLeaderEpoch: number;
  readonly lastFetchedEpoch: number;
  /** The follower's log start offset; -1 for consumers. */
  readonly logStartOffset: number;
  readonly maxBytes: number;
}

/** What a session compares between two answers of one partition. */
export interface FetchNews {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly recordsBytes: number;
  readonly hasDivergingEpoch: boolean;
  readonly hasPreferredReadReplica: boolean;
}

export interface FetchRequestParts {
  readonly version: number;
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly isFollower: boolean;
  readonly partitions: readonly FetchPartition[];
  readonly forgotten: ReadonlyArray<{ topicId: Uuid; topic: string | null; partition: number }>;
}

/** One request's view of its session. */
export interface FetchContext {
  /** Not NONE: the request is refused as a whole. */
  readonly errorCode: number;
  /** What to read, in this order. */
  readonly partitions: readonly FetchPartition[];
  /**
   * Chooses what of the results goes into the answer and remembers it. `results` is aligned with `partitions`.
   * Returns the session id to answer, an error that only shows now (a second request overtook this one), and
   * which results to include.
   */
  conclude(results: readonly FetchNews[]): {
    sessionId: number;
    errorCode: number;
    include: readonly boolean[];
  };
}

interface CachedPartition {
  request: FetchPartition;
  highWatermark: number;
  logStartOffset: number;
}

interface Session {
  readonly id: number;
  readonly isFollower: boolean;
  readonly usesTopicIds: boolean;
  readonly createdMs: number;
  lastUsedMs: number;
  epoch: number;
  readonly partitions: Map<string, CachedPartition>;
}

const keyOf = (part: { topicId: Uuid; topic: string | null; partition: number }): string =>
  part.topicId === ZERO_UUID ? `${part.partition}/${part.topic}` : `${part.partition}#${part.topicId}`;

const nextEpoch = (epoch: number): number => {
  if (epoch < 0) return FINAL_EPOCH;
  return epoch === MAX_INT32 ? 1 : epoch + 1;
};

/** A later entry for a partition replaces the earlier one in its place, as in a Java LinkedHashMap. */
function collapse(partitions: readonly FetchPartition[]): readonly FetchPartition[] {
  const byKey = new Map<string, FetchPartition>();
  for (const part of partitions) byKey.set(keyOf(part), part);
  return byKey.size === partitions.length ? partitions : [...byKey.values()];
}

const includeAll = (results: readonly FetchNews[]): boolean[] => results.map(() => true);

export class FetchSessions {
  readonly #sessions = new Map<number, Session>();
  readonly #maxEntries: number;
  readonly #evictionMs: number;
  readonly #random: () => number;
  readonly #monotonicMs: () => number;

  /** `random` gives integers in [1, 2^31-1); `evictionMs` is 120,000 in Kafka. */
  constructor(options: {
    maxEntries: number;
    evictionMs: number;
    random: () => number;
    monotonicMs: () => number;
  }) {
    this.#maxEntries = options.maxEntries;
    this.#evictionMs = options.evictionMs;
    this.#random = options.random;
    this.#monotonicMs = options.monotonicMs;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Finds what a request is about. `nameOf` resolves ids that were unknown when the session learnt of them. */
  begin(request: FetchRequestParts, nameOf: (id: Uuid) => string | null): FetchContext {
    const isFull = request.sessionEpoch === INITIAL_EPOCH || request.sessionEpoch === FINAL_EPOCH;
    if (isFull) {
      // Any session that a full request names is over.
      this.#sessions.delete(request.sessionId);
      const partitions = collapse(request.partitions);
      return request.sessionEpoch === FINAL_EPOCH ? sessionless(partitions) : this.#full(request, partitions);
    }
    const session = this.#sessions.get(request.sessionId);
    if (session === undefined) return refused(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    if (session.epoch !== request.sessionEpoch) return refused(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    if (session.usesTopicIds !== request.version >= 13) {
      return refused(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    }
    update(session, request);
    if (session.partitions.size === 0) {
      this.#sessions.delete(session.id);
      return sessionless(collapse(request.partitions));
    }
    session.lastUsedMs = this.#monotonicMs();
    session.epoch = nextEpoch(session.epoch);
    return incremental(session, nameOf);
  }

  #full(request: FetchRequestParts, partitions: readonly FetchPartition[]): FetchContext {
    return {
      errorCode: ErrorCode.NONE,
      partitions,
      conclude: (results) => ({
        sessionId: this.#create(request, partitions, results),
        errorCode: ErrorCode.NONE,
        include: includeAll(results),
      }),
    };
  }

  #create(
    request: FetchRequestParts,
    partitions: readonly FetchPartition[],
    results: readonly FetchNews[],
  ): number {
    if (this.#sessions.size >= this.#maxEntries && !this.#evictFor(request.isFollower, partitions.length)) {
      return INVALID_SESSION_ID;
    }
    let id = this.#random();
    while (id === INVALID_SESSION_ID || this.#sessions.has(id)) id = this.#random();
    const cached = new Map<string, CachedPartition>();
    partitions.forEach((part, index) => {
      const result = results[index];
      cached.set(keyOf(part), {
        request: part,
        highWatermark: result?.highWatermark ?? -1,
        logStartOffset: result?.logStartOffset ?? -1,
      });
    });
    const nowMs = this.#monotonicMs();
    this.#sessions.set(id, {
      id,
      isFollower: request.isFollower,
      usesTopicIds: request.version >= 13,
      createdMs: nowMs,
      lastUsedMs: nowMs,
      epoch: nextEpoch(INITIAL_EPOCH),
      partitions: cached,
    });
    return id;
  }

  /** Makes room for one more session, or says that none may go. Cost: one pass over the cache, when it is full. */
  #evictFor(isFollower: boolean, partitionCount: number): boolean {
    const nowMs = this.#monotonicMs();
    let stalest: Session | undefined;
    let smallest: Session | undefined;
    for (const session of this.#sessions.values()) {
      if (stalest === undefined || session.lastUsedMs < stalest.lastUsedMs) stalest = session;
      const isOld = nowMs - session.createdMs > this.#evictionMs;
      const mayGo = isOld || (isFollower && !session.isFollower);
      if (mayGo && (smallest === undefined || isLess(session, smallest))) smallest = session;
    }
    if (stalest !== undefined && nowMs - stalest.lastUsedMs > this.#evictionMs) {
      return this.#sessions.delete(stalest.id);
    }
    if (smallest === undefined) return false;
    const isMoreValuable =
      isFollower === smallest.isFollower ? partitionCount >= smallest.partitions.size : isFollower;
    return isMoreValuable && this.#sessions.delete(smallest.id);
  }
}

/** Order of EvictableKey: consumers before followers, then by size, then by id. */
function isLess(a: Session, b: Session): boolean {
  if (a.isFollower !== b.isFollower) return b.isFollower;
  if (a.partitions.size !== b.partitions.size) return a.partitions.size < b.partitions.size;
  return a.id < b.id;
}

function refused(errorCode: number): FetchContext {
  return {
    errorCode,
    partitions: [],
    conclude: () => ({ sessionId: INVALID_SESSION_ID, errorCode, include: [] }),
  };
}

function sessionless(partitions: readonly FetchPartition[]): FetchContext {
  return {
    errorCode: ErrorCode.NONE,
    partitions,
    conclude: (results) => ({
      sessionId: INVALID_SESSION_ID,
      errorCode: ErrorCode.NONE,
      include: includeAll(results),
    }),
  };
}

function update(session: Session, request: FetchRequestParts): void {
  for (const part of request.partitions) {
    const cached = session.partitions.get(keyOf(part));
    if (cached === undefined) {
      session.partitions.set(keyOf(part), { request: part, highWatermark: -1, logStartOffset: -1 });
    } else {
      cached.request = { ...part, topic: cached.request.topic ?? part.topic };
    }
  }
  for (const part of request.forgotten) session.partitions.delete(keyOf(part));
}

function incremental(session: Session, nameOf: (id: Uuid) => string | null): FetchContext {
  const epoch = session.epoch;
  const entries = [...session.partitions.entries()];
  for (const [, cached] of entries) {
    if (cached.request.topic === null) cached.request.topic = nameOf(cached.request.topicId);
  }
  return {
    errorCode: ErrorCode.NONE,
    partitions: entries.map(([, cached]) => cached.request),
    conclude(results) {
      if (session.epoch !== epoch) {
        return { sessionId: session.id, errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, include: [] };
      }
      const include = entries.map(([key, cached], index) => {
        const result = results[index];
        if (result === undefined) return false;
        if (result.recordsBytes > 0 && session.partitions.delete(key)) session.partitions.set(key, cached);
        return learn(cached, result);
      });
      return { sessionId: session.id, errorCode: ErrorCode.NONE, include };
    },
  };
}

/** Remembers what is about to be answered; true when any of it is news to the fetcher. */
function learn(cached: CachedPartition, result: FetchNews): boolean {
  const isNews =
    result.recordsBytes > 0 ||
    result.highWatermark !== cached.highWatermark ||
    result.logStartOffset !== cached.logStartOffset ||
    result.hasPreferredReadReplica ||
    result.hasDivergingEpoch ||
    result.errorCode !== ErrorCode.NONE;
  // After an error the high watermark counts as unknown, so that the partition is sent again once it is well.
  cached.highWatermark = result.errorCode === ErrorCode.NONE ? result.highWatermark : -1;
  cached.logStartOffset = result.logStartOffset;
  return isNews;
}
