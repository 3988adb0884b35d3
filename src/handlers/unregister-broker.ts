/** UnregisterBroker (key 64), version 0. */
import { UnregisterBroker } from '../../protocol/messages/unregister-broker.ts';
import { forwarded } from './forwarded.ts';

export const unregisterBroker = forwarded(UnregisterBroker, (_request, errorCode) => ({
  throttleTimeMs: 0,
  errorCode,
  errorMessage: '',
}));
