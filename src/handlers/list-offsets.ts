/**
 * ListOffsets (key 2), versions 0 to 8.
 *
 * v0 answers a list of segment starts, newest first; v1 one offset and its timestamp; v2 isolation level; v4 leader
 * epochs; v5 OFFSET_NOT_AVAILABLE; v6 flexible; v7 the record with the largest timestamp (-3); v8 the earliest local
 * offset (-4). Observed on 3.7.0: -3 and -4 are understood from v1 on, and any other negative number is an ordinary
 * timestamp.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { ListOffsets } from '../../protocol/messages/list-offsets.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { DiskError } from '../../storage/disk.ts';
import type { Partition } from '../partition/partition.ts';
import { handler } from '../server/handler.ts';
import { partitionOrError } from './partition-or-error.ts';
import type { Services } from './services.ts';

type Request = RequestOf<typeof ListOffsets>;
type RequestedPartition = Request['topics'][number]['partitions'][number];
type Response = ResponseInput<typeof ListOffsets>;
type PartitionResponse = Response['topics'][number]['partitions'][number];

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const CONSUMER = -1;
const DEBUGGING_CONSUMER = -2;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

/** Who asks, and how far it may see. */
interface Reader {
  readonly version: number;
  readonly replicaId: number;
  readonly isReadCommitted: boolean;
  /** False for an isolation level that does not exist: only consumers' levels are looked at. */
  readonly isKnownLevel: boolean;
}

interface FoundOffset {
  readonly errorCode: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

const nothing = (errorCode: number): FoundOffset => ({
  errorCode,
  offset: -1,
  timestamp: -1,
  leaderEpoch: -1,
});

export const listOffsets = (services: Services) =>
  handler(ListOffsets, {
    run(request, call) {
      const reader: Reader = {
        version: call.version,
        replicaId: request.replicaId,
        isReadCommitted: request.isolationLevel === READ_COMMITTED,
        isKnownLevel:
          request.replicaId !== CONSUMER ||
          request.isolationLevel === READ_UNCOMMITTED ||
          request.isolationLevel === READ_COMMITTED,
      };
      const warmUp = call.version === 0 ? null : warmUpOf(services, request);
      const answered = () => answerAll(services, request, reader);
      return warmUp === null ? answered() : warmUp.then(answered);
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    }),
  });

/** What searches by time look at is brought into the page cache first, where it is unlikely to be there. */
function warmUpOf(services: Services, request: Request): Promise<unknown> | null {
  const warmUps: Promise<void>[] = [];
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex, timestamp } of partitions) {
      if (timestamp < 0 && timestamp !== MAX_TIMESTAMP) continue;
      const partition = partitionOrError(services, name, partitionIndex);
      if (typeof partition === 'number') continue;
      const warmUp = partition.log.warmUpTimes(timestamp === MAX_TIMESTAMP ? null : timestamp);
      if (warmUp !== null) warmUps.push(warmUp);
    }
  }
  return warmUps.length === 0 ? null : Promise.all(warmUps);
}

function answerAll(services: Services, request: Request, reader: Reader): Response {
  const duplicates = duplicatePartitions(request);
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((part): PartitionResponse => {
        const partition = partitionOrError(services, name, part.partitionIndex);
        if (reader.version === 0) return answerV0(services.clock.wallMs(), part, partition, reader);
        if (duplicates.has(`${part.partitionIndex}/${name}`)) {
          return answer(part, nothing(ErrorCode.INVALID_REQUEST), reader);
        }
        if (!reader.isKnownLevel) return answer(part, nothing(ErrorCode.UNKNOWN_SERVER_ERROR), reader);
        const found = typeof partition === 'number' ? nothing(partition) : find(partition, part, reader);
        return answer(part, found, reader);
      }),
    })),
  };
}

