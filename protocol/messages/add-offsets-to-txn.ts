import { api, errorCode, groupId, int16, int32, producerId, transactionalId } from '../schema.ts';

/**
 * API 25. Key 25.
 */
export const AddOffsetsToTxn = api({
  name: 'AddOffsetsToTxn',
  key: 25,
  versions: [0, 3],
  flexible: 3,
  request: {
    transactionalId,
    producerId,
    producerEpoch: int16,
    groupId,
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
  },
});
