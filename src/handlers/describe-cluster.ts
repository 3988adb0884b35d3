/**
 * DescribeCluster (key 60), versions 0 and 1: the brokers and some controller (KIP-700). v1 says which kind of node
 * the caller wants to hear of (KIP-919); a broker lists brokers only.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { DescribeCluster } from '../../protocol/messages/describe-cluster.ts';
import { handler } from '../server/handler.ts';
import { ALL_CLUSTER_OPERATIONS, NOT_ASKED } from './authorized-operations.ts';
import { aliveNodes, someController } from './nodes.ts';
import type { Services } from './services.ts';

const BROKERS = 1;
const CONTROLLERS = 2;

export const describeCluster = (services: Services) =>
  handler(DescribeCluster, {
    run(request, call) {
      checkEndpointType(request.endpointType);
      const image = services.image();
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        endpointType: BROKERS,
        clusterId: services.clusterId,
        controllerId: someController(image, services.randomInt),
        brokers: aliveNodes(image, call.connection.listenerName).map(({ nodeId, ...node }) => ({
          brokerId: nodeId,
          ...node,
        })),
        clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
          ? ALL_CLUSTER_OPERATIONS
          : NOT_ASKED,
      };
    },
    // Observed on 3.7.0: a refusal names the endpoint type of brokers, whatever was asked for.
    refuse: (_request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      errorCode,
      errorMessage,
      endpointType: BROKERS,
      clusterId: '',
      brokers: [],
    }),
  });

function checkEndpointType(endpointType: number): void {
  if (endpointType === BROKERS) return;
  if (endpointType === CONTROLLERS) {
    throw new KafkaError(
      ErrorCode.MISMATCHED_ENDPOINT_TYPE,
      'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
    );
  }
  throw new KafkaError(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, `Unsupported endpoint type ${endpointType}`);
}
