import { api, bytes, errorCode, nullable, or } from '../schema.ts';

/** API 58. A broker forwards the request of a client to the controller, together with who sent it (KIP-590). */
export const Envelope = api({
  name: 'Envelope',
  key: 58,
  versions: [0, 0],
  flexible: 0,
  request: {
    requestData: bytes,
    requestPrincipal: nullable(bytes),
    clientHostAddress: bytes,
  },
  response: {
    responseData: or(null, nullable(bytes)),
    errorCode,
  },
});
