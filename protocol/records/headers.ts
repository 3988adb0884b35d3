/**
 * Headers.
 */
import { classic, ignorable, int16, int32, message, nullable, since, string } from '../schema.ts';

export const RequestHeader = message({
  name: 'RequestHeader',
  versions: [0, 2],
  flexible: 2,
  fields: {
    requestApiKey: int16,
    requestApiVersion: int16,
    correlationId: int32,
    clientId: since(1, classic(ignorable(nullable(string)))),
  },
});

export const ResponseHeader = message({
  name: 'ResponseHeader',
  versions: [0, 1],
  flexible: 1,
  fields: {
    correlationId: int32,
  },
});
