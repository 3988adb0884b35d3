/**
 * In which of its directories a broker put its replicas (KIP-858; ReplicationControlManager.handleAssignReplicasToDirs).
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { AssignReplicasToDirs } from '../../protocol/messages/assign-replicas-to-dirs.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf, ResponseOf } from '../../protocol/schema.ts';
import { isOnlineDirectory } from '../metadata/directory-ids.ts';
import { MetadataVersion } from '../metadata/metadata-version.ts';
import { NO_LEADER } from '../metadata/partition-image.ts';
import type { CommandContext, CommandResult } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';
import { partitionChange } from './partition-change.ts';
import type { LocatedPartition } from './partitions.ts';
import { leaderAndIsrChanges } from './partitions.ts';
import { checkBrokerEpoch } from './sessions.ts';

type Request = RequestOf<typeof AssignReplicasToDirs>;
type Response = ResponseOf<typeof AssignReplicasToDirs>;

/**
 * Codes per partition: UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER.
 * @throws {KafkaError} UNSUPPORTED_VERSION, STALE_BROKER_EPOCH
 */
export function assignReplicasToDirs(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: Request,
): CommandResult<Response> {
  const { image } = context;
  if (image.metadataVersion < MetadataVersion.DIRECTORY_ASSIGNMENT) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, 'Directory assignment is not supported yet.');
  }
  const { brokerId } = request;
  const broker = checkBrokerEpoch(image, brokerId, request.brokerEpoch);
  const records: MetadataRecord[] = [];
  const gone: LocatedPartition[] = [];
  const assign = (topicId: string, partitionId: number, directoryId: string): number => {
    const topic = image.topicById(topicId);
    if (topic === undefined) return ErrorCode.UNKNOWN_TOPIC_ID;
    const partition = topic.partitions[partitionId];
    if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (!partition.replicas.includes(brokerId)) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const located = { topic, partitionId, partition };
    const record = partitionChange({ image, ...located, directory: { brokerId, id: directoryId } });
    if (record !== null) records.push(record);
    if (!isOnlineDirectory(directoryId, broker.logDirs)) gone.push(located);
    return ErrorCode.NONE;
  };
  const directories = request.directories.map(({ id, topics }) => ({
    id,
    topics: topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: assign(topicId, partitionIndex, id),
      })),
    })),
  }));
  if (gone.length > 0) {
    const change = { leaving: brokerId, joining: NO_LEADER, partitions: gone };
    records.push(...leaderAndIsrChanges(environment, image, change));
  }
  const response = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, directories };
  return { records, response, atomic: false };
}
