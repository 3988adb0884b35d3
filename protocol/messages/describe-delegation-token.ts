import { api, array, bytes, errorCode, int32, int64, nullable, since, string } from '../schema.ts';

/**
 * API 41. Lists delegation tokens (KIP-48).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: who asked for the token (KIP-373).
 */
export const DescribeDelegationToken = api({
  name: 'DescribeDelegationToken',
  key: 41,
  versions: [0, 3],
  flexible: 2,
  request: {
    owners: nullable(
      array({
        principalType: string,
        principalName: string,
      }),
    ),
  },
  response: {
    errorCode,
    tokens: array({
      principalType: string,
      principalName: string,
      tokenRequesterPrincipalType: since(3, string),
      tokenRequesterPrincipalName: since(3, string),
      issueTimestamp: int64,
      expiryTimestamp: int64,
      maxTimestamp: int64,
      tokenId: string,
      hmac: bytes,
      renewers: array({
        principalType: string,
        principalName: string,
      }),
    }),
    throttleTimeMs: int32,
  },
});
