import { api, array, errorCode, int32, producerId, string, transactionalId } from '../schema.ts';

/** API 66. Lists the transactions that this broker coordinates (KIP-664). */
export const ListTransactions = api({
  name: 'ListTransactions',
  key: 66,
  versions: [0, 0],
  flexible: 0,
  request: {
    stateFilters: array(string),
    producerIdFilters: array(producerId),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    unknownStateFilters: array(string),
    transactionStates: array({
      transactionalId,
      producerId,
      transactionState: string,
    }),
  },
});
