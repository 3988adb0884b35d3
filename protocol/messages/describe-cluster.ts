import {
  api,
  array,
  bool,
  brokerId,
  errorCode,
  int8,
  int32,
  mapKey,
  nullable,
  or,
  since,
  string,
} from '../schema.ts';

/**
 * API 60. Tells the cluster id, the controller and the brokers (KIP-700).
 *
 * - v1: brokers or controllers may be asked for (KIP-919).
 */
export const DescribeCluster = api({
  name: 'DescribeCluster',
  key: 60,
  versions: [0, 1],
  flexible: 0,
  request: {
    includeClusterAuthorizedOperations: bool,
    endpointType: since(1, or(1, int8)),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: or(null, nullable(string)),
    endpointType: since(1, or(1, int8)),
    clusterId: string,
    controllerId: or(-1, brokerId),
    brokers: array({
      brokerId: mapKey(brokerId),
      host: string,
      port: int32,
      rack: or(null, nullable(string)),
    }),
    clusterAuthorizedOperations: or(-2147483648, int32),
  },
});
