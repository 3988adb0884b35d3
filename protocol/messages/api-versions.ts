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
 * API 18. Key 18.
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
