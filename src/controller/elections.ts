/**
 * Elections that somebody asks for, and the regular return to preferred leaders (ReplicationControlManager).
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { ElectLeaders } from '../../protocol/messages/elect-leaders.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf, ResponseOf } from '../../protocol/schema.ts';
import type { MetadataImage, TopicImage } from '../metadata/image.ts';
import { hasPreferredLeader, NO_LEADER } from '../metadata/partition-image.ts';
import type { CommandContext, CommandResult, Outcome } from './command.ts';
import { atomically, checkRecordCount, failure, SUCCESS } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';
import type { Election } from './partition-change.ts';
import { partitionChange } from './partition-change.ts';
import { partitionsWhere, uncleanElectionPolicy } from './partitions.ts';

type Request = RequestOf<typeof ElectLeaders>;
type TopicResult = ResponseOf<typeof ElectLeaders>['replicaElectionResults'][number];

const PREFERRED = 0;
const UNCLEAN = 1;

/** The most elections of one round of balancing (ReplicationControlManager.MAX_ELECTIONS_PER_IMBALANCE). */
const MAX_ELECTIONS_PER_ROUND = 1000;

/**
 * Codes per partition: UNKNOWN_TOPIC_OR_PARTITION, ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE,
 * ELIGIBLE_LEADERS_NOT_AVAILABLE.
 * @throws {KafkaError} INVALID_REQUEST
 */
export function electLeaders(context: CommandContext, request: Request): CommandResult<TopicResult[]> {
  const { image } = context;
  const { electionType, topicPartitions } = request;
  if (electionType !== PREFERRED && electionType !== UNCLEAN) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown election type ${electionType}`);
  }
  const election: Election = electionType === UNCLEAN ? 'unclean' : 'preferred';
  const records: MetadataRecord[] = [];
  const results =
    topicPartitions === null
      ? electEverywhere(image, election, records)
      : topicPartitions.map(({ topic, partitions }) => ({
          topic,
          partitionResult: partitions.map((partitionId) => ({
            partitionId,
            ...electLeader(image, image.topic(topic), topic, partitionId, election, records),
          })),
        }));
  checkRecordCount(records.length);
  return { ...atomically(records, results), atomic: false };
}

/** Every topic is listed, but of its partitions only those whose leader was to change. */
function electEverywhere(image: MetadataImage, election: Election, records: MetadataRecord[]): TopicResult[] {
  return [...image.topicsByName.values()].map((topic) => {
    const partitionResult: TopicResult['partitionResult'][number][] = [];
    for (const partitionId of topic.partitions.keys()) {
      const outcome = electLeader(image, topic, topic.name, partitionId, election, records);
      if (outcome.errorCode !== ErrorCode.ELECTION_NOT_NEEDED) {
        partitionResult.push({ partitionId, ...outcome });
      }
    }
    return { topic: topic.name, partitionResult };
  });
}

function electLeader(
  image: MetadataImage,
  topic: TopicImage | undefined,
  name: string,
  partitionId: number,
  election: Election,
  records: MetadataRecord[],
): Outcome {
  if (topic === undefined) {
    return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${name}`);
  }
  const partition = topic.partitions[partitionId];
  if (partition === undefined) {
    return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${name}-${partitionId}`);
  }
  const unclean = election === 'unclean';
  if (unclean ? partition.leader !== NO_LEADER : hasPreferredLeader(partition)) {
    return failure(ErrorCode.ELECTION_NOT_NEEDED);
  }
  const record = partitionChange({ image, topic, partitionId, partition, election });
  if (record === null) {
    return failure(
      unclean ? ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE : ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
    );
  }
  records.push(record);
  return SUCCESS;
}

/**
 * Moves leaderships back to preferred replicas, and gives partitions without a leader one outside the ISR where the
 * topic allows it. Answers whether more is left to do.
 */
export function balanceLeaders(
  environment: ControllerEnvironment,
  context: CommandContext,
): CommandResult<boolean> {
  const { image } = context;
  const allowsUnclean = uncleanElectionPolicy(environment, image);
  const records: MetadataRecord[] = [];
  for (const located of partitionsWhere(image, (partition) => !hasPreferredLeader(partition))) {
    if (records.length >= MAX_ELECTIONS_PER_ROUND) return { records, response: true, atomic: false };
    const leaderless = located.partition.leader === NO_LEADER;
    const election = leaderless && allowsUnclean(located.topic.name) ? 'unclean' : 'preferred';
    const record = partitionChange({ image, ...located, election });
    if (record !== null) records.push(record);
  }
  return { records, response: false, atomic: false };
}
