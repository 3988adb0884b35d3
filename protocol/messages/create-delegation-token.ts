import { api, array, bytes, errorCode, int32, int64, nullable, since, string } from '../schema.ts';

/**
 * API 38. Key 38.
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
