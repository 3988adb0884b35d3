import { api, array, bool, errorCode, float64, int8, int32, nullable, string } from '../schema.ts';

/** API 48. Lists the quotas that match a filter (KIP-546). */
export const DescribeClientQuotas = api({
  name: 'DescribeClientQuotas',
  key: 48,
  versions: [0, 1],
  flexible: 1,
  request: {
    components: array({
      entityType: string,
      matchType: int8,
      match: nullable(string),
    }),
    strict: bool,
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: nullable(string),
    entries: nullable(
      array({
        entity: array({
          entityType: string,
          entityName: nullable(string),
        }),
        values: array({
          key: string,
          value: float64,
        }),
      }),
    ),
  },
});
