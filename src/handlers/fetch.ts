/**
 * Fetch (key 1), versions 0 to 16.
 *
 * v0-1 are answered in message format 0, v2-3 in format 1; v3 a limit for all, before which one was a hard limit that
 * even the first batch had to fit; v4 isolation level; v5 log start offset; v7 sessions (KIP-227); v9 leader epochs (KIP-320); v10 zstd; v11 racks
 * (KIP-392); v12 flexible, diverging epochs; v13 topic ids; v15 replica state; v16 the current leader beside an
 * error (KIP-951).
 *
 * What is unlikely to be in the page cache is read on the thread pool first; only then the request is looked at, as if it
 * had just come. An answer leaves at once when the reader does not want to wait, when a partition has an error or diverges, or when
 * there are enough bytes; otherwise the request waits in the purgatory for one of its partitions to move.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import type { LateRead, ReadLease } from '../../storage/read-buffers.ts';
import { downConvertRead, legacyMagicOf } from '../partition/down-conversion.ts';
import type { FetchParams, FetchResult } from '../partition/fetch-partition.ts';
import { fetchPartition } from '../partition/fetch-partition.ts';
import type { FetchContext, FetchPartition } from '../partition/fetch-sessions.ts';
import type { Partition } from '../partition/partition.ts';
import type { WatchList } from '../partition/purgatory.ts';
import type { Call } from '../server/handler.ts';
import { handler } from '../server/handler.ts';
import { currentLeader } from './current-leader.ts';
import type { Services } from './services.ts';

type Request = RequestOf<typeof Fetch>;
type Response = ResponseInput<typeof Fetch>;
type TopicResponse = Response['responses'][number];
type PartitionResponse = TopicResponse['partitions'][number];

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const ZSTD = 'zstd';

export const fetch = (services: Services) =>
  handler(Fetch, {
    run(request, call) {
      if (request.isolationLevel !== READ_UNCOMMITTED && request.isolationLevel !== READ_COMMITTED) {
        return refuseAll(request, ErrorCode.UNKNOWN_SERVER_ERROR);
      }
      const context = beginContext(services, request, call.version);
      if (context.errorCode !== ErrorCode.NONE) {
        return { throttleTimeMs: 0, errorCode: context.errorCode, sessionId: 0, responses: [] };
      }
      return new FetchOperation(services, request, call, context).run();
    },
    refuse: (request, errorCode) => refuseAll(request, errorCode),
  });

function refuseAll(request: Request, errorCode: number): Response {
  // Since version 13, when topics came to have ids, the error stands at the top alone. See FetchRequest.getErrorResponse.
  const usesIds = request.topics.some(({ topicId }) => topicId !== ZERO_UUID);
  return {
    throttleTimeMs: 0,
    errorCode,
    responses: (usesIds ? [] : request.topics).map((topic) => ({
      topic: topic.topic,
      topicId: topic.topicId,
      partitions: topic.partitions.map((part) => ({
        partitionIndex: part.partition,
        errorCode,
        highWatermark: -1,
        abortedTransactions: [],
        records: null,
      })),
    })),
  };
}

function beginContext(services: Services, request: Request, version: number): FetchContext {
  const image = services.image();
  const usesIds = version >= 13;
  const nameOf = (id: Uuid): string | null => image.topicById(id)?.name ?? null;
  const partitions: FetchPartition[] = [];
  for (const topic of request.topics) {
    const name = usesIds ? nameOf(topic.topicId) : topic.topic;
    const topicId = usesIds ? topic.topicId : ZERO_UUID;
    for (const part of topic.partitions) {
      partitions.push({
        topicId,
        topic: name,
        partition: part.partition,
        fetchOffset: part.fetchOffset,
        // Here any negative epoch tells nothing; other APIs take only -1 so. See FetchRequest.optionalEpoch.
        currentLeaderEpoch: Math.max(part.currentLeaderEpoch, -1),
        lastFetchedEpoch: part.lastFetchedEpoch,
        logStartOffset: part.logStartOffset,
        maxBytes: part.partitionMaxBytes,
      });
    }
  }
  const forgotten = request.forgottenTopicsData.flatMap((topic) =>
    topic.partitions.map((partition) => ({
      topicId: usesIds ? topic.topicId : ZERO_UUID,
      topic: usesIds ? nameOf(topic.topicId) : topic.topic,
      partition,
    })),
  );
  return services.fetchSessions.begin(
    {
      version,
      sessionId: request.sessionId,
      sessionEpoch: request.sessionEpoch,
      isFollower: replicaIdOf(request) >= 0,
      partitions,
      forgotten,
    },
    nameOf,
  );
}

const replicaIdOf = (request: Request): number =>
  request.replicaState.replicaId >= 0 ? request.replicaState.replicaId : request.replicaId;

/** What became of one partition before the log was asked. */
interface Target {
  readonly request: FetchPartition;
  readonly partition: Partition | null;
  readonly errorCode: number;
}

