import {
  api,
  array,
  bool,
  errorCode,
  ignorable,
  int8,
  int32,
  nullable,
  or,
  since,
  string,
  until,
} from '../schema.ts';

/**
 * API 32. Describes the configuration of topics, brokers, loggers and client metrics.
 *
 * - v1: source in place of a default flag; synonyms (KIP-226).
 * - v2: answered before the channel is muted when a quota is violated (KIP-219).
 * - v3: types and documentation (KIP-569).
 */
export const DescribeConfigs = api({
  name: 'DescribeConfigs',
  key: 32,
  versions: [0, 4],
  flexible: 4,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      /** Null asks for all keys. */
      configurationKeys: nullable(array(string)),
    }),
    includeSynonyms: since(1, or(false, bool)),
    includeDocumentation: since(3, or(false, bool)),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      errorCode,
      errorMessage: nullable(string),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: nullable(string),
        readOnly: bool,
        isDefault: until(0, bool),
        /** -1 where the version has `isDefault` in its place. */
        configSource: since(1, ignorable(or(-1, int8))),
        isSensitive: bool,
        synonyms: since(
          1,
          ignorable(
            array({
              name: string,
              value: nullable(string),
              source: int8,
            }),
          ),
        ),
        configType: since(3, ignorable(or(0, int8))),
        documentation: since(3, ignorable(nullable(string))),
      }),
    }),
  },
});
