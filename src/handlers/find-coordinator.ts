/**
 * FindCoordinator (key 10), versions 0 to 4: which broker looks after a group or a transactional id.
 *
 * v1 the kind of key and an error message; v3 flexible; v4 many keys at once.
 */
import { ErrorCode, errorMessage, KafkaError } from '../../protocol/errors.ts';
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { partitionFor } from '../group/partition-for.ts';
import { GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC } from '../metadata/names.ts';
import type { Call } from '../server/handler.ts';
import { handler } from '../server/handler.ts';
import { untilCreated } from './first-use.ts';
import { nodeOf } from './nodes.ts';
import type { Services } from './services.ts';

type Request = RequestOf<typeof FindCoordinator>;
type Response = ResponseInput<typeof FindCoordinator>;

const GROUP = 0;
const TRANSACTION = 1;

interface Found {
  readonly errorCode: number;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

const none = (errorCode: number): Found => ({ errorCode, nodeId: -1, host: '', port: -1 });

export const findCoordinator = (services: Services) =>
  handler(FindCoordinator, {
    run(request, call) {
      // Without keys nothing is looked up, not even what kind they would be of.
      if (call.version >= 4 && request.coordinatorKeys.length === 0)
        return { throttleTimeMs: 0, coordinators: [] };
      const topic = topicOf(request.keyType);
      if (services.image().topic(topic) !== undefined) return answer(services, request, topic, call);
      return untilCreated(services, [topic]).then(() => answer(services, request, topic, call));
    },
    refuse(request, errorCode, message) {
      const coordinators = request.coordinatorKeys.map((key) => ({
        key,
        errorMessage: message,
        ...none(errorCode),
      }));
      return { throttleTimeMs: 0, ...none(errorCode), errorMessage: message, coordinators };
    },
  });

/** The topic whose partitions' leaders coordinate. */
function topicOf(keyType: number): string {
  if (keyType === GROUP) return GROUP_METADATA_TOPIC;
  if (keyType === TRANSACTION) return TRANSACTION_STATE_TOPIC;
  throw new KafkaError(ErrorCode.INVALID_REQUEST);
}

function answer(services: Services, request: Request, topicName: string, call: Call): Response {
  if (call.version >= 4) {
    const coordinators = request.coordinatorKeys.map((key) => ({
      key,
      errorMessage: '',
      ...find(services, topicName, key, call),
    }));
    return { throttleTimeMs: 0, coordinators };
  }
  const found = find(services, topicName, request.key, call);
  // Observed on 3.7.0: success carries the text "NONE" here and an empty one in version 4.
  const isFound = found.errorCode === ErrorCode.NONE;
  const message = isFound ? 'NONE' : errorMessage(found.errorCode);
  return { throttleTimeMs: 0, ...found, errorMessage: message, coordinators: [] };
}

function find(services: Services, topicName: string, key: string, call: Call): Found {
  const image = services.image();
  const topic = image.topic(topicName);
  if (topic === undefined) return none(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  const index = partitionFor(key, topic.partitions.length);
  const leader = topic.partitions[index]?.leader ?? -1;
  const node = image.broker(leader)?.fenced ? undefined : nodeOf(image, leader, call.connection.listenerName);
  if (node === undefined) return none(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  return { errorCode: ErrorCode.NONE, nodeId: node.nodeId, host: node.host, port: node.port };
}
