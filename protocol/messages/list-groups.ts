import { api, array, errorCode, groupId, ignorable, int32, since, string } from '../schema.ts';

/**
 * API 16. Key 16.
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
