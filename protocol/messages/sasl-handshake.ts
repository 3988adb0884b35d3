import { api, array, errorCode, string } from '../schema.ts';

/**
 * API 17. Picks the SASL mechanism.
 *
 * - v1: tokens follow in SaslAuthenticate requests; after v0 they follow as bare frames (KIP-152).
 */
export const SaslHandshake = api({
  name: 'SaslHandshake',
  key: 17,
  versions: [0, 1],
  flexible: 'none',
  request: {
    mechanism: string,
  },
  response: {
    errorCode,
    mechanisms: array(string),
  },
});
