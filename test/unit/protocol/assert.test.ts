import { describe, expect, test } from 'vitest';
import { AssertionError, assert, unreachable } from '../../../protocol/assert.ts';

describe('assert', () => {
  test('What holds passes and narrows the type.', () => {
    const value: string | null = Math.max(1, 2) === 2 ? 'text' : null;
    assert(value !== null, 'There is a value.');
    expect(value.length).toBe(4);
  });

  test('What does not hold throws an AssertionError with the sentence.', () => {
    expect(() => {
      assert(false, 'This is never so.');
    }).toThrow(new AssertionError('This is never so.'));
  });

  test('An unreachable value is named.', () => {
    expect(() => unreachable('x' as never)).toThrow('Unreachable value: x');
  });
});
