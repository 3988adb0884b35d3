import { api, array, errorCode, int8, int32, nullable, or, since, string } from '../schema.ts';

/**
 * API 30. Adds access rules.
 *
 * - v1: kind of pattern (KIP-290); answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: resource type USER (KIP-373).
 */
export const CreateAcls = api({
  name: 'CreateAcls',
  key: 30,
  versions: [0, 3],
  flexible: 2,
  request: {
    creations: array({
      resourceType: int8,
      resourceName: string,
      resourcePatternType: since(1, or(3, int8)),
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    }),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      errorCode,
      errorMessage: nullable(string),
    }),
  },
});
