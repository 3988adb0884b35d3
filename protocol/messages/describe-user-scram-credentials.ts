import { api, array, errorCode, int8, int32, nullable, string } from '../schema.ts';

/** API 50. Tells which SCRAM credentials users have (KIP-554). */
export const DescribeUserScramCredentials = api({
  name: 'DescribeUserScramCredentials',
  key: 50,
  versions: [0, 0],
  flexible: 0,
  request: {
    users: nullable(
      array({
        name: string,
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    errorCode,
    errorMessage: nullable(string),
    results: array({
      user: string,
      errorCode,
      errorMessage: nullable(string),
      credentialInfos: array({
        mechanism: int8,
        iterations: int32,
      }),
    }),
  },
});
