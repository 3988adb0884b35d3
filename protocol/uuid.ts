/**
 * Ids of topics, directories, processes and client instances: 16 bytes on the wire, text everywhere else.
 *
 * Always true: a `Uuid` is the 22-character base64url text that Kafka's tools print and its files hold, and two
 * ids are equal exactly when their texts are. Texts made here are canonical (the last character carries 2 bits).
 */
import { assert } from './assert.ts';

export type Uuid = string;

/** No id. Also the directory id UNASSIGNED (KIP-858). */
export const ZERO_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA';
/** Topic id of `__cluster_metadata`. Also the directory id LOST. */
export const ONE_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAQ';
export const METADATA_TOPIC_ID: Uuid = ONE_UUID;

const UUID_BYTES = 16;
const RESERVED_IDS = 100;

/** The id in the 16 bytes that start at `position`. */
export function uuidFromBytes(bytes: Uint8Array, position = 0): Uuid {
  assert(bytes.length >= position + UUID_BYTES, 'A UUID has 16 bytes.');
  return Buffer.from(bytes.buffer, bytes.byteOffset + position, UUID_BYTES).toString('base64url');
}

/** The 16 bytes of `uuid`. The text must be one that this module made or `isUuid` accepted. */
export function uuidBytes(uuid: Uuid): Buffer {
  const bytes = Buffer.from(uuid, 'base64url');
  assert(bytes.length === UUID_BYTES, 'The text of a UUID has 22 base64url characters.');
  return bytes;
}

/** Whether `text` is the canonical text of an id, for input from people and files. */
export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

/**
 * A new random id of RFC 4122 version 4. `random(n)` gives n random bytes.
 * Never one of the reserved ids, and never with a leading '-', which command lines take for an option.
 */
export function makeUuid(random: (byteCount: number) => Uint8Array): Uuid {
  for (;;) {
    const bytes = Buffer.from(random(UUID_BYTES));
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    const text = uuidFromBytes(bytes);
    if (!text.startsWith('-') && !isReserved(bytes)) {
      return text;
    }
  }
}

function isReserved(bytes: Buffer): boolean {
  return bytes.readBigUInt64BE(0) === 0n && bytes.readBigUInt64BE(8) < BigInt(RESERVED_IDS);
}
