import { describe, expect, test } from 'vitest';
import {
  isUuid,
  METADATA_TOPIC_ID,
  makeUuid,
  uuidBytes,
  uuidFromBytes,
  ZERO_UUID,
} from '../../../protocol/uuid.ts';

describe('uuid', () => {
  test('The text is the unpadded base64url of the 16 bytes.', () => {
    expect(uuidFromBytes(new Uint8Array(16))).toBe(ZERO_UUID);
    const bytes = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    expect(uuidFromBytes(bytes)).toBe('ABEiM0RVZneImaq7zN3u_w');
    expect(uuidBytes('ABEiM0RVZneImaq7zN3u_w')).toEqual(bytes);
  });

  test('An id can be read from the middle of other bytes.', () => {
    const bytes = Buffer.concat([
      Buffer.from('ff', 'hex'),
      uuidBytes(METADATA_TOPIC_ID),
      Buffer.from('ff', 'hex'),
    ]);
    expect(uuidFromBytes(bytes, 1)).toBe(METADATA_TOPIC_ID);
  });

  test('Only the canonical text is accepted from people.', () => {
    expect(isUuid('ABEiM0RVZneImaq7zN3u_w')).toBe(true);
    expect(isUuid('ABEiM0RVZneImaq7zN3u_x')).toBe(false);
    expect(isUuid('ABEiM0RVZneImaq7zN3u_w==')).toBe(false);
    expect(isUuid('not an id')).toBe(false);
  });
});

describe('a new uuid', () => {
  test('It is of version 4 and keeps the random bits.', () => {
    const id = makeUuid((count) => new Uint8Array(count).fill(0x11));
    expect(uuidBytes(id).toString('hex')).toBe('11111111111141119111111111111111');
  });

  test('It never begins with a dash, which command lines take for an option.', () => {
    const draws = [0xfb, 0x22];
    const id = makeUuid((count) => new Uint8Array(count).fill(draws.shift() ?? 0));
    expect(uuidBytes(id).toString('hex')).toMatch(/^2222/);
    expect(draws).toEqual([]);
  });
});
