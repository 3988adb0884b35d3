import { api, bool, errorCode, int16, int32, producerId, transactionalId } from '../schema.ts';

/**
 * API 26. Key 26.
 */
export const EndTxn = api({
  name: 'EndTxn',
  key: 26,
  versions: [0, 3],
  flexible: 3,
  request: {
    transactionalId,
    producerId,
    producerEpoch: int16,
    committed: bool,
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
  },
});
