import { api, array, bool, errorCode, int16, int32, producerId, topicName } from '../schema.ts';

/**
 * API 27. The transaction coordinator has leaders write the markers that end transactions in their
 * partitions.
 */
export const WriteTxnMarkers = api({
  name: 'WriteTxnMarkers',
  key: 27,
  versions: [0, 1],
  flexible: 1,
  request: {
    markers: array({
      producerId,
      producerEpoch: int16,
      /** True for commit. */
      transactionResult: bool,
      topics: array({
        name: topicName,
        partitionIndexes: array(int32),
      }),
      coordinatorEpoch: int32,
    }),
  },
  response: {
    markers: array({
      producerId,
      topics: array({
        name: topicName,
        partitions: array({
          partitionIndex: int32,
          errorCode,
        }),
      }),
    }),
  },
});
