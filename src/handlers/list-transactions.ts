/** ListTransactions (key 66), version 0: the transactional ids that this broker coordinates (KIP-664). */
import { ListTransactions } from '../../protocol/messages/list-transactions.ts';
import { handler } from '../server/handler.ts';
import type { TransactionalServices } from './transactional.ts';
import { transactionsOf } from './transactional.ts';

export const listTransactions = (services: TransactionalServices) =>
  handler(ListTransactions, {
    run: (request) => transactionsOf(services).coordinator.listTransactions(request),
  });
