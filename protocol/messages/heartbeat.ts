import { api, errorCode, groupId, ignorable, int32, nullable, or, since, string } from '../schema.ts';

/**
 * API 12. Key 12.
 */
export const Heartbeat = api({
  name: 'Heartbeat',
  key: 12,
  versions: [0, 4],
  flexible: 4,
  request: {
    groupId,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, or(null, nullable(string))),
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    errorCode,
  },
});
