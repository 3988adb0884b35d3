/** Heartbeat (key 12), versions 0 to 4: v3 static members; v4 flexible. */
import { Heartbeat } from '../../protocol/messages/heartbeat.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const heartbeat = (services: Services) =>
  handler(Heartbeat, { run: (request) => services.groups.heartbeat(request) });
