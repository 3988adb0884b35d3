import { api, array, errorCode, int32, string } from '../schema.ts';

/** API 74. Lists the names of client metrics subscriptions (KIP-714). */
export const ListClientMetricsResources = api({
  name: 'ListClientMetricsResources',
  key: 74,
  versions: [0, 0],
  flexible: 0,
  request: {},
  response: {
    throttleTimeMs: int32,
    errorCode,
    clientMetricsResources: array({
      name: string,
    }),
  },
});
