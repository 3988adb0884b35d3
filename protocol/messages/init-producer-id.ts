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
 * API 22. Allots a producer id, or takes over a transactional id and fences whoever had it (KIP-98).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: the producer names the id and epoch it has, and gets the next epoch (KIP-360).
 * - v4: PRODUCER_FENCED may be answered in place of INVALID_PRODUCER_EPOCH (KIP-588).
 */
export const InitProducerId = api({
  name: 'InitProducerId',
  key: 22,
  versions: [0, 4],
  flexible: 2,
  request: {
    /** Null for an idempotent producer without transactions. */
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
