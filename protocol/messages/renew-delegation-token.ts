import { api, bytes, errorCode, int32, int64 } from '../schema.ts';

/**
 * API 39. Puts off the expiry of a delegation token (KIP-48).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 */
export const RenewDelegationToken = api({
  name: 'RenewDelegationToken',
  key: 39,
  versions: [0, 2],
  flexible: 2,
  request: {
    hmac: bytes,
    renewPeriodMs: int64,
  },
  response: {
    errorCode,
    expiryTimestampMs: int64,
    throttleTimeMs: int32,
  },
});
