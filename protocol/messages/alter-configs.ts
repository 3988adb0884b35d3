import { api, array, bool, errorCode, int8, int32, mapKey, nullable, string } from '../schema.ts';

/**
 * API 33. Replaces the whole configuration of a resource. What is not named goes back to its default.
 *
 * - v1: answered before the channel is muted when a quota is violated (KIP-219).
 */
export const AlterConfigs = api({
  name: 'AlterConfigs',
  key: 33,
  versions: [0, 2],
  flexible: 2,
  request: {
    resources: array({
      resourceType: mapKey(int8),
      resourceName: mapKey(string),
      configs: array({
        name: mapKey(string),
        value: nullable(string),
      }),
    }),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    responses: array({
      errorCode,
      errorMessage: nullable(string),
      resourceType: int8,
      resourceName: string,
    }),
  },
});
