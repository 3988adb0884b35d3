import { api, errorCode, groupId, int16, int32, producerId, transactionalId } from '../schema.ts';

/**
 * API 25. Adds the offsets of a group to a transaction.
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v2: PRODUCER_FENCED may be answered in place of INVALID_PRODUCER_EPOCH (KIP-588).
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
