import { describe, expect, test } from 'vitest';
import { javaHashCode, partitionFor } from '../../../../src/group/partition-for.ts';

describe('the partition of a group', () => {
  test('goes by the hash of Java', () => {
    expect(javaHashCode('')).toBe(0);
    expect(javaHashCode('hello')).toBe(99_162_322);
    expect(javaHashCode('console-consumer-12345')).toBe(javaHashCode('console-consumer-12345') | 0);
    // UTF-16 units, not code points or bytes.
    expect(javaHashCode('é')).toBe(233);
    expect(javaHashCode('😀')).toBe(0xd83d * 31 + 0xde00);
  });

  test('is the true absolute value of the hash, with 0 for the one number that has none', () => {
    expect(javaHashCode('polygenelubricants')).toBe(-2_147_483_648);
    expect(partitionFor('polygenelubricants', 50)).toBe(0);
    const negative = 'my-group';
    const hash = javaHashCode(negative);
    expect(hash).toBeLessThan(0);
    expect(partitionFor(negative, 50)).toBe(-hash % 50);
    // The mask of the producer's partitioner would give another one.
    expect(partitionFor(negative, 50)).not.toBe((hash & 0x7fffffff) % 50);
  });
});
