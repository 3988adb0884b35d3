import {
  api,
  array,
  bool,
  errorCode,
  ignorable,
  int16,
  int32,
  int64,
  mapKey,
  or,
  since,
  string,
  tagged,
} from '../schema.ts';

/**
 * API 18. Tells which APIs, versions and features this node serves. A version that is too new is answered in
 * v0 with UNSUPPORTED_VERSION (KIP-511).
 *
 * - v1: throttle time.
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: name and version of the client software; features (KIP-584). The response keeps header v0.
 */
export const ApiVersions = api({
  name: 'ApiVersions',
  key: 18,
  versions: [0, 3],
  flexible: 3,
  request: {
    clientSoftwareName: since(3, ignorable(string)),
    clientSoftwareVersion: since(3, ignorable(string)),
  },
  response: {
    errorCode,
    apiKeys: array({
      apiKey: mapKey(int16),
      minVersion: int16,
      maxVersion: int16,
    }),
    throttleTimeMs: since(1, ignorable(int32)),
    supportedFeatures: tagged(
      0,
      3,
      ignorable(
        array({
          name: mapKey(string),
          minVersion: int16,
          maxVersion: int16,
        }),
      ),
    ),
    finalizedFeaturesEpoch: tagged(1, 3, ignorable(or(-1, int64))),
    finalizedFeatures: tagged(
      2,
      3,
      ignorable(
        array({
          name: mapKey(string),
          maxVersionLevel: int16,
          minVersionLevel: int16,
        }),
      ),
    ),
    zkMigrationReady: tagged(3, 3, ignorable(or(false, bool))),
  },
});
