/**
 * Requests that a broker hands on to the active controller (KIP-590): it answers, the broker passes the answer back
 * once its own metadata has caught up, so that what the answer promises can be used at once.
 */
import type { Api, RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { Refuse } from '../server/handler.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const forwarded =
  <A extends Api>(api: A, refuse: Refuse<A>) =>
  (services: Services) =>
    handler(api, {
      scope: 'both',
      run: (request: RequestOf<A>, call): Promise<ResponseInput<A>> =>
        services.controller.request(api, request, {
          version: call.version,
          clientId: call.clientId,
          principal: call.connection.principal,
        }),
      refuse,
    });
