/** ListGroups (key 16), versions 0 to 4: v3 flexible; v4 states, as answer and as filter (KIP-518). */
import { ListGroups } from '../../protocol/messages/list-groups.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const listGroups = (services: Services) =>
  handler(ListGroups, {
    run: (request) => services.groups.listGroups(request),
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, groups: [] }),
  });
