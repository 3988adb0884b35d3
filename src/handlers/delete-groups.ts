/** DeleteGroups (key 42), versions 0 to 2: v2 flexible. */
import { DeleteGroups } from '../../protocol/messages/delete-groups.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const deleteGroups = (services: Services) =>
  handler(DeleteGroups, {
    run: async (request) => ({
      throttleTimeMs: 0,
      results: await services.groups.deleteGroups(request.groupsNames),
    }),
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      results: request.groupsNames.map((groupId) => ({ groupId, errorCode })),
    }),
  });
