/**
 * Damaged requests: frames that Apache Kafka's own classes made, changed at random.
 *
 * The same seed gives the same frames, so that a failure can be replayed.
 */

import { apis } from '../../protocol/messages/index.ts';
import type { Api } from '../../protocol/schema.ts';
import { readVectors } from '../wire/message-vectors.ts';
import { encodeRequestHeader } from './request-header.ts';

export interface RequestFrame {
  readonly api: Api;
  readonly version: number;
  /** Header and body, without the size. */
  readonly bytes: Buffer;
}

/** Values that lengths, counts, offsets and epochs are afraid of. */
const EXTREMES = [
  'ffffffff',
  '7fffffff',
  '80000000',
  '7fffffffffffffff',
  '8000000000000000',
  'ffffffffffffffff',
  'ffffffff0f',
  'ffffffffffffffffff01',
  '06400001',
  '00000000',
  '7fff',
  '8000',
  'c328',
  'edb080',
  'f09f9880',
].map((hex) => Buffer.from(hex, 'hex'));

/** Every request vector of every API and version, with a header before it. */
export function requestFrames(): RequestFrame[] {
  const vectors = readVectors();
  return apis.flatMap((api) =>
    (vectors.get(`${api.name}Request`) ?? []).map(({ version, bytes }) => ({
      api,
      version,
      bytes: Buffer.concat([encodeRequestHeader(api, version, 7, 'mutant'), bytes]),
    })),
  );
}

/** One to three small changes; the first bytes, which name the API, mostly stay. */
export function mutate(frame: Buffer, random: () => number): Buffer {
  let bytes: Buffer = Buffer.from(frame);
  const below = (bound: number): number => Math.floor(random() * bound);
  for (let change = 1 + below(3); change > 0; change--) bytes = changeOnce(bytes, below, random);
  return bytes;
}

function changeOnce(bytes: Buffer, below: (bound: number) => number, random: () => number): Buffer {
  const from = random() < 0.02 ? 0 : Math.min(8, bytes.length);
  const at = from + below(Math.max(1, bytes.length - from));
  const kind = random();
  if (bytes.length === 0 || kind < 0.05) return bytes.subarray(0, at);
  if (kind < 0.3) {
    const byte = bytes.readUInt8(Math.min(at, bytes.length - 1));
    bytes.writeUInt8(byte ^ (1 << below(8)), Math.min(at, bytes.length - 1));
    return bytes;
  }
  if (kind < 0.5) {
    bytes.writeUInt8(below(256), Math.min(at, bytes.length - 1));
    return bytes;
  }
  const extreme = EXTREMES[below(EXTREMES.length)] ?? Buffer.alloc(0);
  if (kind < 0.7) {
    extreme.copy(bytes, at);
    return bytes;
  }
  if (kind < 0.8) return Buffer.concat([bytes.subarray(0, at), extreme, bytes.subarray(at)]);
  if (kind < 0.9) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(8))]);
  const start = from + below(Math.max(1, bytes.length - from));
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(start, start + 64), bytes.subarray(at)]);
}
