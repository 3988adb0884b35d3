import { api, bytes, errorCode, int32, int64 } from '../schema.ts';

/**
 * API 40. Key 40.
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
