import { api, bytes, errorCode, int32, int64 } from '../schema.ts';

/**
 * API 40. Moves the expiry of a delegation token, or ends it at once (KIP-48).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 */
export const ExpireDelegationToken = api({
  name: 'ExpireDelegationToken',
  key: 40,
  versions: [0, 2],
  flexible: 2,
  request: {
    hmac: bytes,
    expiryTimePeriodMs: int64,
  },
  response: {
    errorCode,
    expiryTimestampMs: int64,
    throttleTimeMs: int32,
  },
});
