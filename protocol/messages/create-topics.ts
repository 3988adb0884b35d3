import {
  api,
  array,
  bool,
  brokerId,
  errorCode,
  ignorable,
  int8,
  int16,
  int32,
  mapKey,
  nullable,
  or,
  since,
  string,
  tagged,
  topicName,
  uuid,
} from '../schema.ts';

/**
 * API 19. Creates topics.
 *
 * - v1: dry run; error messages.
 * - v2: throttle time.
 * - v3: answered before the channel is muted when a quota is violated (KIP-219).
 * - v4: -1 asks for the default number of partitions and replicas (KIP-464).
 * - v5: the answer has partitions, replicas and configs (KIP-525).
 * - v6: THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).
 * - v7: the answer has the topic id (KIP-516).
 */
export const CreateTopics = api({
  name: 'CreateTopics',
  key: 19,
  versions: [0, 7],
  flexible: 5,
  request: {
    topics: array({
      name: mapKey(topicName),
      /** -1 for the default, or when the replicas are listed. */
      numPartitions: int32,
      /** -1 for the default, or when the replicas are listed. */
      replicationFactor: int16,
      /** Empty unless the replicas of each partition are laid down. */
      assignments: array({
        partitionIndex: mapKey(int32),
        brokerIds: array(brokerId),
      }),
      configs: array({
        name: mapKey(string),
        value: nullable(string),
      }),
    }),
    timeoutMs: or(60000, int32),
    validateOnly: since(1, or(false, bool)),
  },
  response: {
    throttleTimeMs: since(2, ignorable(int32)),
    topics: array({
      name: mapKey(topicName),
      topicId: since(7, ignorable(uuid)),
      errorCode,
      errorMessage: since(1, ignorable(nullable(string))),
      topicConfigErrorCode: tagged(0, 5, ignorable(errorCode)),
      numPartitions: since(5, ignorable(or(-1, int32))),
      replicationFactor: since(5, ignorable(or(-1, int16))),
      configs: since(
        5,
        ignorable(
          nullable(
            array({
              name: string,
              value: nullable(string),
              readOnly: bool,
              configSource: ignorable(or(-1, int8)),
              isSensitive: bool,
            }),
          ),
        ),
      ),
    }),
  },
});
