import {
  api,
  array,
  bool,
  errorCode,
  int8,
  int16,
  int32,
  mapKey,
  nullable,
  or,
  since,
  string,
  until,
} from '../schema.ts';

/**
 * API 57. Changes finalized feature levels (KIP-584).
 *
 * - v1: kinds of downgrade, dry run (KIP-778).
 */
export const UpdateFeatures = api({
  name: 'UpdateFeatures',
  key: 57,
  versions: [0, 1],
  flexible: 0,
  request: {
    timeoutMs: or(60000, int32),
    featureUpdates: array({
      feature: mapKey(string),
      maxVersionLevel: int16,
      allowDowngrade: until(0, bool),
      upgradeType: since(1, or(1, int8)),
    }),
    validateOnly: since(1, or(false, bool)),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: nullable(string),
    results: array({
      feature: mapKey(string),
      errorCode,
      errorMessage: nullable(string),
    }),
  },
});
