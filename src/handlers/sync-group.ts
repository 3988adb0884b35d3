/**
 * SyncGroup (key 14), versions 0 to 5.
 *
 * v3 static members; v4 flexible; v5 protocol type and name are mandatory (KIP-559).
 */
import { SyncGroup } from '../../protocol/messages/sync-group.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const syncGroup = (services: Services) =>
  handler(SyncGroup, {
    run: (request, call) => services.groups.syncGroup(request, call.version),
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, assignment: Buffer.alloc(0) }),
  });
