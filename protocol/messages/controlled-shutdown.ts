import {
  api,
  array,
  brokerId,
  errorCode,
  ignorable,
  int32,
  int64,
  mapKey,
  or,
  since,
  topicName,
} from '../schema.ts';

/**
 * API 7. A broker of ZooKeeper times asks the controller to move its leaderships away. Only controllers that
 * migrate serve it. v0 alone has a request header without client id.
 *
 * - v1: the usual request header.
 * - v2: broker epoch (KIP-380).
 */
export const ControlledShutdown = api({
  name: 'ControlledShutdown',
  key: 7,
  versions: [0, 3],
  flexible: 3,
  request: {
    brokerId,
    brokerEpoch: since(2, ignorable(or(-1, int64))),
  },
  response: {
    errorCode,
    remainingPartitions: array({
      topicName: mapKey(topicName),
      partitionIndex: mapKey(int32),
    }),
  },
});
