/**
 * DescribeLogDirs (key 35), versions 0 to 4: what lies in the data directories (KIP-113).
 *
 * v2 flexible; v3 an error at the top; v4 size and free bytes of the volume (KIP-827). Observed on 3.7.0: a filter by
 * topic still lists every topic of a directory, those that were not asked for without partitions.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeLogDirs } from '../../protocol/messages/describe-log-dirs.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { DiskError } from '../../storage/disk.ts';
import type { LogDirectory } from '../../storage/log-directory.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

type Request = RequestOf<typeof DescribeLogDirs>;
type Result = ResponseInput<typeof DescribeLogDirs>['results'][number];
type TopicResult = Result['topics'][number];

export const describeLogDirs = (services: Services) =>
  handler(DescribeLogDirs, {
    run: (request) => {
      const isWanted = wantedBy(request);
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        results: services.logs.directories.map((directory) => describe(services, directory, isWanted)),
      };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, results: [] }),
  });

type IsWanted = (topic: string, partition: number) => boolean;

function wantedBy({ topics }: Request): IsWanted {
  if (topics === null) return () => true;
  const wanted = new Map(topics.map(({ topic, partitions }) => [topic, new Set(partitions)]));
  return (topic, partition) => wanted.get(topic)?.has(partition) ?? false;
}

function describe(services: Services, directory: LogDirectory, isWanted: IsWanted): Result {
  const offline = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: directory.path, topics: [] };
  if (!directory.isOnline) return offline;
  try {
    const { totalBytes, usableBytes } = services.diskSpace(directory.path);
    const topics = topicsOf(services, directory, isWanted);
    return { errorCode: ErrorCode.NONE, logDir: directory.path, topics, totalBytes, usableBytes };
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return offline;
  }
}

function topicsOf(services: Services, directory: LogDirectory, isWanted: IsWanted): TopicResult[] {
  const topics = new Map<string, TopicResult['partitions'][number][]>();
  for (const log of [...directory.logs, ...directory.futures]) {
    let partitions = topics.get(log.topic);
    if (partitions === undefined) {
      partitions = [];
      topics.set(log.topic, partitions);
    }
    if (!isWanted(log.topic, log.partition)) continue;
    const isFutureKey = directory.futures.has(log);
    const serving = services.replicas.get(log.topic, log.partition)?.log ?? log;
    partitions.push({
      partitionIndex: log.partition,
      partitionSize: log.sizeBytes,
      // How far a replica is behind the high watermark, and a copy behind its source (ReplicaManager.getLogEndOffsetLag).
      offsetLag: Math.max((isFutureKey ? serving.logEndOffset : serving.highWatermark) - log.logEndOffset, 0),
      isFutureKey,
    });
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}
