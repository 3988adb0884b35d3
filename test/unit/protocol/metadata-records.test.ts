import { describe, expect, expectTypeOf, test } from 'vitest';
import { MalformedMessage } from '../../../protocol/errors.ts';
import type { MetadataRecord, MetadataRecordOf } from '../../../protocol/records/metadata.ts';
import { decodeMetadataRecord, encodeMetadataRecord } from '../../../protocol/records/metadata.ts';

const topicId = 'ABEiM0RVZneImaq7zN3u_w';

describe('metadata record', () => {
  test('The frame is its version, the type and the version of the type.', () => {
    const bytes = encodeMetadataRecord({ type: 'TopicRecord', name: 'foo', topicId }, 0);
    expect(bytes.toString('hex')).toBe(`010200${'04666f6f'}00112233445566778899aabbccddeeff00`);
    expect(decodeMetadataRecord(bytes)).toEqual({ type: 'TopicRecord', name: 'foo', topicId });
  });

  test('The type tells the fields to the compiler.', () => {
    const record = decodeMetadataRecord(
      encodeMetadataRecord({ type: 'TopicRecord', name: 'foo', topicId }, 0),
    );
    expectTypeOf(record).toEqualTypeOf<MetadataRecord>();
    expect(record.type === 'TopicRecord' && record.name).toBe('foo');
    expectTypeOf<MetadataRecordOf<'PartitionRecord'>['isr']>().toEqualTypeOf<readonly number[]>();
  });

  test('Fields that are left out have their defaults.', () => {
    const change = { type: 'PartitionChangeRecord', partitionId: 1, topicId, isr: [3] } as const;
    expect(decodeMetadataRecord(encodeMetadataRecord(change, 1))).toMatchObject({
      ...change,
      leader: -2,
      replicas: null,
      leaderRecoveryState: -1,
      directories: null,
    });
  });

  test('A record inside other bytes is read.', () => {
    const bytes = encodeMetadataRecord({ type: 'NoOpRecord' }, 0);
    const inside = Buffer.concat([Buffer.alloc(5), bytes, Buffer.alloc(5)]);
    expect(decodeMetadataRecord(inside, 5, 5 + bytes.length)).toEqual({ type: 'NoOpRecord' });
  });

  test.each([
    ['an unknown frame version', '000200'],
    ['an unknown type', '017f00'],
    ['an unknown version of a known type', '010209'],
    ['nothing', ''],
    ['a cut record', '010200'],
  ])('It is malformed: %s.', (_what, hex) => {
    expect(() => decodeMetadataRecord(Buffer.from(hex, 'hex'))).toThrow(MalformedMessage);
  });
});
