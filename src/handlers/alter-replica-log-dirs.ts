/**
 * AlterReplicaLogDirs (key 34), versions 0 to 2: moves replicas to another of this broker's directories (KIP-113). v2
 * flexible.
 *
 * The answer leaves when the move has begun; DescribeLogDirs tells how far it is. A replica that is not here yet will be
 * made in the directory named. See ReplicaManager.alterReplicaLogDirs.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { AlterReplicaLogDirs } from '../../protocol/messages/alter-replica-log-dirs.ts';
import { DiskError } from '../../storage/disk.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

/** A name with `.<32 digits>-future` behind it must fit a file system. */
const MAX_TOPIC_PARTITION_LENGTH = 255 - 40;

export const alterReplicaLogDirs = (services: Services) =>
  handler(AlterReplicaLogDirs, {
    run(request) {
      const results = new Map<string, { partitionIndex: number; errorCode: number }[]>();
      for (const { path, topics } of request.dirs) {
        for (const { name, partitions } of topics) {
          for (const partitionIndex of partitions) {
            const errorCode = move(services, name, partitionIndex, path);
            const answers = (results.get(name) ?? []).filter(
              (other) => other.partitionIndex !== partitionIndex,
            );
            results.set(name, [...answers, { partitionIndex, errorCode }]);
          }
        }
      }
      return {
        throttleTimeMs: 0,
        results: [...results].map(([topicName, partitions]) => ({ topicName, partitions })),
      };
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      results: request.dirs.flatMap(({ topics }) =>
        topics.map(({ name, partitions }) => ({
          topicName: name,
          partitions: partitions.map((partitionIndex) => ({ partitionIndex, errorCode })),
        })),
      ),
    }),
  });

function move(services: Services, topic: string, index: number, path: string): number {
  if (`${topic}-${index}`.length > MAX_TOPIC_PARTITION_LENGTH) return ErrorCode.INVALID_TOPIC_EXCEPTION;
  const { logs, replicas, logDirMover } = services;
  const directory = logs.directoryAt(path);
  if (directory?.isOnline === false) return ErrorCode.KAFKA_STORAGE_ERROR;
  const partition = replicas.get(topic, index);
  if (directory === undefined) return ErrorCode.LOG_DIR_NOT_FOUND;
  if (partition === undefined) {
    if (replicas.missingError(topic, index) === ErrorCode.KAFKA_STORAGE_ERROR) {
      return ErrorCode.KAFKA_STORAGE_ERROR;
    }
    logs.prefer(topic, index, path);
    const isKnown = services.image().partition(topic, index) !== undefined;
    return isKnown ? ErrorCode.REPLICA_NOT_AVAILABLE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }
  if (partition.offlineError !== ErrorCode.NONE) return ErrorCode.KAFKA_STORAGE_ERROR;
  try {
    logDirMover.start(partition, path);
    return ErrorCode.NONE;
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return ErrorCode.KAFKA_STORAGE_ERROR;
  }
}
