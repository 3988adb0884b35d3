import {
  api,
  array,
  bytes,
  errorCode,
  groupId,
  ignorable,
  int32,
  nullable,
  or,
  since,
  string,
} from '../schema.ts';

/**
 * API 14. The leader of a group hands in the assignment, every member gets its part.
 *
 * - v1: throttle time.
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: static members (KIP-345).
 * - v5: protocol type and name, checked by the coordinator and sent back (KIP-559).
 */
export const SyncGroup = api({
  name: 'SyncGroup',
  key: 14,
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, or(null, nullable(string))),
    protocolType: since(5, ignorable(or(null, nullable(string)))),
    protocolName: since(5, ignorable(or(null, nullable(string)))),
    assignments: array({
      memberId: string,
      assignment: bytes,
    }),
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    errorCode,
    protocolType: since(5, ignorable(or(null, nullable(string)))),
    protocolName: since(5, ignorable(or(null, nullable(string)))),
    assignment: bytes,
  },
});
