import { api, array, bool, errorCode, int8, int32, mapKey, nullable, string } from '../schema.ts';

/** API 44. Sets, deletes, appends to or subtracts from single configuration values (KIP-339). */
export const IncrementalAlterConfigs = api({
  name: 'IncrementalAlterConfigs',
  key: 44,
  versions: [0, 1],
  flexible: 1,
  request: {
    resources: array({
      resourceType: mapKey(int8),
      resourceName: mapKey(string),
      configs: array({
        name: mapKey(string),
        configOperation: mapKey(int8),
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
