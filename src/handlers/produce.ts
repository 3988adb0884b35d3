/**
 * Produce (key 0), versions 0 to 10.
 *
 * v0-2 take message sets of magic 0 and 1 beside batches of magic 2; v3 exactly one batch of magic 2 per partition; v5
 * log start offset; v7 zstd; v8 errors per record; v9 flexible; v10 the current leader beside NOT_LEADER_OR_FOLLOWER
 * (KIP-951).
 *
 * The records are views of the connection's read buffer: everything here that touches them runs before `run`
 * returns. Only the waiting for durability and replication comes after.
 */
import { errorMessage as defaultMessage, ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
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
  /** Until the coordinator of the transaction, another broker, has told whether the records may go in. */
  verified: Promise<void> | null;
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
      const verified = outcomes.flatMap((outcome) => outcome.verified ?? []);
      if (verified.length === 0) {
        if (outcomes.some(isCrowded)) return concludeCrowded(services, outcomes, request, call);
        return conclude(services, outcomes, request, call);
      }
      call.holdOthers();
      return Promise.all(verified).then(() => conclude(services, outcomes, request, call));
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
): Response | typeof NO_RESPONSE | Promise<Response> {
  if (request.acks === 0) return answerNothing(outcomes, call);
  const pending = awaitAll(services, outcomes, request);
  if (pending === null) return respond(services, outcomes, call);
  return pending.then(() => respond(services, outcomes, call));
}

/** The disk below is slow, and much waits for it already. */
const isCrowded = ({ partition }: Outcome): boolean => partition?.log.isCrowded === true;

/** Memory is bounded because the connection brings no more before its records are written, also without an answer. */
function concludeCrowded(
  services: Services,
  outcomes: readonly Outcome[],
  request: Request,
  call: Call,
): Response | typeof NO_RESPONSE | Promise<Response | typeof NO_RESPONSE> {
  call.holdOthers();
  if (request.acks !== 0) return conclude(services, outcomes, request, call);
  const written = outcomes.map(
    ({ partition, appended }) =>
      new Promise<void>((resolve) => {
        if (partition === undefined || appended?.errorCode !== ErrorCode.NONE) resolve();
        else partition.awaitFlushed(appended.lastOffset + 1, () => resolve());
      }),
  );
  return Promise.all(written).then(() => answerNothing(outcomes, call));
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
  const asked = new Map<string, Asked>();
  for (const { name, partitionData } of request.topicData) {
    for (const { index, records } of partitionData) {
      asked.set(`${index}/${name}`, { topic: name, index, records });
    }
  }
  return [...asked.values()];
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
    verified: null,
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
  if (!isTransactional(records)) {
    append(services, request, outcome, partition, records, 0);
    return outcome;
  }
  const proof = proofFor(services, request, partition, records);
  if (proof instanceof Promise) {
    // The records are a view that is good until this function returns.
    const copy = Buffer.from(records);
    outcome.verified = proof.then((later) =>
      appendProved(services, request, outcome, partition, copy, later),
    );
  } else appendProved(services, request, outcome, partition, records, proof);
  return outcome;
}

/** Observed on 3.7.0: no records at all is a failure of the append, so that the answer names the log start. */
function refuseNull(outcome: Outcome, partition: Partition): void {
  const notLeader = partition.checkLeader(-1);
  outcome.errorCode = notLeader === ErrorCode.NONE ? ErrorCode.UNKNOWN_SERVER_ERROR : notLeader;
  if (notLeader === ErrorCode.NONE) outcome.logStartOffset = partition.log.logStartOffset;
}

function appendProved(
  services: Services,
  request: Request,
  outcome: Outcome,
  partition: Partition,
  records: Buffer,
  proof: Proof,
): void {
  if (proof.errorCode === ErrorCode.NONE) {
    append(services, request, outcome, partition, records, proof.guard);
    return;
  }
  outcome.errorCode = proof.errorCode;
  outcome.errorMessage = proof.errorMessage;
}

function append(
  services: Services,
  request: Request,
  outcome: Outcome,
  partition: Partition,
  records: Buffer,
  verificationGuard: number,
): void {
  const options = { origin: 'client', nowMs: services.clock.wallMs(), verificationGuard } as const;
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
  const isSettled = new Set<Outcome>();
  const settle = (outcome: Outcome, errorCode: number): void => {
    if (isSettled.has(outcome)) return;
    isSettled.add(outcome);
    if (errorCode !== ErrorCode.NONE) outcome.errorCode = errorCode;
    missing--;
    if (missing === 0) finish?.();
  };
  for (const outcome of outcomes) {
    const { partition, appended } = outcome;
    if (partition === undefined || appended === null || appended.errorCode !== ErrorCode.NONE) continue;
    missing++;
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
      for (const outcome of outcomes) {
        if (outcome.appended?.errorCode === ErrorCode.NONE && outcome.partition !== undefined) {
          settle(outcome, ErrorCode.REQUEST_TIMED_OUT);
        }
      }
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
