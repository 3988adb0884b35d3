import { api, array, bytes, errorCode, int32, int64, nullable, since, string } from '../schema.ts';

/**
 * API 38. Makes a delegation token (KIP-48).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: a token may be made for another owner (KIP-373).
 */
export const CreateDelegationToken = api({
  name: 'CreateDelegationToken',
  key: 38,
  versions: [0, 3],
  flexible: 2,
  request: {
    ownerPrincipalType: since(3, nullable(string)),
    ownerPrincipalName: since(3, nullable(string)),
    renewers: array({
      principalType: string,
      principalName: string,
    }),
    maxLifetimeMs: int64,
  },
  response: {
    errorCode,
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: since(3, string),
    tokenRequesterPrincipalName: since(3, string),
    issueTimestampMs: int64,
    expiryTimestampMs: int64,
    maxTimestampMs: int64,
    tokenId: string,
    hmac: bytes,
    throttleTimeMs: int32,
  },
});
