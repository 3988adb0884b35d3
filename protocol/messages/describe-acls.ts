import { api, array, errorCode, int8, int32, nullable, or, since, string } from '../schema.ts';

/**
 * API 29. Lists the access rules that match a filter.
 *
 * - v1: kind of pattern (KIP-290); answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: resource type USER (KIP-373).
 */
export const DescribeAcls = api({
  name: 'DescribeAcls',
  key: 29,
  versions: [0, 3],
  flexible: 2,
  request: {
    resourceTypeFilter: int8,
    resourceNameFilter: nullable(string),
    patternTypeFilter: since(1, or(3, int8)),
    principalFilter: nullable(string),
    hostFilter: nullable(string),
    operation: int8,
    permissionType: int8,
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: nullable(string),
    resources: array({
      resourceType: int8,
      resourceName: string,
      patternType: since(1, or(3, int8)),
      acls: array({
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    }),
  },
});
