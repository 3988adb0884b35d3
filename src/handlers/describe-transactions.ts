/** DescribeTransactions (key 65), version 0: the state of transactional ids that this broker coordinates (KIP-664). */
import { DescribeTransactions } from '../../protocol/messages/describe-transactions.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const describeTransactions = (services: Services) =>
  handler(DescribeTransactions, {
    async run(request) {
      const { coordinator } = services.transactions;
      const transactionStates = await coordinator.describeTransactions(request.transactionalIds);
      return { throttleTimeMs: 0, transactionStates };
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      transactionStates: request.transactionalIds.map((transactionalId) => ({
        errorCode,
        transactionalId,
        transactionState: '',
        transactionTimeoutMs: 0,
        transactionStartTimeMs: 0,
        producerId: 0,
        producerEpoch: 0,
        topics: [],
      })),
    }),
  });
