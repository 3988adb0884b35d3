import { api, array, errorCode, groupId, int32, mapKey } from '../schema.ts';

/**
 * API 42. Deletes groups that are empty (KIP-229).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 */
export const DeleteGroups = api({
  name: 'DeleteGroups',
  key: 42,
  versions: [0, 2],
  flexible: 2,
  request: {
    groupsNames: array(groupId),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      groupId: mapKey(groupId),
      errorCode,
    }),
  },
});
