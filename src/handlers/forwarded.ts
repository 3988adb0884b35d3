/**
 * Requests that a broker hands on to the active controller (KIP-590): it answers, the broker passes the answer back
 * once its own metadata has caught up, so that what the answer promises can be used at once.
 */
import { errorMessage } from '../../protocol/errors.ts';
import type { Api, RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

/** As `Refuse`, but the message may be missing. */
type RefuseForwarded<A extends Api> = (
  request: RequestOf<A>,
  errorCode: number,
  message: string | null,
) => ResponseInput<A>;

export const forwarded =
  <A extends Api>(api: A, refuse: RefuseForwarded<A>) =>
  (services: Services) =>
    handler(api, {
      scope: 'both',
      run: (request: RequestOf<A>, call): Promise<ResponseInput<A>> =>
        services.controller.request(api, request, {
          version: call.version,
          clientId: call.clientId,
          principal: call.connection.principal,
        }),
      // A message that says no more than the code does is left out, as ApiError does.
      refuse: (request, errorCode, message) =>
        refuse(request, errorCode, message === errorMessage(errorCode) ? null : message),
    });
