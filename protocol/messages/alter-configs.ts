import { api, array, bool, errorCode, int8, int32, mapKey, nullable, string } from '../schema.ts';

/**
 * API 33. Key 33.
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
