import { api, bytes, errorCode, int32, int64 } from '../schema.ts';

/**
 * API 39. Key 39.
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
