import { api, errorCode, groupId, ignorable, int32, nullable, or, since, string } from '../schema.ts';

/**
 * API 12. A member of the classic protocol says that it is alive; the answer tells whether its generation
 * still holds.
 *
 * - v1: throttle time.
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: static members (KIP-345).
 */
export const Heartbeat = api({
  name: 'Heartbeat',
  key: 12,
  versions: [0, 4],
  flexible: 4,
  request: {
    groupId,
    /** Generation that the member joined; a stale one is refused with ILLEGAL_GENERATION. */
    generationId: int32,
    memberId: string,
    /** Name of a static member, null for a dynamic one. */
    groupInstanceId: since(3, or(null, nullable(string))),
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    errorCode,
  },
});
