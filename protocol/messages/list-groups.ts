import { api, array, errorCode, groupId, ignorable, int32, since, string } from '../schema.ts';

/**
 * API 16. Lists the groups that this broker coordinates.
 *
 * - v1: throttle time.
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v4: states, and a filter by them (KIP-518).
 */
export const ListGroups = api({
  name: 'ListGroups',
  key: 16,
  versions: [0, 4],
  flexible: 3,
  request: {
    statesFilter: since(4, array(string)),
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    errorCode,
    groups: array({
      groupId,
      protocolType: string,
      groupState: since(4, ignorable(string)),
    }),
  },
});
