/**
 * The partitions among the brokers: who of them is in service, and what follows for ISRs and leaders when that
 * changes; and the ISR as the leaders report it (ReplicationControlManager.alterPartition).
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { AlterPartition } from '../../protocol/messages/alter-partition.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf, ResponseOf } from '../../protocol/schema.ts';
import type { MetadataImage, TopicImage } from '../metadata/image.ts';
import { ConfigResourceType } from '../metadata/image.ts';
import type { PartitionImage } from '../metadata/partition-image.ts';
import {
  changedPartition,
  LeaderRecoveryState,
  NO_LEADER,
  NO_LEADER_CHANGE,
} from '../metadata/partition-image.ts';
import type { CommandContext, CommandResult } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';
import { partitionChange } from './partition-change.ts';
import { checkBrokerEpoch } from './sessions.ts';

export interface LocatedPartition {
  readonly topic: TopicImage;
  readonly partitionId: number;
  readonly partition: PartitionImage;
}

/** Every partition for which `test` holds. Cost: all partitions of the cluster. */
export function* partitionsWhere(
  image: MetadataImage,
  test: (partition: PartitionImage) => boolean,
): Generator<LocatedPartition> {
  for (const topic of image.topicsById.values()) {
    for (const [partitionId, partition] of topic.partitions.entries()) {
      if (test(partition)) yield { topic, partitionId, partition };
    }
  }
}

export function leadsAnyPartition(image: MetadataImage, brokerId: number): boolean {
  return !partitionsWhere(image, (partition) => partition.leader === brokerId).next().done;
}

const UNCLEAN_ELECTION_KEY = 'unclean.leader.election.enable';

/**
 * Tells for a topic whether a leader outside the ISR is better than none. 3.7.0 reads the key but ignores it here;
 * later releases honour it (KAFKA-12670), and so do we.
 */
export function uncleanElectionPolicy(
  environment: ControllerEnvironment,
  image: MetadataImage,
): (topicName: string) => boolean {
  const { configs } = environment.ports;
  let inherited: boolean | null = null;
  return (topicName) => {
    const own = image.topicConfigs(topicName).get(UNCLEAN_ELECTION_KEY);
    if (own !== undefined) return own === 'true';
    inherited ??= configs
      .effectiveTopicConfigs(
        new Map(),
        image.configsOf(ConfigResourceType.BROKER, String(environment.options.nodeId)),
        image.configsOf(ConfigResourceType.BROKER, ''),
      )
      .some((config) => config.name === UNCLEAN_ELECTION_KEY && config.value === 'true');
    return inherited;
  };
}

export interface ServiceChange {
  /** The broker that goes, NO_LEADER when none does. */
  readonly leaving: number;
  /** The broker that comes, NO_LEADER when none does. */
  readonly joining: number;
  readonly partitions: Iterable<LocatedPartition>;
}

/**
 * The changes of ISRs and leaders when a broker goes out of service or comes into it. The image still shows it as it
 * was, so the broker that joins counts as active already and the one that leaves no longer does.
 */
export function leaderAndIsrChanges(
  environment: ControllerEnvironment,
  image: MetadataImage,
  change: ServiceChange,
): MetadataRecord[] {
  const allowsUnclean = uncleanElectionPolicy(environment, image);
  const { leaving, joining } = change;
  const mayLead = (id: number) => id !== leaving && (id === joining || image.isActive(id));
  const records: MetadataRecord[] = [];
  for (const located of change.partitions) {
    const record = partitionChange({
      image,
      ...located,
      mayLead,
      election: allowsUnclean(located.topic.name) ? 'unclean' : 'online',
      isr: located.partition.isr.filter((replica) => replica !== leaving),
    });
    if (record !== null) records.push(record);
  }
  return records;
}

/** What becomes of the partitions of a broker that goes out of service. */
export function changesWhenLeaving(
  environment: ControllerEnvironment,
  image: MetadataImage,
  brokerId: number,
): MetadataRecord[] {
  const partitions = partitionsWhere(image, (partition) => partition.isr.includes(brokerId));
  return leaderAndIsrChanges(environment, image, { leaving: brokerId, joining: NO_LEADER, partitions });
}

/** What becomes of the partitions without a leader when a broker comes into service. */
export function changesWhenJoining(
  environment: ControllerEnvironment,
  image: MetadataImage,
  brokerId: number,
): MetadataRecord[] {
  const partitions = partitionsWhere(image, (partition) => partition.leader === NO_LEADER);
  return leaderAndIsrChanges(environment, image, { leaving: NO_LEADER, joining: brokerId, partitions });
}

type AlterPartitionRequest = RequestOf<typeof AlterPartition>;
type AlterPartitionResponse = ResponseOf<typeof AlterPartition>;
type TopicRequest = AlterPartitionRequest['topics'][number];
type PartitionRequest = TopicRequest['partitions'][number];
type PartitionAnswer = AlterPartitionResponse['topics'][number]['partitions'][number];

