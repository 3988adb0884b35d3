/**
 * DeleteRecords (key 21), versions 0 to 2: raises the log start offset (KIP-107). v2 flexible.
 *
 * An offset of -1 means the high watermark. Below the log start there is nothing to do, and no error. The answer leaves
 * when the new starts are on the disk.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { DeleteRecords } from '../../protocol/messages/delete-records.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import { DiskError } from '../../storage/disk.ts';
import type { Log } from '../../storage/log.ts';
import { isDeleted } from '../../storage/log-config.ts';
import { isInternalTopic } from '../metadata/names.ts';
import { handler } from '../server/handler.ts';
import { partitionOrError } from './partition-or-error.ts';
import type { Services } from './services.ts';

const HIGH_WATERMARK = -1;

export const deleteRecords = (services: Services) =>
  handler(DeleteRecords, {
    run: async (request) => {
      const moved = new Set<Log>();
      const topics = [...offsetsByTopic(request)].map(([name, offsets]) => ({
        name,
        partitions: [...offsets].map(([partitionIndex, offset]) => ({
          partitionIndex,
          ...deleteBefore(services, name, partitionIndex, offset, moved),
        })),
      }));
      // Apache Kafka writes them down within a minute: until then a crash brings the records back.
      const unkept = moved.size === 0 ? moved : await services.logs.keepStartOffsets(moved);
      const answer = ({ log, ...deleted }: Deleted & { partitionIndex: number }) =>
        log !== undefined && unkept.has(log)
          ? { ...deleted, lowWatermark: -1, errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
          : deleted;
      return {
        throttleTimeMs: 0,
        topics: topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(answer) })),
      };
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode, lowWatermark: -1 })),
      })),
    }),
  });

/** A partition that is named twice is cut once, by its last offset; a topic without partitions is not answered. */
function offsetsByTopic(request: RequestOf<typeof DeleteRecords>): Map<string, Map<number, number>> {
  const topics = new Map<string, Map<number, number>>();
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex, offset } of partitions) {
      const offsets = topics.get(name) ?? new Map<number, number>();
      topics.set(name, offsets.set(partitionIndex, offset));
    }
  }
  return topics;
}

interface Deleted {
  readonly lowWatermark: number;
  readonly errorCode: number;
  /** Where something may have been deleted. */
  readonly log?: Log;
}

/** Adds to `moved` the log whose start has moved. */
function deleteBefore(
  services: Services,
  topic: string,
  index: number,
  offset: number,
  moved: Set<Log>,
): Deleted {
  const failed = (errorCode: number) => ({ lowWatermark: -1, errorCode });
  const partition = partitionOrError(services, topic, index);
  if (partition === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return failed(partition);
  if (isInternalTopic(topic)) return failed(ErrorCode.INVALID_TOPIC_EXCEPTION);
  if (typeof partition === 'number') return failed(partition);
  const refusal = partition.checkLeader(-1);
  if (refusal !== ErrorCode.NONE) return failed(refusal);
  const { log } = partition;
  if (!isDeleted(log.config)) return failed(ErrorCode.POLICY_VIOLATION);
  const startOffset = offset === HIGH_WATERMARK ? log.highWatermark : offset;
  if (startOffset < 0 || startOffset > log.highWatermark) return failed(ErrorCode.OFFSET_OUT_OF_RANGE);
  try {
    if (log.maybeIncrementLogStartOffset(startOffset)) moved.add(log);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return failed(ErrorCode.KAFKA_STORAGE_ERROR);
  }
  partition.watchers.notify();
  services.purgatory.drain();
  return { lowWatermark: log.logStartOffset, errorCode: ErrorCode.NONE, log };
}
