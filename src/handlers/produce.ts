/**
 * Produce (key 0), versions 0 to 10.
 *
 * v0-2 take message sets of magic 0 and 1 beside batches of magic 2; v3 exactly one batch of magic 2 per partition; v5
 * log start offset; v7 zstd; v8 errors per record; v9 flexible; v10 the current leader beside NOT_LEADER_OR_FOLLOWER
 * (KIP-951).
 *
 * The records are views of the connection's read buffer: everything here that touches them runs before `run`
 * returns. Only the waiting for durability and replication comes after; and the append of a copy, where another broker
 * has to vouch for a transaction, or a compressed batch unfolds to more than one turn may spend.
 */
import { errorMessage as defaultMessage, ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { ContentWalk } from '../../storage/append-content.ts';
import { compressedContent } from '../../storage/append-content.ts';
import type { AppendResult } from '../../storage/log-types.ts';
import { isInternalTopic } from '../metadata/names.ts';
import type { Partition } from '../partition/partition.ts';
import type { Call } from '../server/handler.ts';
import { handler, NO_RESPONSE } from '../server/handler.ts';
import { currentLeader } from './current-leader.ts';
import { checkFrames, checkRecords } from './produce-records.ts';
import type { Proof } from './produce-transaction.ts';
import { checkTransaction, isTransactional, proofFor } from './produce-transaction.ts';
import type { Services } from './services.ts';

type Request = RequestOf<typeof Produce>;
type Response = ResponseInput<typeof Produce>;
type PartitionResponse = Response['responses'][number]['partitionResponses'][number];

const ACKS_ALL = -1;
/** The Java admin client names itself so; it alone may write to internal topics (AdminUtils.ADMIN_CLIENT_ID). */
const ADMIN_CLIENT_ID = '__admin_client';

interface Outcome {
  readonly topic: string;
  readonly index: number;
  partition: Partition | undefined;
  appended: AppendResult | null;
  errorCode: number;
  errorMessage: string | null;
  /** Beside an error that was found while appending; else -1. */
  logStartOffset: number;
  /** Until the append is done or refused, where that takes more than this turn. */
  settled: Promise<void> | null;
  /** Appended, and not yet as safe as the request asks, nor given up. */
  isAwaited: boolean;
}

export const produce = (services: Services) =>
  handler(Produce, {
    // The append is done when `run` returns; what can't be appended at once must say `call.holdOthers()`, or later
    // requests of the connection would overtake it.
    overlaps: true,
    run(request, call) {
      try {
        checkFrames(request);
        checkTransaction(services, request);
      } catch (error) {
        if (request.acks !== 0 || !(error instanceof KafkaError)) throw error;
        call.closeConnection();
        return NO_RESPONSE;
      }
      const outcomes = appendAll(services, request, call);
      const settled = outcomes.flatMap((outcome) => outcome.settled ?? []);
      if (settled.length === 0) return conclude(services, outcomes, request, call);
      call.holdOthers();
      return Promise.all(settled).then(() => conclude(services, outcomes, request, call));
    },
    refuse: (request, errorCode, errorMessage) => ({
      responses: request.topicData.map((topic) => ({
        name: topic.name,
        partitionResponses: topic.partitionData.map(({ index }) => ({
          index,
          errorCode,
          baseOffset: -1,
          recordErrors: [],
          // The words that every client has for the code itself are left out, as in ApiError.fromThrowable.
          errorMessage: errorMessage === defaultMessage(errorCode) ? null : errorMessage,
        })),
      })),
    }),
  });

/** Everything is appended that may be; what is left is to wait for it and to answer. */
function conclude(
  services: Services,
  outcomes: readonly Outcome[],
  request: Request,
  call: Call,
): Response | typeof NO_RESPONSE | Promise<Response | typeof NO_RESPONSE> {
  const isCrowded = outcomes.some(({ partition }) => partition?.log.isCrowded === true);
  if (isCrowded) call.holdOthers();
  if (request.acks === 0) {
    return isCrowded
      ? untilWritten(outcomes).then(() => answerNothing(outcomes, call))
      : answerNothing(outcomes, call);
  }
  const pending = awaitAll(services, outcomes, request);
  if (pending === null) return respond(services, outcomes, call);
  return pending.then(() => respond(services, outcomes, call));
}

/**
 * Where the disk is slow and much waits for it already, memory is bounded because the connection brings no more before
 * its records are written, also without an answer.
 */
async function untilWritten(outcomes: readonly Outcome[]): Promise<void> {
  await Promise.all(
    outcomes.map(
      ({ partition, appended }) =>
        new Promise<void>((resolve) => {
          if (partition === undefined || appended?.errorCode !== ErrorCode.NONE) resolve();
          else partition.awaitFlushed(appended.lastOffset + 1, () => resolve());
        }),
    ),
  );
}

/** acks=0 has no answer; an error shows itself by the end of the connection, so that the client asks for metadata. */
function answerNothing(outcomes: readonly Outcome[], call: Call): typeof NO_RESPONSE {
  if (outcomes.some((outcome) => outcome.errorCode !== ErrorCode.NONE)) call.closeConnection();
  return NO_RESPONSE;
}

function appendAll(services: Services, request: Request, call: Call): Outcome[] {
  return lastOfEach(request).map(({ topic, index, records }) =>
    appendOne(services, request, call, topic, index, records),
  );
}

interface Asked {
  readonly topic: string;
  readonly index: number;
  readonly records: Buffer | null;
}

/** When a request names a partition twice, the last one counts alone. */
function lastOfEach(request: Request): Asked[] {
  const asked = request.topicData.flatMap(({ name, partitionData }) =>
    partitionData.map(({ index, records }) => ({ topic: name, index, records })),
  );
  if (asked.length <= 1) return asked;
  return [...new Map(asked.map((one) => [`${one.index}/${one.topic}`, one])).values()];
}

function appendOne(
  services: Services,
  request: Request,
  call: Call,
  topic: string,
  index: number,
  records: Buffer | null,
): Outcome {
  const failed = (errorCode: number): Outcome => ({
    topic,
    index,
    partition: undefined,
    appended: null,
    errorCode,
    errorMessage: null,
    logStartOffset: -1,
    settled: null,
    isAwaited: false,
  });
  if (services.image().partition(topic, index) === undefined)
    return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const refusal = records === null ? ErrorCode.NONE : checkRecords(call.version, records);
  if (refusal !== ErrorCode.NONE) return failed(refusal);
  if (request.acks < -1 || request.acks > 1) return failed(ErrorCode.INVALID_REQUIRED_ACKS);
  if (isInternalTopic(topic) && call.clientId !== ADMIN_CLIENT_ID) {
    return failed(ErrorCode.INVALID_TOPIC_EXCEPTION);
  }
  const partition = services.replicas.get(topic, index);
  if (partition === undefined) return failed(services.replicas.missingError(topic, index));
  const outcome = failed(ErrorCode.NONE);
  if (records === null) {
    refuseNull(outcome, partition);
    return outcome;
  }
  const incoming: Incoming = { request, call, outcome, partition, records, isCopy: false };
  if (!isTransactional(records)) {
    outcome.settled = append(services, incoming, 0);
    return outcome;
  }
  const proof = proofFor(services, request, partition, records);
  if (proof instanceof Promise) {
    // The records are a view that is good until this function returns.
    const copied: Incoming = { ...incoming, records: Buffer.from(records), isCopy: true };
    outcome.settled = proof.then((later) => appendProved(services, copied, later) ?? undefined);
  } else outcome.settled = appendProved(services, incoming, proof);
  return outcome;
}

/** Observed on 3.7.0: no records at all is a failure of the append, so that the answer names the log start. */
function refuseNull(outcome: Outcome, partition: Partition): void {
  const notLeader = partition.checkLeader(-1);
  outcome.errorCode = notLeader === ErrorCode.NONE ? ErrorCode.UNKNOWN_SERVER_ERROR : notLeader;
  if (notLeader === ErrorCode.NONE) outcome.logStartOffset = partition.log.logStartOffset;
}

/** Records on their way into a partition. */
interface Incoming {
  readonly request: Request;
  readonly call: Call;
  readonly outcome: Outcome;
  readonly partition: Partition;
  readonly records: Buffer;
  /** The records are ours, and no view of what the connection reads into. */
  readonly isCopy: boolean;
}

function appendProved(services: Services, incoming: Incoming, proof: Proof): Promise<void> | null {
  if (proof.errorCode === ErrorCode.NONE) return append(services, incoming, proof.guard);
  incoming.outcome.errorCode = proof.errorCode;
  incoming.outcome.errorMessage = proof.errorMessage;
  return null;
}

/** Appends now, and then gives null, unless the records unfold to more than this turn may spend. */
function append(services: Services, incoming: Incoming, verificationGuard: number): Promise<void> | null {
  const { partition, records } = incoming;
  // What an append finds before it looks at the records costs nothing to find first.
  const isRefused = partition.checkLeader(-1) !== ErrorCode.NONE;
  const walk = isRefused ? null : walkOf(services, partition, records);
  if (walk === null || services.contentWalks.begin(walk)) {
    appendWalked(services, incoming, verificationGuard, walk);
    return null;
  }
  const copied = incoming.isCopy ? incoming : { ...incoming, records: Buffer.from(records), isCopy: true };
  walk.moveTo(copied.records);
  // Who has gone would not learn of it, and could otherwise have us work for nothing by coming and going.
  const isWanted = (): boolean => !incoming.call.connection.isClosed;
  return services.contentWalks.finish(walk, isWanted).then((isOver) => {
    if (isOver) appendWalked(services, copied, verificationGuard, walk);
    else incoming.outcome.errorCode = ErrorCode.NETWORK_EXCEPTION;
  });
}

/** The walk over what must be unfolded; null for all else, which takes no time to speak of. */
function walkOf(services: Services, partition: Partition, records: Buffer): ContentWalk | null {
  return compressedContent(records, () => ({
    topicPartition: `${partition.topic}-${partition.index}`,
    config: partition.log.config,
    nowMs: services.clock.wallMs(),
  }));
}

function appendWalked(
  services: Services,
  incoming: Incoming,
  verificationGuard: number,
  content: ContentWalk | null,
): void {
  const { request, outcome, partition, records } = incoming;
  const options = { origin: 'client', nowMs: services.clock.wallMs(), verificationGuard, content } as const;
  const appended = partition.append(records, options, request.acks);
  outcome.partition = partition;
  outcome.appended = appended;
  outcome.errorCode = appended.errorCode;
  if (appended.errorCode !== ErrorCode.NONE) outcome.logStartOffset = appended.logStartOffset;
  // Of all that an append may fail for, Kafka tells in words only which records are at fault.
  if (appended.recordErrors.length > 0) outcome.errorMessage = appended.errorMessage;
}

/** Null when nothing has to be waited for. */
function awaitAll(services: Services, outcomes: readonly Outcome[], request: Request): Promise<void> | null {
  let missing = 0;
  let finish: (() => void) | null = null;
  const settle = (outcome: Outcome, errorCode: number): void => {
    if (!outcome.isAwaited) return;
    outcome.isAwaited = false;
    if (errorCode !== ErrorCode.NONE) outcome.errorCode = errorCode;
    missing--;
    if (missing === 0) finish?.();
  };
  for (const outcome of outcomes) {
    const { partition, appended } = outcome;
    if (partition === undefined || appended === null || appended.errorCode !== ErrorCode.NONE) continue;
    missing++;
    outcome.isAwaited = true;
    const endOffset = appended.lastOffset + 1;
    if (request.acks === ACKS_ALL) {
      partition.awaitCommitted(endOffset, (errorCode) =>
        settle(outcome, errorCode === ErrorCode.NONE ? replicasAfterAppend(partition) : errorCode),
      );
    } else if (partition.isCommittedAlone) {
      // Whoever has the answer may read the record, as with Kafka: so the high watermark has to have passed it.
      partition.awaitCommitted(endOffset, (errorCode) => settle(outcome, errorCode));
    } else {
      partition.awaitFlushed(endOffset, (errorCode) => settle(outcome, errorCode));
    }
  }
  if (missing === 0) return null;
  return new Promise((resolve) => {
    const cancel = services.timer.after(Math.max(request.timeoutMs, 0), () => {
      for (const outcome of outcomes) settle(outcome, ErrorCode.REQUEST_TIMED_OUT);
    });
    finish = () => {
      cancel();
      resolve();
    };
  });
}

/** The data is committed, yet fewer replicas than asked for may hold it: Kafka says so. */
function replicasAfterAppend(partition: Partition): number {
  return partition.state.isr.length < partition.effectiveMinInsyncReplicas
    ? ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
    : ErrorCode.NONE;
}

function respond(services: Services, outcomes: readonly Outcome[], call: Call): Response {
  const topics = new Map<string, PartitionResponse[]>();
  const leaders = currentLeader(services, call.connection.listenerName);
  for (const outcome of outcomes) {
    let responses = topics.get(outcome.topic);
    if (responses === undefined) {
      responses = [];
      topics.set(outcome.topic, responses);
    }
    responses.push(partitionResponse(outcome, call.version, leaders));
  }
  return {
    responses: [...topics].map(([name, partitionResponses]) => ({ name, partitionResponses })),
    nodeEndpoints: leaders.endpoints(),
  };
}

function partitionResponse(
  outcome: Outcome,
  version: number,
  leaders: ReturnType<typeof currentLeader>,
): PartitionResponse {
  const { index, errorCode, appended } = outcome;
  if (errorCode === ErrorCode.NONE && appended !== null) {
    return {
      index,
      errorCode,
      baseOffset: appended.baseOffset,
      logAppendTimeMs: appended.logAppendTimeMs,
      logStartOffset: appended.logStartOffset,
      recordErrors: [],
    };
  }
  const response: PartitionResponse = {
    index,
    errorCode,
    baseOffset: -1,
    logStartOffset: outcome.logStartOffset,
    recordErrors: appended?.recordErrors ?? [],
    errorMessage: outcome.errorMessage,
  };
  return version >= 10 && errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER
    ? { ...response, currentLeader: leaders.of(outcome.topic, index) }
    : response;
}
