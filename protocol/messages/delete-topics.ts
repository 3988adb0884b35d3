import {
  api,
  array,
  errorCode,
  ignorable,
  int32,
  mapKey,
  nullable,
  or,
  since,
  string,
  topicName,
  until,
  uuid,
} from '../schema.ts';

/**
 * API 20. Deletes topics.
 *
 * - v1: throttle time.
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: TOPIC_DELETION_DISABLED may be answered.
 * - v5: error messages; THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).
 * - v6: topics by id as well (KIP-516).
 */
export const DeleteTopics = api({
  name: 'DeleteTopics',
  key: 20,
  versions: [0, 6],
  flexible: 4,
  request: {
    topics: since(
      6,
      array({
        name: or(null, nullable(topicName)),
        topicId: uuid,
      }),
    ),
    topicNames: until(5, ignorable(array(topicName))),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: since(1, ignorable(int32)),
    responses: array({
      name: mapKey(nullable(topicName, 6)),
      topicId: since(6, ignorable(uuid)),
      errorCode,
      errorMessage: since(5, ignorable(or(null, nullable(string)))),
    }),
  },
});
