import { api, bool, errorCode, int16, int32, producerId, transactionalId } from '../schema.ts';

/**
 * API 26. Commits or aborts a transaction.
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v2: PRODUCER_FENCED may be answered in place of INVALID_PRODUCER_EPOCH (KIP-588).
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
