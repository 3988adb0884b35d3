import { api, array, errorCode, string } from '../schema.ts';

/**
 * API 17. Key 17.
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
