/** The keys that stand for a SCRAM password: HMACs of the salted password (RFC 5802, section 3). */
import { createHash, createHmac } from 'node:crypto';
import type { ScramKeys } from '../controller/ports.ts';

const SCRAM_SHA_512 = 2;

export function scramKeys(mechanism: number, saltedPassword: Buffer): ScramKeys {
  const algorithm = mechanism === SCRAM_SHA_512 ? 'sha512' : 'sha256';
  const clientKey = createHmac(algorithm, saltedPassword).update('Client Key').digest();
  return {
    storedKey: createHash(algorithm).update(clientKey).digest(),
    serverKey: createHmac(algorithm, saltedPassword).update('Server Key').digest(),
  };
}
