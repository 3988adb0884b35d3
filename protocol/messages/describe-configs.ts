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
 * API 32. Key 32.
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
