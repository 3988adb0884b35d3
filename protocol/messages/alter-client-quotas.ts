import { api, array, bool, errorCode, float64, int32, nullable, string } from '../schema.ts';

/** API 49. Sets and removes quotas (KIP-546). */
export const AlterClientQuotas = api({
  name: 'AlterClientQuotas',
  key: 49,
  versions: [0, 1],
  flexible: 1,
  request: {
    entries: array({
      entity: array({
        entityType: string,
        /** Null stands for the default entity. */
        entityName: nullable(string),
      }),
      ops: array({
        key: string,
        value: float64,
        remove: bool,
      }),
    }),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    entries: array({
      errorCode,
      errorMessage: nullable(string),
      entity: array({
        entityType: string,
        entityName: nullable(string),
      }),
    }),
  },
});
