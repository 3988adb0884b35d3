/** LeaveGroup (key 13), versions 0 to 5: v3 several members at once, also by instance id; v4 flexible; v5 reasons. */
import { LeaveGroup } from '../../protocol/messages/leave-group.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const leaveGroup = (services: Services) =>
  handler(LeaveGroup, {
    run: (request, call) => services.groups.leaveGroup(request, call.version),
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, members: [] }),
  });
