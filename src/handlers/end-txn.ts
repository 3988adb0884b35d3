/**
 * EndTxn (key 26), versions 0 to 3: commits or aborts a transaction. Answered once the decision is committed; the
 * markers follow.
 *
 * v2 PRODUCER_FENCED; v3 flexible.
 */
import { EndTxn } from '../../protocol/messages/end-txn.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';
import { fencedBefore } from './transactional.ts';

export const endTxn = (services: Services) =>
  handler(EndTxn, {
    async run(request, call) {
      const errorCode = await services.transactions.coordinator.endTransaction(request, request.committed);
      return { throttleTimeMs: 0, errorCode: fencedBefore(2, call.version, errorCode) };
    },
  });
