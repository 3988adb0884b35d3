import {
  api,
  array,
  bool,
  errorCode,
  ignorable,
  int32,
  int64,
  mapKey,
  nullable,
  or,
  since,
  string,
  topicName,
} from '../schema.ts';

/**
 * API 35. Describes the log directories of a broker and what lies in them (KIP-113).
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: error code of the whole.
 * - v4: size and free space of the volume (KIP-827).
 */
export const DescribeLogDirs = api({
  name: 'DescribeLogDirs',
  key: 35,
  versions: [0, 4],
  flexible: 2,
  request: {
    topics: nullable(
      array({
        topic: mapKey(topicName),
        partitions: array(int32),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: since(3, ignorable(errorCode)),
    results: array({
      errorCode,
      logDir: string,
      topics: array({
        name: topicName,
        partitions: array({
          partitionIndex: int32,
          partitionSize: int64,
          offsetLag: int64,
          isFutureKey: bool,
        }),
      }),
      totalBytes: since(4, ignorable(or(-1, int64))),
      usableBytes: since(4, ignorable(or(-1, int64))),
    }),
  },
});
