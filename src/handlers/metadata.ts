/**
 * Metadata (key 3), versions 0 to 12.
 *
 * v0: an empty list of topics means all; v1 null means all, racks, controller, internal topics; v2 cluster id;
 * v4 auto-creation can be switched off; v5 offline replicas; v6 LISTENER_NOT_FOUND; v7 leader epochs; v8 to v10
 * authorized operations of the cluster, v8 of topics; v9 flexible; v10 topic ids in the answer; v12 in the request.
 *
 * The unknown-topic path allocates little: admin clients are known to ask half a million times in a minute.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import type { MetadataImage, TopicImage } from '../metadata/image.ts';
import { isInternalTopic, isValidTopicName } from '../metadata/names.ts';
import type { PartitionImage } from '../metadata/partition-image.ts';
import type { Call } from '../server/handler.ts';
import { handler } from '../server/handler.ts';
import { ALL_CLUSTER_OPERATIONS, ALL_TOPIC_OPERATIONS, NOT_ASKED } from './authorized-operations.ts';
import { untilCreated } from './first-use.ts';
import { aliveNodes, nodeOf, someController } from './nodes.ts';
import type { Services } from './services.ts';

type Request = RequestOf<typeof Metadata>;
type Response = ResponseInput<typeof Metadata>;
type TopicResponse = Response['topics'][number];
type PartitionResponse = TopicResponse['partitions'][number];

export const metadata = (services: Services) =>
  handler(Metadata, {
    run(request, call) {
      checkTopics(request, call.version);
      const toCreate = topicsToCreate(services, request, call.version);
      if (toCreate.length === 0) return describe(services, request, call);
      return untilCreated(services, toCreate).then(() => describe(services, request, call));
    },
    // Observed on 3.7.0: a refused request answers with no brokers, no cluster id and no controller.
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      brokers: [],
      clusterId: null,
      controllerId: -1,
      topics: (request.topics ?? []).map(({ name, topicId }) => ({
        errorCode,
        name: name ?? '',
        topicId,
        partitions: [],
      })),
    }),
  });

function describe(services: Services, request: Request, call: Call): Response {
  const image = services.image();
  return {
    throttleTimeMs: 0,
    brokers: aliveNodes(image, call.connection.listenerName),
    clusterId: services.clusterId,
    controllerId: someController(image, services.randomInt),
    topics: isAllTopics(request, call.version)
      ? [...image.topicsByName.values()].map((topic) => describeTopic(image, topic, request, call))
      : describeNamed(image, request, call),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? ALL_CLUSTER_OPERATIONS
      : NOT_ASKED,
  };
}

/** The topics that are asked for by name, may be made on first use, and are not there. */
function topicsToCreate(services: Services, request: Request, version: number): string[] {
  if (!request.allowAutoTopicCreation || isAllTopics(request, version)) return [];
  const image = services.image();
  const isMissing = ({ name, topicId }: NonNullable<Request['topics']>[number]): boolean =>
    name !== null && topicId === ZERO_UUID && image.topic(name) === undefined && isValidTopicName(name);
  const asked = request.topics ?? [];
  if (!asked.some(isMissing) || !services.config().topics.autoCreateEnable) return [];
  if (asked.some(({ topicId }) => topicId !== ZERO_UUID)) return [];
  return [...new Set(asked.filter(isMissing).map(({ name }) => name ?? ''))];
}

function checkTopics(request: Request, version: number): void {
  if (version >= 12) return;
  for (const { name, topicId } of request.topics ?? []) {
    if (name === null) {
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `Topic name can not be null for version ${version}`);
    }
    if (topicId !== ZERO_UUID) {
      throw new KafkaError(
        ErrorCode.INVALID_REQUEST,
        `Topic IDs are not supported in requests for version ${version}`,
      );
    }
  }
}

const isAllTopics = (request: Request, version: number): boolean =>
  request.topics === null || (version === 0 && request.topics.length === 0);

/** When a request has ids at all, names alone are not looked at, as in KafkaApis.handleTopicMetadataRequest. */
function describeNamed(image: MetadataImage, request: Request, call: Call): TopicResponse[] {
  const asked = request.topics ?? [];
  const ids = new Set(asked.map(({ topicId }) => topicId).filter((id) => id !== ZERO_UUID));
  const responses: TopicResponse[] = [];
  if (ids.size > 0) {
    for (const topicId of ids) {
      const topic = image.topicById(topicId);
      if (topic !== undefined) responses.push(describeTopic(image, topic, request, call));
      else
        responses.push({
          ...unknownTopic(ErrorCode.UNKNOWN_TOPIC_ID, null, request, topicId),
          ...NO_OPERATIONS,
        });
    }
    return responses;
  }
  for (const name of new Set(asked.map((topic) => topic.name))) {
    const topic = name === null ? undefined : image.topic(name);
    if (topic !== undefined) {
      responses.push(describeTopic(image, topic, request, call));
    } else if (name === null) {
      responses.push(unknownTopic(ErrorCode.UNKNOWN_SERVER_ERROR, null, request));
    } else if (!isValidTopicName(name)) {
      responses.push(unknownTopic(ErrorCode.INVALID_TOPIC_EXCEPTION, name, request));
    } else {
      responses.push(unknownTopic(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, request));
    }
  }
  return responses;
}

/** Observed on 3.7.0: what may be done with an unknown id is never told, with an unknown name always. */
const NO_OPERATIONS = { topicAuthorizedOperations: NOT_ASKED };

function unknownTopic(
  errorCode: number,
  name: string | null,
  request: Request,
  topicId = ZERO_UUID,
): TopicResponse {
  return {
    errorCode,
    name,
    topicId,
    isInternal: name !== null && isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: request.includeTopicAuthorizedOperations ? ALL_TOPIC_OPERATIONS : NOT_ASKED,
  };
}

function describeTopic(image: MetadataImage, topic: TopicImage, request: Request, call: Call): TopicResponse {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map((partition, index) => describePartition(image, partition, index, call)),
    topicAuthorizedOperations: request.includeTopicAuthorizedOperations ? ALL_TOPIC_OPERATIONS : NOT_ASKED,
  };
}

/** See KRaftMetadataCache.getPartitionMetadata. */
function describePartition(
  image: MetadataImage,
  partition: PartitionImage,
  partitionIndex: number,
  call: Call,
): PartitionResponse {
  const { version } = call;
  const { listenerName } = call.connection;
  const isReachable = (id: number): boolean => nodeOf(image, id, listenerName) !== undefined;
  const isOnline = (id: number): boolean => image.broker(id)?.fenced === false && isReachable(id);
  // Version 0 leaves out the replicas of brokers that are not there, and says so by an error.
  const replicaNodes = version === 0 ? partition.replicas.filter(isOnline) : partition.replicas;
  const isrNodes = version === 0 ? partition.isr.filter(isOnline) : partition.isr;
  const common = {
    partitionIndex,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes,
    isrNodes,
    offlineReplicas: partition.replicas.filter((id) => !isOnline(id)),
  };
  if (!isReachable(partition.leader)) {
    const isListenerMissing = image.broker(partition.leader) !== undefined && version >= 6;
    const errorCode = isListenerMissing ? ErrorCode.LISTENER_NOT_FOUND : ErrorCode.LEADER_NOT_AVAILABLE;
    return { ...common, errorCode, leaderId: -1 };
  }
  const isComplete =
    replicaNodes.length === partition.replicas.length && isrNodes.length === partition.isr.length;
  return {
    ...common,
    errorCode: isComplete ? ErrorCode.NONE : ErrorCode.REPLICA_NOT_AVAILABLE,
    leaderId: partition.leader,
  };
}
