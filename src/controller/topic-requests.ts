/**
 * CreateTopics, CreatePartitions and DeleteTopics as they come in: names given twice, names and ids that must be
 * looked up, and what the caller may do with each (kafka.server.ControllerApis).
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { CreatePartitions } from '../../protocol/messages/create-partitions.ts';
import type { CreateTopics } from '../../protocol/messages/create-topics.ts';
import type { DeleteTopics } from '../../protocol/messages/delete-topics.ts';
import type { RequestOf, ResponseOf } from '../../protocol/schema.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { CLUSTER_METADATA_TOPIC } from '../metadata/names.ts';
import type { Caller } from './caller.ts';
import { allowsOnCluster } from './caller.ts';
import type { CommandContext, CommandResult, Outcome } from './command.ts';
import { failure, SUCCESS } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';
import { createPartitions, createTopics, deleteTopics, failedTopic } from './topics.ts';

type DeleteRequest = RequestOf<typeof DeleteTopics>;
type DeleteAnswer = ResponseOf<typeof DeleteTopics>['responses'][number];

/**
 * Who does not wait does not get it done either. A request that asks for nothing is answered all the same.
 * @throws {KafkaError} REQUEST_TIMED_OUT
 */
export function refuseOverdue(timeoutMs: number, asked: readonly unknown[] | null): void {
  if (timeoutMs <= 0 && asked?.length !== 0) throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT);
}

