import {
  api,
  array,
  bool,
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
 * API 15. Describes groups of the classic protocol. An unknown group is in state Dead, without an error.
 *
 * - v1: throttle time.
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: authorized operations (KIP-430).
 * - v4: static members (KIP-345).
 */
export const DescribeGroups = api({
  name: 'DescribeGroups',
  key: 15,
  versions: [0, 5],
  flexible: 5,
  request: {
    groups: array(groupId),
    includeAuthorizedOperations: since(3, bool),
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    groups: array({
      errorCode,
      groupId,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: since(4, ignorable(or(null, nullable(string)))),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: since(3, or(-2147483648, int32)),
    }),
  },
});
