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
 * API 37. Raises the number of partitions of topics (KIP-195).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).
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
