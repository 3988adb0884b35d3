import { api, array, brokerId, errorCode, int32, int64, or, uuid } from '../schema.ts';

/** API 73. A broker tells the controller in which log directories replicas lie (KIP-858). */
export const AssignReplicasToDirs = api({
  name: 'AssignReplicasToDirs',
  key: 73,
  versions: [0, 0],
  flexible: 0,
  request: {
    brokerId,
    brokerEpoch: or(-1, int64),
    directories: array({
      id: uuid,
      topics: array({
        topicId: uuid,
        partitions: array({
          partitionIndex: int32,
        }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    directories: array({
      id: uuid,
      topics: array({
        topicId: uuid,
        partitions: array({
          partitionIndex: int32,
          errorCode,
        }),
      }),
    }),
  },
});
