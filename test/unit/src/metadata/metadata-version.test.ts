import { describe, expect, test } from 'vitest';
import {
  isOnlineDirectory,
  isReservedDirectory,
  LOST_DIRECTORY,
  MIGRATING_DIRECTORY,
  UNASSIGNED_DIRECTORY,
} from '../../../../src/metadata/directory-ids.ts';
import { metadataChangedBetween, metadataVersionName } from '../../../../src/metadata/metadata-version.ts';

describe('metadata.version', () => {
  test('names the levels of 3.7.0 and no others', () => {
    expect(metadataVersionName(1)).toBe('3.0-IV1');
    expect(metadataVersionName(4)).toBe('3.3-IV0');
    expect(metadataVersionName(19)).toBe('3.7-IV4');
    expect(metadataVersionName(0)).toBeNull();
    expect(metadataVersionName(20)).toBeNull();
  });

  test('knows between which levels metadata would be lost', () => {
    expect(metadataChangedBetween(19, 17)).toBe(false);
    expect(metadataChangedBetween(19, 16)).toBe(true);
    expect(metadataChangedBetween(10, 8)).toBe(false);
    expect(metadataChangedBetween(5, 5)).toBe(false);
  });
});

describe('a directory id', () => {
  test('is reserved below one hundred', () => {
    for (const id of [MIGRATING_DIRECTORY, UNASSIGNED_DIRECTORY, LOST_DIRECTORY]) {
      expect(isReservedDirectory(id)).toBe(true);
    }
    const numbered = (value: number) => Buffer.alloc(16).fill(value, 15).toString('base64url');
    expect(isReservedDirectory(numbered(99))).toBe(true);
    expect(isReservedDirectory(numbered(100))).toBe(false);
  });

  test('counts as online unless it is lost or not among those that are', () => {
    const directory = 'abcdefghijklmnopqrstuA';
    expect(isOnlineDirectory(UNASSIGNED_DIRECTORY, [directory])).toBe(true);
    expect(isOnlineDirectory(MIGRATING_DIRECTORY, [directory])).toBe(true);
    expect(isOnlineDirectory(LOST_DIRECTORY, [directory])).toBe(false);
    expect(isOnlineDirectory(directory, [directory])).toBe(true);
    expect(isOnlineDirectory(directory, ['zbcdefghijklmnopqrstuA'])).toBe(false);
    expect(isOnlineDirectory(directory, [])).toBe(true);
  });
});
