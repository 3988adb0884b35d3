import { api, array, bytes, errorCode, int8, int32, nullable, string } from '../schema.ts';

/** API 51. Sets and removes SCRAM credentials (KIP-554). The salted password is made by the client. */
export const AlterUserScramCredentials = api({
  name: 'AlterUserScramCredentials',
  key: 51,
  versions: [0, 0],
  flexible: 0,
  request: {
    deletions: array({
      name: string,
      mechanism: int8,
    }),
    upsertions: array({
      name: string,
      mechanism: int8,
      iterations: int32,
      salt: bytes,
      saltedPassword: bytes,
    }),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      user: string,
      errorCode,
      errorMessage: nullable(string),
    }),
  },
});
