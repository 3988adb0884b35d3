/**
 * Who sent a request, as an Envelope carries it to the controller (KIP-590). The blob begins with the
 * version as int16.
 */
import { bool, message, string } from '../schema.ts';

export const DefaultPrincipalData = message({
  name: 'DefaultPrincipalData',
  versions: [0, 0],
  flexible: 0,
  fields: {
    type: string,
    name: string,
    tokenAuthenticated: bool,
  },
});
