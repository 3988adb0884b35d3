import { api, array, errorCode, int8, int32, nullable, or, since, string } from '../schema.ts';

/**
 * API 31. Removes the access rules that match filters, and tells which they were.
 *
 * - v1: kind of pattern (KIP-290); answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: resource type USER (KIP-373).
 */
export const DeleteAcls = api({
  name: 'DeleteAcls',
  key: 31,
  versions: [0, 3],
  flexible: 2,
  request: {
    filters: array({
      resourceTypeFilter: int8,
      resourceNameFilter: nullable(string),
      patternTypeFilter: since(1, or(3, int8)),
      principalFilter: nullable(string),
      hostFilter: nullable(string),
      operation: int8,
      permissionType: int8,
    }),
  },
  response: {
    throttleTimeMs: int32,
    filterResults: array({
      errorCode,
      errorMessage: nullable(string),
      matchingAcls: array({
        errorCode,
        errorMessage: nullable(string),
        resourceType: int8,
        resourceName: string,
        patternType: since(1, or(3, int8)),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    }),
  },
});
