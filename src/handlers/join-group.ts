/**
 * JoinGroup (key 11), versions 0 to 9.
 *
 * v1 rebalance timeout; v4 MEMBER_ID_REQUIRED (KIP-394); v5 static members (KIP-345); v6 flexible; v7 protocol type
 * in the answer; v8 reason (KIP-800); v9 a leader may skip the assignment (KIP-814).
 */
import { JoinGroup } from '../../protocol/messages/join-group.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const joinGroup = (services: Services) =>
  handler(JoinGroup, {
    run: (request, call) =>
      services.groups.joinGroup(request, call.version, {
        clientId: call.clientId ?? '',
        clientHost: call.connection.clientHost,
      }),
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      protocolName: '',
      leader: '',
      memberId: request.memberId,
      members: [],
    }),
  });
