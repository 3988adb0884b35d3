/** Records of `__transaction_state`. Key and value each begin with the version of their schema as int16. */
import { array, int8, int16, int32, int64, message, nullable, string } from '../schema.ts';

/** A transactional id. */
export const TransactionLogKey = message({
  name: 'TransactionLogKey',
  versions: [0, 0],
  flexible: 'none',
  fields: {
    transactionalId: string,
  },
});

/** The state of its transaction. Partitions are null when there are none. */
export const TransactionLogValue = message({
  name: 'TransactionLogValue',
  versions: [0, 1],
  flexible: 1,
  fields: {
    producerId: int64,
    producerEpoch: int16,
    transactionTimeoutMs: int32,
    /** 0 Empty, 1 Ongoing, 2 PrepareCommit, 3 PrepareAbort, 4 CompleteCommit, 5 CompleteAbort, 6 Dead, 7 PrepareEpochFence. */
    transactionStatus: int8,
    transactionPartitions: nullable(
      array({
        topic: string,
        partitionIds: array(int32),
      }),
    ),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
  },
});
