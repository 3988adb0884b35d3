import { api, brokerId, errorCode, int32, int64, or, producerId } from '../schema.ts';

/** API 67. A broker asks the controller for a block of producer ids (KIP-730). */
export const AllocateProducerIds = api({
  name: 'AllocateProducerIds',
  key: 67,
  versions: [0, 0],
  flexible: 0,
  request: {
    brokerId,
    brokerEpoch: or(-1, int64),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    producerIdStart: producerId,
    producerIdLen: int32,
  },
});
