import { api, bytes, errorCode, ignorable, int64, nullable, or, since, string } from '../schema.ts';

/**
 * API 36. Key 36.
 */
export const SaslAuthenticate = api({
  name: 'SaslAuthenticate',
  key: 36,
  versions: [0, 2],
  flexible: 2,
  request: {
    authBytes: bytes,
  },
  response: {
    errorCode,
    errorMessage: nullable(string),
    authBytes: bytes,
    sessionLifetimeMs: since(1, ignorable(or(0, int64))),
  },
});