function duplicatePartitions(request: Request): Set<string> {
  const seen = new Set<string>();
  const duplicates = new Set<string>();
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${partitionIndex}/${name}`;
      if (seen.has(key)) duplicates.add(key);
      seen.add(key);
    }
  }
  return duplicates;
}

function answer(part: RequestedPartition, found: FoundOffset, reader: Reader): PartitionResponse {
  const { partitionIndex } = part;
  const { errorCode, offset, leaderEpoch } = found;
  const timestamp = BigInt(found.timestamp);
  return reader.version >= 4
    ? { partitionIndex, errorCode, offset, timestamp, leaderEpoch }
    : { partitionIndex, errorCode, offset, timestamp };
}

/** The exclusive end of what the reader may see: consumers stop at the high watermark or last stable offset. */
function lastFetchableOffset(partition: Partition, reader: Reader): number {
  const { log } = partition;
  if (reader.replicaId !== CONSUMER) return log.logEndOffset;
  return reader.isReadCommitted ? log.lastStableOffset : log.highWatermark;
}

/** See Partition.fetchOffsetForTimestamp. */
function find(partition: Partition, part: RequestedPartition, reader: Reader): FoundOffset {
  const refusal = partition.checkLeader(part.currentLeaderEpoch, reader.replicaId !== DEBUGGING_CONSUMER);
  if (refusal !== ErrorCode.NONE) return nothing(refusal);
  // KIP-207: a leader whose high watermark has not reached its own epoch does not know the newest offset yet.
  const isLagging = reader.replicaId === CONSUMER && partition.epochStartOffset > partition.log.highWatermark;
  const notAvailable = nothing(
    reader.version >= 5 ? ErrorCode.OFFSET_NOT_AVAILABLE : ErrorCode.LEADER_NOT_AVAILABLE,
  );
  const endOffset = lastFetchableOffset(partition, reader);
  const { log, leaderEpoch } = partition;
  try {
    if (part.timestamp === LATEST) {
      if (isLagging) return notAvailable;
      return { errorCode: ErrorCode.NONE, offset: endOffset, timestamp: -1, leaderEpoch };
    }
    if (part.timestamp === EARLIEST || part.timestamp === EARLIEST_LOCAL) {
      const epoch = log.epochAtLogStart();
      return { errorCode: ErrorCode.NONE, offset: log.logStartOffset, timestamp: -1, leaderEpoch: epoch };
    }
    const found =
      part.timestamp === MAX_TIMESTAMP ? log.offsetOfMaxTimestamp() : log.offsetForTimestamp(part.timestamp);
    if (found !== null && found.offset >= 0 && found.offset < endOffset) {
      return { errorCode: ErrorCode.NONE, ...found };
    }
    return isLagging ? notAvailable : nothing(ErrorCode.NONE);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return nothing(ErrorCode.KAFKA_STORAGE_ERROR);
  }
}

/** Version 0: starts of segments that were last written at or before the timestamp. See UnifiedLog.legacyFetchOffsetsBefore. */
function answerV0(
  nowMs: number,
  part: RequestedPartition,
  partition: Partition | number,
  reader: Reader,
): PartitionResponse {
  const { partitionIndex } = part;
  if (typeof partition === 'number') {
    return { partitionIndex, errorCode: partition, oldStyleOffsets: [] };
  }
  const refusal = partition.checkLeader(-1, reader.replicaId !== DEBUGGING_CONSUMER);
  if (refusal !== ErrorCode.NONE) return { partitionIndex, errorCode: refusal, oldStyleOffsets: [] };
  if (part.maxNumOffsets < 0) {
    return { partitionIndex, errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, oldStyleOffsets: [] };
  }
  const oldStyleOffsets = segmentStarts(nowMs, partition, part.timestamp, reader).slice(
    0,
    part.maxNumOffsets,
  );
  return { partitionIndex, errorCode: ErrorCode.NONE, oldStyleOffsets };
}

function segmentStarts(nowMs: number, partition: Partition, timestamp: number, reader: Reader): number[] {
  const { log } = partition;
  const segments = log.segmentStarts();
  const starts = segments.map((segment) => ({
    offset: Math.max(log.logStartOffset, segment.baseOffset),
    modifiedMs: segment.lastModifiedMs,
  }));
  // The end of the log counts as one more, modified just now, unless the newest segment is empty.
  if ((segments.at(-1)?.sizeBytes ?? 0) > 0) {
    starts.push({ offset: log.logEndOffset, modifiedMs: nowMs });
  }
  let count = 0;
  if (timestamp === LATEST) count = starts.length;
  else if (timestamp === EARLIEST || timestamp === EARLIEST_LOCAL) count = 1;
  else count = starts.findLastIndex(({ modifiedMs }) => modifiedMs <= timestamp) + 1;
  const offsets = starts
    .slice(0, count)
    .map(({ offset }) => offset)
    .reverse();
  if (reader.replicaId !== CONSUMER) return offsets;
  const { highWatermark } = log;
  const visible = offsets.filter((offset) => offset <= highWatermark);
  return visible.length === offsets.length ? offsets : [highWatermark, ...visible];
}
