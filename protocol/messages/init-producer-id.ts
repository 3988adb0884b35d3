import {
  api,
  errorCode,
  ignorable,
  int16,
  int32,
  nullable,
  or,
  producerId,
  since,
  transactionalId,
} from '../schema.ts';

/**
 * API 22. Key 22.
 */
export const InitProducerId = api({
  name: 'InitProducerId',
  key: 22,
  versions: [0, 4],
  flexible: 2,
  request: {
    transactionalId: nullable(transactionalId),
    transactionTimeoutMs: int32,
    producerId: since(3, or(-1, producerId)),
    producerEpoch: since(3, or(-1, int16)),
  },
  response: {
    throttleTimeMs: ignorable(int32),
    errorCode,
    producerId: or(-1, producerId),
    producerEpoch: int16,
  },
});