const DUPLICATE_NAME = failure(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.');
const TOPIC_DENIED = failure(ErrorCode.TOPIC_AUTHORIZATION_FAILED);

function duplicatesOf<T>(items: Iterable<T>): Set<T> {
  const seen = new Set<T>();
  const duplicates = new Set<T>();
  for (const item of items) {
    if (seen.has(item)) duplicates.add(item);
    seen.add(item);
  }
  return duplicates;
}

export function serveCreateTopics(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: RequestOf<typeof CreateTopics>,
  caller: Caller,
): CommandResult<ResponseOf<typeof CreateTopics>> {
  refuseOverdue(request.timeoutMs, request.topics);
  const duplicates = duplicatesOf(request.topics.map((topic) => topic.name));
  const mayCreate = (name: string) =>
    // The metadata log is no topic that anybody could create.
    name !== CLUSTER_METADATA_TOPIC &&
    (allowsOnCluster(caller, 'CREATE') || caller.allows('CREATE', 'TOPIC', name));
  const denied = new Set<string>();
  const topics = request.topics.filter(({ name }) => {
    if (duplicates.has(name)) return false;
    if (mayCreate(name)) return true;
    denied.add(name);
    return false;
  });
  const result = createTopics(
    environment,
    context,
    { topics, validateOnly: request.validateOnly },
    {
      maySeeConfigs: (name) => caller.allows('DESCRIBE_CONFIGS', 'TOPIC', name),
      charge: caller.charge,
    },
  );
  const refused = failure(ErrorCode.TOPIC_AUTHORIZATION_FAILED, 'Authorization failed.');
  const answers = [
    ...result.response,
    ...[...duplicates].map((name) => failedTopic(name, DUPLICATE_NAME)),
    ...[...denied].map((name) => failedTopic(name, refused)),
  ];
  return { ...result, response: { throttleTimeMs: 0, topics: answers } };
}

export function serveCreatePartitions(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: RequestOf<typeof CreatePartitions>,
  caller: Caller,
): CommandResult<ResponseOf<typeof CreatePartitions>> {
  refuseOverdue(request.timeoutMs, request.topics);
  const duplicates = duplicatesOf(request.topics.map((topic) => topic.name));
  const single = request.topics.filter(({ name }) => !duplicates.has(name));
  const allowed = single.filter(({ name }) => caller.allows('ALTER', 'TOPIC', name));
  const denied = single.filter((topic) => !allowed.includes(topic));
  const { validateOnly } = request;
  const result = createPartitions(environment, context, { topics: allowed, validateOnly }, caller.charge);
  const results = [
    ...[...duplicates].map((name) => ({ name, ...DUPLICATE_NAME })),
    ...denied.map(({ name }) => ({
      name,
      errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
      errorMessage: null,
    })),
    ...result.response,
  ];
  return { ...result, response: { throttleTimeMs: 0, results } };
}

/** What a DeleteTopics names, sorted into what can be looked up and what is refused as it stands. */
interface NamedTopics {
  readonly names: Set<string>;
  readonly ids: Set<Uuid>;
  readonly duplicateIds: Set<Uuid>;
  readonly answers: DeleteAnswer[];
}

export function serveDeleteTopics(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: DeleteRequest,
  caller: Caller,
): CommandResult<ResponseOf<typeof DeleteTopics>> {
  if (!environment.options.deleteTopicEnable) {
    throw caller.version < 3
      ? new KafkaError(ErrorCode.INVALID_REQUEST, 'Topic deletion is disabled.')
      : new KafkaError(ErrorCode.TOPIC_DELETION_DISABLED);
  }
  refuseOverdue(request.timeoutMs, [...request.topics, ...request.topicNames]);
  const named = sortNamed(request);
  const { answers } = named;
  const deletable = resolve(context.image, named, caller);
  const result = deleteTopics(context, deletable.keys(), caller.charge);
  for (const [topicId, outcome] of result.response) {
    answers.push({ name: deletable.get(topicId) ?? null, topicId, ...outcome });
  }
  return { ...result, response: { throttleTimeMs: 0, responses: answers } };
}

function sortNamed(request: DeleteRequest): NamedTopics {
  const answers: DeleteAnswer[] = [];
  const refuse = (name: string | null, topicId: Uuid, message: string) => {
    answers.push({ name, topicId, ...failure(ErrorCode.INVALID_REQUEST, message) });
  };
  const names: string[] = [...request.topicNames];
  const ids: Uuid[] = [];
  for (const { name, topicId } of request.topics) {
    const hasId = topicId !== ZERO_UUID;
    if (name === null && !hasId) refuse(null, ZERO_UUID, 'Neither topic name nor id were specified.');
    else if (name === null) ids.push(topicId);
    else if (hasId) refuse(name, topicId, 'You may not specify both topic name and topic id.');
    else names.push(name);
  }
  const duplicateNames = duplicatesOf(names);
  const duplicateIds = duplicatesOf(ids);
  for (const name of duplicateNames) answers.push({ name, topicId: ZERO_UUID, ...DUPLICATE_NAME });
  for (const id of duplicateIds) refuse(null, id, 'Duplicate topic id.');
  return {
    names: new Set(names.filter((name) => !duplicateNames.has(name))),
    ids: new Set(ids.filter((id) => !duplicateIds.has(id))),
    duplicateIds,
    answers,
  };
}

/** Id and name of all that may be deleted. Nothing is told of topics that the caller may not see. */
function resolve(image: MetadataImage, named: NamedTopics, caller: Caller): Map<Uuid, string> {
  const { answers, duplicateIds } = named;
  const may = (operation: 'DELETE' | 'DESCRIBE', name: string) =>
    allowsOnCluster(caller, 'DELETE') || caller.allows(operation, 'TOPIC', name);
  const found = new Map<Uuid, string>();
  for (const topicId of named.ids) {
    const topic = image.topicById(topicId);
    if (topic === undefined) {
      answers.push({ name: null, topicId, ...failure(ErrorCode.UNKNOWN_TOPIC_ID) });
    } else if (may('DELETE', topic.name)) found.set(topicId, topic.name);
    else answers.push({ name: may('DESCRIBE', topic.name) ? topic.name : null, topicId, ...TOPIC_DENIED });
  }
  for (const name of named.names) {
    const topic = image.topic(name);
    const topicId = topic?.id ?? ZERO_UUID;
    const outcome = deletionByName(topic !== undefined, may, name);
    if (outcome !== SUCCESS) {
      answers.push({ name, topicId: ZERO_UUID, ...outcome });
    } else if (duplicateIds.has(topicId) || found.has(topicId)) {
      found.delete(topicId);
      duplicateIds.add(topicId);
      const message = 'The provided topic name maps to an ID that was already supplied.';
      answers.push({ name, topicId, ...failure(ErrorCode.INVALID_REQUEST, message) });
    } else found.set(topicId, name);
  }
  return found;
}

function deletionByName(
  exists: boolean,
  may: (operation: 'DELETE' | 'DESCRIBE', name: string) => boolean,
  name: string,
): Outcome {
  if (!may('DESCRIBE', name)) return TOPIC_DENIED;
  if (!exists) return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  return may('DELETE', name) ? SUCCESS : TOPIC_DENIED;
}
