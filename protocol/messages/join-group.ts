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
 * API 11. Key 11.
 */
export const JoinGroup = api({
  name: 'JoinGroup',
  key: 11,
  versions: [0, 9],
  flexible: 6,
  request: {
    groupId,
    sessionTimeoutMs: int32,
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
