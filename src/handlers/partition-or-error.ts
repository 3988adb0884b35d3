/** Finding the partition that a request names, or the code that says why not, as ReplicaManager.getPartitionOrError. */
import { ErrorCode } from '../../protocol/errors.ts';
import type { Partition } from '../partition/partition.ts';
import type { Services } from './services.ts';

/**
 * Returns codes: UNKNOWN_TOPIC_OR_PARTITION (no such partition), NOT_LEADER_OR_FOLLOWER (no replica of it here),
 * KAFKA_STORAGE_ERROR (its directory is offline).
 */
export function partitionOrError(services: Services, topic: string, index: number): Partition | number {
  const partition = services.replicas.get(topic, index);
  if (partition !== undefined) return partition;
  return services.image().partition(topic, index) !== undefined
    ? services.replicas.missingError(topic, index)
    : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}