const early = (errorCode: number): FetchResult => ({
  errorCode,
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  // Observed on 3.7.0: an error that is found before the log is read answers an empty list here, later ones null.
  abortedTransactions: [],
  divergingEpoch: null,
  records: [],
  recordsBytes: 0,
  availableBytes: 0,
});

class FetchOperation {
  readonly #services: Services;
  readonly #call: Call;
  readonly #context: FetchContext;
  readonly #params: FetchParams;
  readonly #maxWaitMs: number;
  readonly #maxBytes: number;
  readonly #minBytes: number;
  readonly #targets: readonly Target[];
  /** Memory of the newest read. */
  readonly #lease: ReadLease;

  constructor(services: Services, request: Request, call: Call, context: FetchContext) {
    this.#services = services;
    this.#call = call;
    this.#context = context;
    this.#params = {
      replicaId: replicaIdOf(request),
      isReadCommitted: request.isolationLevel === READ_COMMITTED,
      isHardLimit: call.version <= 2,
    };
    this.#maxWaitMs = request.maxWaitMs;
    this.#maxBytes = Math.min(request.maxBytes, services.config().fetch.maxBytes);
    this.#minBytes = Math.min(request.minBytes, this.#maxBytes);
    this.#targets = context.partitions.map((part) => this.#target(part));
    this.#lease = services.readBuffers.lease(call.takesLateReads && legacyMagicOf(call.version) === null);
  }

  #target(request: FetchPartition): Target {
    const { topic } = request;
    const failed = (errorCode: number): Target => ({ request, partition: null, errorCode });
    if (topic === null) return failed(ErrorCode.UNKNOWN_TOPIC_ID);
    if (this.#services.image().partition(topic, request.partition) === undefined) {
      return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
    const partition = this.#services.replicas.get(topic, request.partition);
    if (partition === undefined)
      return failed(this.#services.replicas.missingError(topic, request.partition));
    if (request.topicId !== ZERO_UUID && request.topicId !== partition.log.topicId) {
      return failed(ErrorCode.INCONSISTENT_TOPIC_ID);
    }
    return { request, partition, errorCode: ErrorCode.NONE };
  }

  run(): Response | Promise<Response> {
    const warmUp = this.#warmUp();
    return warmUp === null ? this.#answer() : warmUp.then(() => this.#answer());
  }

  /** Brings data that this process has not seen lately into the page cache, where that takes others no time. */
  #warmUp(): Promise<unknown> | null {
    let limitBytes = Math.min(this.#maxBytes, this.#services.readBuffers.allowance());
    const warmUps: Promise<void>[] = [];
    for (const { request, partition } of this.#targets) {
      if (partition === null) continue;
      const maxBytes = Math.max(0, Math.min(request.maxBytes, limitBytes));
      const warmUp = partition.log.warmUp(request.fetchOffset, maxBytes);
      if (warmUp === null) continue;
      warmUps.push(warmUp);
      limitBytes -= maxBytes;
      if (limitBytes <= 0) break;
    }
    return warmUps.length === 0 ? null : Promise.all(warmUps);
  }

  #answer(): Response | Promise<Response> {
    const results = this.#read();
    const mayWait = this.#maxWaitMs > 0 && this.#targets.some((target) => target.partition !== null);
    if (!mayWait || this.#isEnough(results)) return this.#respond(results);
    this.#lease.release();
    return new Promise((resolve) => {
      const lists: WatchList[] = [];
      for (const { partition } of this.#targets) if (partition !== null) lists.push(partition.watchers);
      this.#services.purgatory.watch(lists, this.#maxWaitMs, {
        tryComplete: () => {
          if (!this.#mayHaveMoved()) return false;
          const news = this.#read();
          if (!this.#isEnough(news)) {
            this.#lease.release();
            return false;
          }
          resolve(this.#respond(news));
          return true;
        },
        expire: () => resolve(this.#respond(this.#read())),
      });
    });
  }

  /** A cheap look before the read: is there anything past some fetch offset, or any reason to answer an error? */
  #mayHaveMoved(): boolean {
    for (const { request, partition } of this.#targets) {
      if (partition === null) continue;
      if (partition.checkLeader(request.currentLeaderEpoch) !== ErrorCode.NONE) return true;
      const { log } = partition;
      const upTo =
        this.#params.replicaId >= 0
          ? log.logEndOffset
          : this.#params.isReadCommitted
            ? log.lastStableOffset
            : log.highWatermark;
      if (upTo > request.fetchOffset || request.fetchOffset < log.logStartOffset) return true;
      if (request.fetchOffset > log.logEndOffset) return true;
    }
    return false;
  }

  #read(): FetchResult[] {
    let limitBytes = Math.min(this.#maxBytes, this.#services.readBuffers.allowance());
    let minOneBatch = !this.#params.isHardLimit;
    return this.#targets.map(({ request, partition, errorCode }) => {
      if (partition === null) return early(errorCode);
      const maxBytes = Math.min(request.maxBytes, limitBytes);
      const result = fetchPartition(partition, request, this.#params, maxBytes, minOneBatch, this.#lease);
      // Only the first partition with records may exceed the limits.
      if (result.recordsBytes > 0) minOneBatch = false;
      limitBytes = Math.max(0, limitBytes - result.recordsBytes);
      return result;
    });
  }

  #isEnough(results: readonly FetchResult[]): boolean {
    let bytes = 0;
    for (const result of results) {
      // A topic that is not known here doesn't end the waiting for the others, as in KafkaApis.handleFetchRequest.
      if (isUnknownTopic(result.errorCode)) continue;
      if (result.errorCode !== ErrorCode.NONE || result.divergingEpoch !== null) return true;
      bytes += result.availableBytes;
    }
    return bytes >= this.#minBytes;
  }

  #respond(results: readonly FetchResult[]): Response {
    this.#call.afterWrite(() => this.#lease.release());
    const chosen = this.#context.conclude(
      results.map((result) => ({
        errorCode: result.errorCode,
        highWatermark: result.highWatermark,
        logStartOffset: result.logStartOffset,
        recordsBytes: result.recordsBytes,
        hasDivergingEpoch: result.divergingEpoch !== null,
        hasPreferredReadReplica: false,
      })),
    );
    const leaders = currentLeader(this.#services, this.#call.connection.listenerName);
    const responses: TopicResponse[] = [];
    let last: { topic: string; topicId: Uuid; partitions: PartitionResponse[] } | undefined;
    for (const [index, target] of this.#targets.entries()) {
      const result = results[index];
      if (result === undefined || chosen.include[index] !== true) continue;
      const { topicId } = target.request;
      const topic = target.request.topic ?? '';
      if (last === undefined || last.topic !== topic || last.topicId !== topicId) {
        last = { topic, topicId, partitions: [] };
        responses.push(last);
      }
      last.partitions.push(this.#partitionResponse(target, result, leaders));
    }
    this.#call.fillLate(lateIn(responses, this.#lease.lateReads));
    return {
      throttleTimeMs: 0,
      errorCode: chosen.errorCode,
      sessionId: chosen.sessionId,
      responses,
      nodeEndpoints: leaders.endpoints(),
    };
  }

  #partitionResponse(
    target: Target,
    result: FetchResult,
    leaders: ReturnType<typeof currentLeader>,
  ): PartitionResponse {
    const partitionIndex = target.request.partition;
    const { version } = this.#call;
    // A topic of zstd can't be read by versions that may not know it; batches that happen to be zstd can.
    const refused = (errorCode: number): PartitionResponse => ({
      partitionIndex,
      errorCode,
      highWatermark: -1,
      abortedTransactions: [],
      records: null,
    });
    const config = target.partition?.log.config;
    if (version < 10 && config?.compressionType === ZSTD) {
      return refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    }
    let { records } = result;
    const magic = legacyMagicOf(version);
    if (magic !== null && config !== undefined) {
      const isFromFollower = this.#params.replicaId >= 0;
      if (!isFromFollower && !config.messageDownconversionEnable)
        return refused(ErrorCode.UNSUPPORTED_VERSION);
      const converted = downConvertRead(records, magic, target.request.fetchOffset, result.availableBytes);
      if (converted.errorCode !== ErrorCode.NONE) return refused(converted.errorCode);
      records = converted.records;
    }
    const response: PartitionResponse = {
      partitionIndex,
      errorCode: clientErrorCode(result.errorCode, version),
      highWatermark: result.highWatermark,
      lastStableOffset: result.lastStableOffset,
      logStartOffset: result.logStartOffset,
      abortedTransactions: result.abortedTransactions,
      records,
    };
    if (result.divergingEpoch !== null) return { ...response, divergingEpoch: result.divergingEpoch };
    const isMoved =
      result.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
      result.errorCode === ErrorCode.FENCED_LEADER_EPOCH;
    return version >= 16 && isMoved && target.request.topic !== null
      ? { ...response, currentLeader: leaders.of(target.request.topic, partitionIndex) }
      : response;
  }
}

/** Those of the reads whose memory the answer holds: a partition may have been refused after all. */
function lateIn(responses: readonly TopicResponse[], reads: readonly LateRead[]): readonly LateRead[] {
  if (reads.length === 0) return reads;
  const given = new Set<unknown>();
  for (const { partitions } of responses)
    for (const { records } of partitions)
      if (Array.isArray(records)) for (const chunk of records) given.add(chunk);
  return reads.filter(({ target }) => given.has(target));
}

const isUnknownTopic = (errorCode: number): boolean =>
  errorCode === ErrorCode.UNKNOWN_TOPIC_ID || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;

/** Up to Fetch 5 a client may not know KAFKA_STORAGE_ERROR; this one makes it ask for metadata all the same. */
function clientErrorCode(errorCode: number, version: number): number {
  return errorCode === ErrorCode.KAFKA_STORAGE_ERROR && version <= 5
    ? ErrorCode.NOT_LEADER_OR_FOLLOWER
    : errorCode;
}
