import { api, brokerId, errorCode, int32, nullable, string } from '../schema.ts';

/** API 64. Takes a broker that is gone out of the cluster (KIP-631). */
export const UnregisterBroker = api({
  name: 'UnregisterBroker',
  key: 64,
  versions: [0, 0],
  flexible: 0,
  request: {
    brokerId,
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: nullable(string),
  },
});
