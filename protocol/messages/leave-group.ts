import {
  api,
  array,
  errorCode,
  groupId,
  ignorable,
  int32,
  nullable,
  or,
  since,
  string,
  until,
} from '../schema.ts';

/**
 * API 13. Members leave a group of the classic protocol.
 *
 * - v1: throttle time.
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: several members at once, static ones by instance id (KIP-345).
 * - v5: reason (KIP-800).
 */
export const LeaveGroup = api({
  name: 'LeaveGroup',
  key: 13,
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId,
    memberId: until(2, string),
    members: since(
      3,
      array({
        memberId: string,
        groupInstanceId: or(null, nullable(string)),
        reason: since(5, ignorable(or(null, nullable(string)))),
      }),
    ),
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    errorCode,
    members: since(
      3,
      array({
        memberId: string,
        groupInstanceId: nullable(string),
        errorCode,
      }),
    ),
  },
});
