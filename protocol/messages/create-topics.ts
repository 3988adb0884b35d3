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
 * API 19. Key 19.
 */
export const CreateTopics = api({
  name: 'CreateTopics',
  key: 19,
  versions: [0, 7],
  flexible: 5,
  request: {
    topics: array({
      name: mapKey(topicName),
      numPartitions: int32,
      replicationFactor: int16,
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
