import {
  api,
  array,
  bool,
  brokerId,
  errorCode,
  int32,
  mapKey,
  nullable,
  or,
  string,
  topicName,
} from '../schema.ts';

/**
 * API 37. Key 37.
 */
export const CreatePartitions = api({
  name: 'CreatePartitions',
  key: 37,
  versions: [0, 3],
  flexible: 2,
  request: {
    topics: array({
      name: mapKey(topicName),
      count: int32,
      assignments: nullable(
        array({
          brokerIds: array(brokerId),
        }),
      ),
    }),
    timeoutMs: int32,
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      name: topicName,
      errorCode,
      errorMessage: or(null, nullable(string)),
    }),
  },
});
