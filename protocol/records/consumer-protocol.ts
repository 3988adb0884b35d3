/**
 * Consumer protocol.
 */
import {
  array,
  bytes,
  ignorable,
  int32,
  mapKey,
  message,
  nullable,
  or,
  since,
  string,
  topicName,
} from '../schema.ts';

export const ConsumerProtocolSubscription = message({
  name: 'ConsumerProtocolSubscription',
  versions: [0, 3],
  flexible: 'none',
  fields: {
    topics: array(string),
    userData: or(null, nullable(bytes)),
    ownedPartitions: since(
      1,
      ignorable(
        array({
          topic: mapKey(topicName),
          partitions: array(int32),
        }),
      ),
    ),
    generationId: since(2, ignorable(or(-1, int32))),
    rackId: since(3, ignorable(or(null, nullable(string)))),
  },
});

export const ConsumerProtocolAssignment = message({
  name: 'ConsumerProtocolAssignment',
  versions: [0, 3],
  flexible: 'none',
  fields: {
    assignedPartitions: array({
      topic: mapKey(topicName),
      partitions: array(int32),
    }),
    userData: or(null, nullable(bytes)),
  },
});
