import {
  api,
  array,
  between,
  brokerId,
  errorCode,
  ignorable,
  int8,
  int32,
  nullable,
  or,
  since,
  string,
  until,
} from '../schema.ts';

/**
 * API 10. Finds the coordinator of a group or of a transactional id.
 *
 * - v1: key type, throttle time, error message.
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v4: several keys at once (KIP-699).
 */
export const FindCoordinator = api({
  name: 'FindCoordinator',
  key: 10,
  versions: [0, 4],
  flexible: 3,
  request: {
    key: until(3, string),
    keyType: since(1, or(0, int8)),
    coordinatorKeys: since(4, array(string)),
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    errorCode: until(3, errorCode),
    errorMessage: between(1, 3, ignorable(nullable(string))),
    nodeId: until(3, brokerId),
    host: until(3, string),
    port: until(3, int32),
    coordinators: since(
      4,
      array({
        key: string,
        nodeId: brokerId,
        host: string,
        port: int32,
        errorCode,
        errorMessage: ignorable(nullable(string)),
      }),
    ),
  },
});
