import { api, bytes, errorCode, ignorable, int64, nullable, or, since, string } from '../schema.ts';

/**
 * API 36. Carries one SASL token each way (KIP-152).
 *
 * - v1: life time of the session (KIP-368).
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
    /** When the client must log in again; 0 for never. */
    sessionLifetimeMs: since(1, ignorable(or(0, int64))),
  },
});