interface BrokerState {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

/**
 * A leader asks for another ISR (KIP-497, KIP-841, KIP-903).
 * @throws {KafkaError} STALE_BROKER_EPOCH. Codes per partition: see `refusal`, and NEW_LEADER_ELECTED.
 */
export function alterPartition(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: AlterPartitionRequest,
  apiVersion: number,
): CommandResult<AlterPartitionResponse> {
  const { image } = context;
  checkBrokerEpoch(image, request.brokerId, request.brokerEpoch);
  const records: MetadataRecord[] = [];
  const alteration: Alteration = {
    image,
    brokerId: request.brokerId,
    apiVersion,
    allowsUnclean: uncleanElectionPolicy(environment, image),
    records,
  };
  const topics = request.topics.map((topicRequest) => {
    const topic =
      apiVersion > 1 ? image.topicById(topicRequest.topicId) : image.topic(topicRequest.topicName);
    const unknown = apiVersion > 1 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return {
      topicName: topicRequest.topicName,
      topicId: topicRequest.topicId,
      partitions: topicRequest.partitions.map((partitionRequest) =>
        topic === undefined
          ? refused(partitionRequest.partitionIndex, unknown)
          : alterOne(alteration, topic, partitionRequest),
      ),
    };
  });
  return { records, response: { throttleTimeMs: 0, errorCode: ErrorCode.NONE, topics }, atomic: false };
}

function refused(partitionIndex: number, errorCode: number): PartitionAnswer {
  return {
    partitionIndex,
    errorCode,
    leaderId: 0,
    leaderEpoch: 0,
    isr: [],
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    partitionEpoch: 0,
  };
}

interface Alteration {
  readonly image: MetadataImage;
  /** Who asks. */
  readonly brokerId: number;
  readonly apiVersion: number;
  readonly allowsUnclean: (topicName: string) => boolean;
  readonly records: MetadataRecord[];
}

function alterOne(alteration: Alteration, topic: TopicImage, request: PartitionRequest): PartitionAnswer {
  const { image, brokerId, apiVersion } = alteration;
  const partitionId = request.partitionIndex;
  const partition = topic.partitions[partitionId];
  if (partition === undefined) return refused(partitionId, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const newIsr: readonly BrokerState[] =
    apiVersion >= 3
      ? request.newIsrWithEpochs
      : request.newIsr.map((id) => ({ brokerId: id, brokerEpoch: -1 }));
  const errorCode = refusal(alteration, partition, request, newIsr);
  if (errorCode !== ErrorCode.NONE) return refused(partitionId, errorCode);
  const record = partitionChange({
    image,
    topic,
    partitionId,
    partition,
    election: alteration.allowsUnclean(topic.name) ? 'unclean' : 'online',
    isr: newIsr.map((state) => state.brokerId),
    leaderRecoveryState: request.leaderRecoveryState,
  });
  const changed = record === null ? partition : changedPartition(partition, record);
  if (record !== null) {
    alteration.records.push(record);
    if (record.leader !== NO_LEADER_CHANGE && record.leader !== brokerId) {
      // The new ISR ended a reassignment that the asking leader is no part of any more: the change is written, and
      // the answer tells the leader to look for new metadata.
      return refused(
        partitionId,
        apiVersion > 1 ? ErrorCode.NEW_LEADER_ELECTED : ErrorCode.FENCED_LEADER_EPOCH,
      );
    }
  }
  return {
    partitionIndex: partitionId,
    errorCode: ErrorCode.NONE,
    leaderId: changed.leader,
    leaderEpoch: changed.leaderEpoch,
    isr: changed.isr,
    leaderRecoveryState: changed.leaderRecoveryState,
    partitionEpoch: changed.partitionEpoch,
  };
}

/** The order of the checks is part of the contract: the leader acts on the code. */
function refusal(
  { image, brokerId, apiVersion }: Alteration,
  partition: PartitionImage,
  request: PartitionRequest,
  newIsr: readonly BrokerState[],
): number {
  // An epoch ahead of ours: we are a controller that was replaced and does not know it yet (KAFKA-14154).
  if (request.leaderEpoch > partition.leaderEpoch) return ErrorCode.NOT_CONTROLLER;
  if (request.partitionEpoch > partition.partitionEpoch) return ErrorCode.NOT_CONTROLLER;
  if (request.leaderEpoch < partition.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (brokerId !== partition.leader) return ErrorCode.INVALID_REQUEST;
  if (request.partitionEpoch < partition.partitionEpoch) return ErrorCode.INVALID_UPDATE_VERSION;
  const ids = newIsr.map((state) => state.brokerId);
  if (!isValidIsr(partition, ids)) return ErrorCode.INVALID_REQUEST;
  const { leaderRecoveryState } = request;
  const recovering = leaderRecoveryState === LeaderRecoveryState.RECOVERING;
  if (!recovering && leaderRecoveryState !== LeaderRecoveryState.RECOVERED) return ErrorCode.INVALID_REQUEST;
  if (recovering && ids.length > 1) return ErrorCode.INVALID_REQUEST;
  if (recovering && partition.leaderRecoveryState === LeaderRecoveryState.RECOVERED) {
    return ErrorCode.INVALID_REQUEST;
  }
  if (!newIsr.every((state) => isEligible(image, state))) {
    return apiVersion > 1 ? ErrorCode.INELIGIBLE_REPLICA : ErrorCode.OPERATION_NOT_ATTEMPTED;
  }
  return ErrorCode.NONE;
}

/** Replicas only, none twice, and the leader among them. */
function isValidIsr(partition: PartitionImage, ids: readonly number[]): boolean {
  return (
    ids.length > 0 &&
    new Set(ids).size === ids.length &&
    ids.every((id) => partition.replicas.includes(id)) &&
    ids.includes(partition.leader)
  );
}

/** Fenced or leaving brokers may not join (KIP-841), nor one that was restarted since it was seen (KIP-903). */
function isEligible(image: MetadataImage, state: BrokerState): boolean {
  const broker = image.brokers.get(state.brokerId);
  if (broker === undefined || broker.fenced || broker.inControlledShutdown) return false;
  return state.brokerEpoch === -1 || state.brokerEpoch === broker.epoch;
}
