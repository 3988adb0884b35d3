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
 * API 20. Key 20.
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
