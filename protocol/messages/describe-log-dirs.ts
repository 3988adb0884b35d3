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
 * API 35. Key 35.
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
