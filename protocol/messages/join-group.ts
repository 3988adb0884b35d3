import {
  api,
  array,
  bool,
  bytes,
  errorCode,
  groupId,
  ignorable,
  int32,
  mapKey,
  nullable,
  or,
  since,
  string,
} from '../schema.ts';

/**
 * API 11. A member joins a group of the classic protocol and waits for the others.
 *
 * - v1: a rebalance timeout of its own; before, the session timeout is meant.
 * - v2: throttle time.
 * - v3: answered before the channel is muted when a quota is violated (KIP-219).
 * - v4: a first join is answered with MEMBER_ID_REQUIRED and the id to come back with (KIP-394).
 * - v5: static members (KIP-345).
 * - v7: the answer names the protocol type, and the protocol may be null (KIP-559).
 * - v8: reason (KIP-800).
 * - v9: a leader may be told to keep the assignment (KIP-814).
 */
export const JoinGroup = api({
  name: 'JoinGroup',
  key: 11,
  versions: [0, 9],
  flexible: 6,
  request: {
    groupId,
    sessionTimeoutMs: int32,
    /** -1 means the session timeout. */
    rebalanceTimeoutMs: since(1, ignorable(or(-1, int32))),
    memberId: string,
    groupInstanceId: since(5, or(null, nullable(string))),
    protocolType: string,
    protocols: array({
      name: mapKey(string),
      metadata: bytes,
    }),
    reason: since(8, ignorable(or(null, nullable(string)))),
  },
  response: {
    throttleTimeMs: since(2, ignorable(int32)),
    errorCode,
    generationId: or(-1, int32),
    protocolType: since(7, ignorable(or(null, nullable(string)))),
    protocolName: nullable(string, 7),
    leader: string,
    skipAssignment: since(9, or(false, bool)),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: since(5, ignorable(or(null, nullable(string)))),
      metadata: bytes,
    }),
  },
});
