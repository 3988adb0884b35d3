/** ListTransactions (key 66), version 0: the transactional ids that this broker coordinates (KIP-664). */
import { ListTransactions } from '../../protocol/messages/list-transactions.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const listTransactions = (services: Services) =>
  handler(ListTransactions, {
    run: (request) => services.transactions.coordinator.listTransactions(request),
  });
