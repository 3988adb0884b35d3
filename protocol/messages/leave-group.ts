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
 * API 13. Key 13.
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
